/*
 * A signature in memory: a table of block sums, in block order, with an index from sums to blocks. Built once by the
 * loader, immutable after that, so any number of threads may use it.
 */
#ifndef RD_ENGINE_SIGNATURE_H
#define RD_ENGINE_SIGNATURE_H

#include "engine/index.h"
#include "redelta.h"

struct rd_signature {
    rd_params params;
    rd__sums sums;
    rd__index index;
};

/* What a block takes, sums and index, in round numbers: see index.h. */
static inline uint64_t rd__signature_block_memory(const rd_signature *signature) {
    return signature->sums.strong_len + 16;
}

#endif
