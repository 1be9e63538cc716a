/*
 * Dense deltas in a chain that is to be merged. The first one needs the first basis to be read, which is at hand; each
 * other one the file that the deltas before it make, which is not. So those before it are merged, which gives that file
 * as a source (patched_source.h), and through it the dense delta is expanded.
 */
#ifndef RD_FILE_MERGE_DENSE_H
#define RD_FILE_MERGE_DENSE_H

#include "base/allowance.h"
#include "base/operation.h"

typedef struct rd__chain {
    rd_source *deltas; /* as they are now: none after the first is dense, as far as it can be seen beforehand */
    size_t count;
    size_t merged;    /* of the deltas given, so many have become parts of the first one here */
    rd_source *all;   /* `deltas` is the end of it */
    rd_memory *bytes; /* of all that are not the caller's */
    size_t bytes_count;
} rd__chain;

/*
 * Finds the dense deltas after the first one; what is not seekable is taken for one that is not dense. What is expanded
 * and merged for that is kept in memory. `basis` is seekable. Errors: those of rd_delta_merge and rd_delta_expand, with
 * the operation's delta_index. rd__chain_free must follow in any case.
 */
rd_result rd__chain_expand(rd__chain *chain, const rd_source *deltas, size_t count, const rd_source *basis,
                           rd__allowance *allowance, rd__operation *operation);
void rd__chain_free(rd__chain *chain);

#endif
