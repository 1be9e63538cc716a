/*
 * Literals of a delta that cannot be read again, from a pipe, out of frames or out of a dense delta: their bytes are
 * kept in memory.
 */
#ifndef RD_FILE_KEPT_LITERALS_H
#define RD_FILE_KEPT_LITERALS_H

#include "base/allowance.h"
#include "file/ops.h"

typedef struct rd__kept_literals {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
} rd__kept_literals;

/* Must the literals of the delta be kept? Known once it has given an op. */
bool rd__ops_must_be_kept(const rd__ops *ops);

/*
 * Keeps the next `size` bytes of the literal given last, which has as many. Memory grows with the bytes that are there.
 * Errors: RD_E_LIMIT, RD_E_MEMORY, and those of rd__ops_read.
 */
rd_result rd__kept_literals_add(rd__kept_literals *kept, rd__ops *ops, uint64_t size, rd__allowance *allowance);

#endif
