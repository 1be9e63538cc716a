/*
 * Reading the ops of a delta from a source, without a basis: for the public rd_ops and for
 * verification.
 */
#ifndef RD_FILE_OPS_H
#define RD_FILE_OPS_H

#include "file/reader.h"
#include "format/op_reader.h"

typedef struct rd__ops {
    rd__operation *operation;
    rd__reader reader;
    rd__op_reader ops;
    uint8_t *chunk; /* of the delta, of chunk_size bytes */
    size_t chunk_size;
    rd_in in; /* what is left of it */
} rd__ops;

/* The operation says whether a trailer is looked at. rd__ops_close must follow in any case. Errors: RD_E_MEMORY. */
rd_result rd__ops_open(rd__ops *ops, const rd_source *delta, rd__operation *operation);

/*
 * RD_MORE: *op is the next one. RD_OK: the delta has ended, and with it the source, unless its trailer is not looked
 * at. Errors: those of reading and of rd__op_reader_next.
 */
rd_result rd__ops_next(rd__ops *ops, rd_op *op);

/* The next bytes of the literal given last, at most `size`: all of them but at its end, or with a failure. */
rd_result rd__ops_read(rd__ops *ops, void *data, size_t size, size_t *got);

/* The delta has ended: the statistics of the operation get what its trailer says, if it has one. */
void rd__ops_note_trailer(const rd__ops *ops);

void rd__ops_close(rd__ops *ops);

#endif
