/*
 * See loader.h. The arrays of sums double as entries arrive, but never beyond what the file's own size allows, so
 * loading a file takes the memory of its sums once, and a header that promises much takes nothing.
 */
#include "engine/loader.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/identify.h"
#include "format/magic.h"

#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

rd_result rd__loader_init(rd__loader *loader, uint64_t expected, const rd_limits *limits, rd_error *error) {
    *loader = (rd__loader){.expected = expected, .limits = limits, .threads = 1};
    loader->signature = rd__alloc_zeroed(1, sizeof *loader->signature);
    return loader->signature ? RD_OK : rd__fail_memory(error);
}

void rd__loader_free(rd__loader *loader) {
    rd_signature_free(loader->signature);
    loader->signature = NULL;
}

static bool have_header(const rd__loader *loader) {
    return loader->signature->params.block_len > 0;
}

static bool set_capacity(rd__loader *loader, uint64_t capacity) {
    rd__sums *const sums = &loader->signature->sums;
    uint32_t *const weak = rd__resize_array(sums->weak, capacity, sizeof *weak);
    if (weak)
        sums->weak = weak;
    uint8_t *const strong = weak ? rd__resize_array(sums->strong, capacity, sums->strong_len) : NULL;
    if (!strong)
        return false;
    sums->strong = strong;
    loader->capacity = capacity;
    return true;
}

static uint64_t blocks_max(const rd_limits *limits, const rd_signature *signature) {
    uint64_t most = RD__INDEX_BLOCKS_MAX;
    if (limits->blocks > 0)
        most = rd__min_u64(most, limits->blocks);
    if (limits->memory > 0)
        most = rd__min_u64(most, limits->memory / rd__signature_block_memory(signature));
    return most;
}

/* The block that begins at `offset` is one too many. */
static rd_result too_many(const rd__loader *loader, uint64_t offset, rd_error *error) {
    const uint64_t count = loader->signature->sums.count;
    const char *const reason = count == RD__INDEX_BLOCKS_MAX ? "the signature has more than 2^32 - 2 blocks"
                               : loader->limits->blocks > 0 && count == loader->limits->blocks
                                   ? "the signature has more blocks than are allowed"
                                   : "the signature needs more memory than is allowed";
    return rd__fail(error, RD_E_LIMIT, RD_ROLE_SIGNATURE, offset, reason);
}

/* Makes room for one block more. */
static rd_result reserve(rd__loader *loader, rd_error *error) {
    const uint64_t count = loader->signature->sums.count;
    const size_t entry_size = rd__entry_size(&loader->signature->params);
    if (count < loader->capacity)
        return RD_OK;
    if (count == loader->blocks_max)
        return too_many(loader, loader->taken - entry_size, error);
    const uint64_t doubled = count < CAPACITY_MIN ? CAPACITY_MIN : 2 * count;
    const uint64_t expected_count = loader->expected / entry_size + 1;
    const uint64_t capacity = expected_count > count ? rd__min_u64(doubled, expected_count) : doubled;
    return set_capacity(loader, rd__min_u64(capacity, loader->blocks_max)) ? RD_OK : rd__fail_memory(error);
}

static rd_result take_header(rd__loader *loader, const uint8_t *header, rd_error *error) {
    rd_signature *const signature = loader->signature;
    const rd_result result = rd__signature_get_header(header, &signature->params, error);
    if (result == RD_OK) {
        signature->sums.strong_len = (size_t)signature->params.strong_len;
        loader->blocks_max = blocks_max(loader->limits, signature);
    }
    return result;
}

static rd_result take_entry(rd__loader *loader, const uint8_t *entry, rd_error *error) {
    const rd_result result = reserve(loader, error);
    if (result != RD_OK)
        return result;
    rd__sums *const sums = &loader->signature->sums;
    sums->weak[sums->count] = rd__load_be32(entry);
    memcpy(sums->strong + sums->count * sums->strong_len, entry + RD__WEAK_LEN, sums->strong_len);
    sums->count++;
    return RD_OK;
}

/* The bytes of the piece that comes next. */
static size_t piece_size(const rd__loader *loader) {
    return have_header(loader) ? rd__entry_size(&loader->signature->params) : RD__SIGNATURE_HEADER_LEN;
}

static rd_result take_piece(rd__loader *loader, const uint8_t *piece, rd_error *error) {
    return have_header(loader) ? take_entry(loader, piece, error) : take_header(loader, piece, error);
}

rd_result rd__loader_take(rd__loader *loader, const uint8_t *data, size_t size, rd_error *error) {
    rd_result result = RD_OK;
    while (size > 0 && result == RD_OK) {
        const size_t wanted = piece_size(loader);
        const size_t taken = rd__min_size(wanted - loader->filled, size);
        const bool whole = taken == wanted;
        if (!whole)
            memcpy(loader->piece + loader->filled, data, taken);
        loader->filled += taken;
        loader->taken += taken;
        if (loader->filled == wanted) {
            result = take_piece(loader, whole ? data : loader->piece, error);
            loader->filled = 0;
        }
        data += taken;
        size -= taken;
    }
    return result;
}

/* The error of a signature that ends inside a piece. One that is something else altogether is named as such. */
static rd_result truncated(const rd__loader *loader, rd_error *error) {
    if (!have_header(loader) && loader->filled >= RD__MAGIC_LEN) {
        const rd_result result = rd__expect_kind(RD_KIND_SIGNATURE, loader->piece, RD_ROLE_SIGNATURE, error);
        if (result != RD_OK)
            return result;
    }
    const char *const reason = loader->taken == 0    ? "the signature is empty"
                               : have_header(loader) ? "the signature ends inside the sums of a block"
                                                     : "the signature ends inside its header";
    return rd__fail(error, RD_E_TRUNCATED, RD_ROLE_SIGNATURE, loader->taken, reason);
}

/* Has the signature ended inside a piece? */
static bool is_truncated(const rd__loader *loader) {
    const size_t allowed = loader->lenient ? RD__WEAK_LEN - 1 : 0;
    return !have_header(loader) || loader->filled > allowed;
}

rd_result rd__loader_finish(rd__loader *loader, rd_signature **signature, rd_error *error) {
    if (is_truncated(loader))
        return truncated(loader, error);
    if (!set_capacity(loader, loader->signature->sums.count))
        return rd__fail_memory(error);
    const rd_result result =
        rd__index_build(&loader->signature->index, &loader->signature->sums, loader->threads, error);
    if (result != RD_OK)
        return result;
    *signature = loader->signature;
    loader->signature = NULL;
    return RD_OK;
}
