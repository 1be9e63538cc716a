/*
 * Making the sums of blocks that are too long to lie in memory several at a time. A group of blocks is hashed by one
 * thread, a chunk of each at once, so that they fill the kernels' lanes; memory does not depend on how long they are. A
 * group need not be a range: blocks of zeros in holes are left out of it, and neither read nor hashed.
 *
 * A signature is made of these sums, and for a delta they are hints.
 */
#ifndef RD_FILE_LONG_BLOCKS_H
#define RD_FILE_LONG_BLOCKS_H

#include "engine/signer.h"
#include "io/source.h"

#include <stdatomic.h>

/* The next `count` blocks, `bytes` in all, have these sums; NULL: unknown. Failures end the run. */
typedef rd_result rd__long_blocks_fn(void *context, const rd__block_sums *sums, uint64_t count, uint64_t bytes);

typedef struct rd__long_blocks {
    const rd_source *source; /* that any thread may read, and whose size is known and not 0 */
    rd__operation *operation;
    rd_role role;
    const rd__kernels *kernels;
    rd_params params;
    rd__long_blocks_fn *take; /* is given all blocks, in order, in the calling thread */
    void *context;
    atomic_bool pause; /* set by `take`: sums are not wanted for now */
} rd__long_blocks;

rd_result rd__long_blocks_run(rd__long_blocks *blocks);

#endif
