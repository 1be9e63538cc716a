/* See signature.h. */
#include "engine/signature.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

rd_signature *rd__signature_new(void) {
    return rd__alloc_zeroed(1, sizeof(rd_signature));
}

void rd__signature_set_params(rd_signature *signature, const rd_params *params, const rd_limits *limits) {
    assert(signature->sums.count == 0 && params->block_len > 0 && params->strong_len > 0);
    signature->params = *params;
    signature->sums.strong_len = (size_t)params->strong_len;
    signature->blocks_max = RD__INDEX_BLOCKS_MAX;
    if (limits->blocks > 0)
        signature->blocks_max = rd__min_u64(signature->blocks_max, limits->blocks);
    if (limits->memory > 0)
        signature->blocks_max =
            rd__min_u64(signature->blocks_max, limits->memory / rd__signature_block_memory(signature));
}

static bool signature_set_capacity(rd_signature *signature, uint64_t capacity) {
    rd__sums *const sums = &signature->sums;
    assert(capacity >= sums->count);
    uint32_t *const weak = rd__resize_array(sums->weak, capacity, sizeof *weak);
    if (weak)
        sums->weak = weak;
    uint8_t *const strong = weak ? rd__resize_array(sums->strong, capacity, sums->strong_len) : NULL;
    if (!strong)
        return false;
    sums->strong = strong;
    signature->capacity = capacity;
    return true;
}

rd_result rd__signature_reserve(rd_signature *signature, uint64_t more, uint64_t expected, const rd_limits *limits,
                                uint64_t offset, rd_error *error) {
    const uint64_t count = signature->sums.count;
    if (more <= signature->capacity - count)
        return RD_OK;
    if (more > signature->blocks_max - count) {
        const char *const reason = limits->blocks > 0 && signature->blocks_max == limits->blocks
                                       ? "the signature has more blocks than are allowed"
                                   : signature->blocks_max == RD__INDEX_BLOCKS_MAX
                                       ? "the signature has more than 2^32 - 2 blocks"
                                       : "the signature needs more memory than is allowed";
        return rd__fail(error, RD_E_LIMIT, RD_ROLE_SIGNATURE, offset, reason);
    }
    const uint64_t needed = count + more;
    uint64_t capacity = count < CAPACITY_MIN ? CAPACITY_MIN : 2 * count;
    if (expected >= needed)
        capacity = rd__min_u64(capacity, expected);
    capacity = rd__min_u64(capacity < needed ? needed : capacity, signature->blocks_max);
    return signature_set_capacity(signature, capacity) ? RD_OK : rd__fail_memory(error);
}

rd_result rd__signature_finish(rd_signature *signature, bool index, unsigned threads, rd__pool *pool, rd_error *error) {
    assert(!signature->indexed && threads >= 1);
    if (!signature_set_capacity(signature, signature->sums.count))
        return rd__fail_memory(error);
    if (!index)
        return RD_OK;
    const rd_result result = rd__index_build(&signature->index, &signature->sums, threads, pool, error);
    signature->indexed = result == RD_OK;
    return result;
}

void rd_signature_params(const rd_signature *signature, rd_params *params) {
    *params = signature->params;
}

uint64_t rd_signature_origin(const rd_signature *signature) {
    return signature->origin;
}

uint64_t rd_signature_count(const rd_signature *signature) {
    return signature->sums.count;
}

uint64_t rd_signature_distinct(const rd_signature *signature) {
    return signature->indexed ? rd__index_count(&signature->index) : RD_UNKNOWN;
}

uint32_t rd_signature_weak(const rd_signature *signature, uint64_t block) {
    return signature->sums.weak[block];
}

const uint8_t *rd_signature_strong(const rd_signature *signature, uint64_t block) {
    return rd__sums_strong(&signature->sums, block);
}

const uint32_t *rd_signature_weak_sums(const rd_signature *signature) {
    return signature->sums.count > 0 ? signature->sums.weak : NULL;
}

void rd_signature_free(rd_signature *signature) {
    if (!signature)
        return;
    rd__index_free(&signature->index);
    free(signature->sums.weak);
    free(signature->sums.strong);
    free(signature);
}
