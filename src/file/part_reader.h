/* Reading the record of a part of a delta from a source: its copies come into memory, and nothing is believed. */
#ifndef RD_FILE_PART_READER_H
#define RD_FILE_PART_READER_H

#include "base/allowance.h"
#include "file/digest.h"
#include "format/delta_part.h"
#include "io/source.h"

typedef struct rd__part_reader {
    /* The result: */
    rd__delta_part part;
    rd_op *copies; /* in order; those that are next to each other may continue each other */
    size_t count;
    uint32_t worst;
    uint64_t false_matches;
    uint32_t literals; /* the sum of the bytes that are in no copy */
    rd__digest digest; /* if the part has one */
    /* Its own: */
    rd__operation *operation;
    size_t capacity; /* of the copies */
    rd__allowance allowance;
    const rd_source *source;
    uint64_t offset; /* in the source, of the bytes after the buffer */
    uint8_t *buffer;
    size_t at; /* what was taken of the buffer */
    size_t filled;
    rd__digester check;
} rd__part_reader;

/* Errors: RD_E_MEMORY. rd__part_reader_close must follow in any case. */
rd_result rd__part_reader_open(rd__part_reader *reader, rd__operation *operation);

/*
 * Reads a record; the memory of the one before is used again. Copies take 32 bytes each, which limits.memory bounds.
 * Errors: those of rd__delta_part_get; RD_E_TRUNCATED, RD_E_CORRUPT, RD_E_LIMIT.
 */
rd_result rd__part_reader_read(rd__part_reader *reader, const rd_source *record);

void rd__part_reader_close(rd__part_reader *reader);

#endif
