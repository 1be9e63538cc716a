/*
 * Signing blocks that are too long to lie in memory several at a time. A group of blocks is hashed by one thread, a
 * chunk of each at once, so that they fill the kernels' lanes; memory does not depend on how long they are. A group
 * need not be a range: blocks of zeros in holes are left out of it, and neither read nor hashed.
 */
#ifndef RD_FILE_LONG_BLOCKS_H
#define RD_FILE_LONG_BLOCKS_H

#include "engine/signer.h"
#include "io/source.h"

/* The next `count` blocks, `bytes` in all, have these sums. Failures end the signing. */
typedef rd_result rd__long_blocks_fn(void *context, const rd__block_sums *sums, uint64_t count, uint64_t bytes);

/*
 * Gives the sums of all blocks of a basis that any thread may read, and whose size is known, to `take`, in order and in
 * the calling thread.
 */
rd_result rd__long_blocks_sign(const rd_source *basis, rd__operation *operation, const rd__kernels *kernels,
                               const rd_params *params, rd__long_blocks_fn *take, void *context);

#endif
