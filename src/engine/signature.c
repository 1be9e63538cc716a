/* See signature.h. */
#include "engine/signature.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/signature.h"
#include "hash/digest.h"

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

static void signature_make_identity(const rd_signature *signature, uint8_t sum[RD__BLAKE3_LEN]) {
    enum { BLOCKS = 1024 / RD__ENTRY_MAX * 8 }; /* some chunks of BLAKE3 */
    uint8_t bytes[RD__BLAKE3_CHUNK * 9];
    const rd__kernels *const kernels = rd__kernels_best();
    const rd__sums *const sums = &signature->sums;
    const size_t entry = rd__entry_size(&signature->params);
    size_t filled = RD_SIGNATURE_HEADER_LEN;
    rd__digest digest;
    rd__digest_init(&digest, 0);
    rd__signature_put_header(bytes, &signature->params);
    for (uint64_t i = 0; i < sums->count;) {
        const size_t n = (size_t)rd__min_u64(sums->count - i, BLOCKS);
        rd__signature_put_entries(bytes + filled, &signature->params, sums->weak + i, rd__sums_strong(sums, i), n);
        filled += n * entry;
        i += n;
        if (i < sums->count) {
            const size_t whole = filled / RD__BLAKE3_CHUNK * RD__BLAKE3_CHUNK;
            rd__digest_add(&digest, kernels, bytes, whole);
            memmove(bytes, bytes + whole, filled - whole);
            filled -= whole;
        }
    }
    rd__digest_add(&digest, kernels, bytes, filled);
    rd__digest_final(&digest, sum);
}

void rd__signature_identity(const rd_signature *signature, uint8_t identity[RD__IDENTITY]) {
    _Atomic uint64_t *const known = ((rd_signature *)signature)->identity; /* a memory of what does not change */
    uint64_t first = atomic_load_explicit(&known[0], memory_order_relaxed);
    uint64_t second = atomic_load_explicit(&known[1], memory_order_relaxed);
    if (first == 0 || second == 0) {
        uint8_t sum[RD__BLAKE3_LEN];
        signature_make_identity(signature, sum);
        first = rd__load_be(sum, 8);
        second = rd__load_be(sum + 8, 8);
        atomic_store_explicit(&known[0], first, memory_order_relaxed);
        atomic_store_explicit(&known[1], second, memory_order_relaxed);
    }
    rd__store_be(identity, 8, first);
    rd__store_be(identity + 8, 8, second);
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
