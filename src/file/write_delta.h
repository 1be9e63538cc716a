/*
 * The delta writer, for operations of the library: what rd_delta_writer does, without a digest of its own. It is for
 * those who have ops; who has the new file uses op_output.h.
 */
#ifndef RD_FILE_WRITE_DELTA_H
#define RD_FILE_WRITE_DELTA_H

#include "engine/op_joiner.h"
#include "file/writer.h"
#include "format/emitter.h"

typedef struct rd__delta_writer {
    rd__operation *operation;
    rd__writer writer;
    rd__emitter emitter;
    rd_op held;    /* the copy that may still grow; length 0: none */
    size_t filled; /* bytes of the literal that may still grow */
    uint8_t literal[RD__LITERAL_MAX];
} rd__delta_writer;

/* Starts the delta. rd__delta_writer_close must follow in any case. Errors: those of rd__writer_open. */
rd_result rd__delta_writer_open(rd__delta_writer *w, const rd_sink *sink, rd__operation *operation);

/* The bytes of the new file so far. */
uint64_t rd__delta_writer_target(const rd__delta_writer *w);

/* Adds a copy, or bytes. Neither may make the new file longer than 2^63 - 1 bytes. */
rd_result rd__delta_writer_copy(rd__delta_writer *w, uint64_t offset, uint64_t length);
rd_result rd__delta_writer_literal(rd__delta_writer *w, const void *data, size_t size);

/* Ends the delta, with a trailer unless `digest` is NULL, which knows the basis unless that is NULL. */
rd_result rd__delta_writer_finish(rd__delta_writer *w, const uint8_t *digest, const rd__basis_id *basis);

void rd__delta_writer_close(rd__delta_writer *w);

#endif
