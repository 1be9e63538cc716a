/*
 * A signature in memory: a table of block sums, in block order, with an index from sums to blocks. The loader makes it
 * of the bytes of a file, file/make_signature.c of a basis. Once indexed it is immutable, so any number of threads may
 * use it.
 *
 * A table may be that of a part of the basis: `origin` says where its first block lies. Parts have no index until they
 * are joined.
 */
#ifndef RD_ENGINE_SIGNATURE_H
#define RD_ENGINE_SIGNATURE_H

#include "base/pipeline.h"
#include "engine/index.h"
#include "redelta.h"

#include <stdatomic.h>

enum { RD__IDENTITY = 16 };

struct rd_signature {
    rd_params params; /* block length 0: not known yet */
    uint64_t origin;  /* of the first block, in the basis */
    uint64_t length;  /* of the blocks together: the last one may be short */
    rd__sums sums;
    uint64_t capacity;   /* blocks that the arrays of sums can hold */
    uint64_t blocks_max; /* that the limits, and an index, allow */
    bool indexed;
    rd__index index;
    /* Of rd__signature_identity, once it was asked for: whoever makes it, it is the same. Both 0: unknown. */
    _Atomic uint64_t identity[2];
};

/* What a block takes, sums and index, in round numbers: see index.h. */
static inline uint64_t rd__signature_block_memory(const rd_signature *signature) {
    return signature->sums.strong_len + 16;
}

/* Where in the basis a block lies. */
static inline uint64_t rd__signature_block_offset(const rd_signature *signature, uint64_t block) {
    return signature->origin + block * signature->params.block_len;
}

/*
 * The first bytes of the BLAKE3 of the signature's file, by which two processes see whether they have the same. It is
 * remembered, since it takes some milliseconds for a million blocks.
 */
void rd__signature_identity(const rd_signature *signature, uint8_t identity[RD__IDENTITY]);

/*
 * Is the delta with these statistics, made against the signature (NULL: that of an empty basis), one copy of the whole
 * basis?
 */
static inline bool rd__copies_all(const rd_stats *stats, const rd_signature *signature) {
    const uint64_t blocks = signature ? rd_block_count(&signature->params, stats->copy_bytes) : 0;
    return stats->literal_bytes == 0 && stats->copy_commands <= 1 &&
           blocks == (signature ? signature->sums.count : 0) && (!signature || signature->origin == 0);
}

/* Without blocks. NULL: out of memory. */
rd_signature *rd__signature_new(void);

/* Settles the parameters, which must be resolved, before the first block. */
void rd__signature_set_params(rd_signature *signature, const rd_params *params, const rd_limits *limits);

/*
 * Makes room for `more` blocks, of `expected` in all, or RD_UNKNOWN: a hint, never trusted. The arrays double, but
 * never beyond what is expected, so that a table takes the memory of its sums once. Errors: RD_E_MEMORY; RD_E_LIMIT, at
 * `offset` of the signature.
 */
rd_result rd__signature_reserve(rd_signature *signature, uint64_t more, uint64_t expected, const rd_limits *limits,
                                uint64_t offset, rd_error *error);

/* No more blocks follow: frees the room that is left over and, if `index`, builds the index. Errors: RD_E_MEMORY. */
rd_result rd__signature_finish(rd_signature *signature, bool index, unsigned threads, rd__pool *pool, rd_error *error);

#endif
