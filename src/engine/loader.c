/*
 * See loader.h. The arrays of sums double as entries arrive, but never beyond what the size of the file allows. So
 * loading a file takes the memory of its sums once, and a header that promises much allocates nothing.
 */
#include "engine/loader.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/identify.h"
#include "format/magic.h"

#include <assert.h>
#include <stdlib.h>

enum { LOADER_CAPACITY_MIN = 64 };

rd_result rd__loader_init(rd__loader *loader, uint64_t expected, const rd_limits *limits, rd_error *error) {
    *loader = (rd__loader){.expected = expected, .limits = limits, .threads = 1};
    loader->signature = rd__alloc_zeroed(1, sizeof *loader->signature);
    return loader->signature ? RD_OK : rd__fail_memory(error);
}

void rd__loader_free(rd__loader *loader) {
    rd_signature_free(loader->signature);
    loader->signature = NULL;
}

static bool loader_has_header(const rd__loader *loader) {
    return loader->signature->params.block_len > 0;
}

static bool loader_set_capacity(rd__loader *loader, uint64_t capacity) {
    rd__sums *const sums = &loader->signature->sums;
    assert(capacity >= sums->count);
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

/* Fails: the block that starts at `offset` is one too many. */
static rd_result loader_fail_count(const rd__loader *loader, uint64_t offset, rd_error *error) {
    const uint64_t count = loader->signature->sums.count;
    const char *const reason = count == RD__INDEX_BLOCKS_MAX ? "the signature has more than 2^32 - 2 blocks"
                               : loader->limits->blocks > 0 && count == loader->limits->blocks
                                   ? "the signature has more blocks than are allowed"
                                   : "the signature needs more memory than is allowed";
    return rd__fail(error, RD_E_LIMIT, RD_ROLE_SIGNATURE, offset, reason);
}

static rd_result loader_take_header(rd__loader *loader, const uint8_t *header, rd_error *error) {
    const rd_limits *const limits = loader->limits;
    rd_signature *const signature = loader->signature;
    const rd_result result = rd__signature_get_header(header, &signature->params, error);
    if (result != RD_OK)
        return result;
    signature->sums.strong_len = (size_t)signature->params.strong_len;
    loader->blocks_max = RD__INDEX_BLOCKS_MAX;
    if (limits->blocks > 0)
        loader->blocks_max = rd__min_u64(loader->blocks_max, limits->blocks);
    if (limits->memory > 0)
        loader->blocks_max = rd__min_u64(loader->blocks_max, limits->memory / rd__signature_block_memory(signature));
    return RD_OK;
}

static rd_result loader_take_entry(rd__loader *loader, const uint8_t *entry, rd_error *error) {
    rd__sums *const sums = &loader->signature->sums;
    if (sums->count == loader->capacity) {
        const size_t entry_size = rd__entry_size(&loader->signature->params);
        if (sums->count == loader->blocks_max)
            return loader_fail_count(loader, loader->taken - entry_size, error);
        const uint64_t doubled = sums->count < LOADER_CAPACITY_MIN ? LOADER_CAPACITY_MIN : 2 * sums->count;
        const uint64_t expected = loader->expected / entry_size + 1;
        const uint64_t capacity = expected > sums->count ? rd__min_u64(doubled, expected) : doubled;
        if (!loader_set_capacity(loader, rd__min_u64(capacity, loader->blocks_max)))
            return rd__fail_memory(error);
    }
    sums->weak[sums->count] = rd__load_be32(entry);
    memcpy(sums->strong + sums->count * sums->strong_len, entry + RD__WEAK_LEN, sums->strong_len);
    sums->count++;
    return RD_OK;
}

rd_result rd__loader_take(rd__loader *loader, const uint8_t *data, size_t size, rd_error *error) {
    rd_result result = RD_OK;
    while (size > 0 && result == RD_OK) {
        /* The header or an entry comes next. Unless all of it lies in the data it is gathered first. */
        const bool has_header = loader_has_header(loader);
        const size_t wanted = has_header ? rd__entry_size(&loader->signature->params) : RD__SIGNATURE_HEADER_LEN;
        assert(loader->filled < wanted && wanted <= sizeof loader->gathered);
        const size_t taken = rd__min_size(wanted - loader->filled, size);
        const uint8_t *const unit = taken == wanted ? data : loader->gathered;
        if (unit != data)
            memcpy(loader->gathered + loader->filled, data, taken);
        loader->filled += taken;
        loader->taken += taken;
        if (loader->filled == wanted) {
            result = has_header ? loader_take_entry(loader, unit, error) : loader_take_header(loader, unit, error);
            loader->filled = 0;
        }
        data += taken;
        size -= taken;
    }
    return result;
}

/* Fails: the signature ends inside its header or an entry. One that is something else altogether is named as such. */
static rd_result loader_fail_truncated(const rd__loader *loader, rd_error *error) {
    const bool has_header = loader_has_header(loader);
    if (!has_header && loader->filled >= RD__MAGIC_LEN) {
        const rd_result result = rd__expect_kind(RD_KIND_SIGNATURE, loader->gathered, RD_ROLE_SIGNATURE, error);
        if (result != RD_OK)
            return result;
    }
    const char *const reason = loader->taken == 0 ? "the signature is empty"
                               : has_header       ? "the signature ends inside the sums of a block"
                                                  : "the signature ends inside its header";
    return rd__fail(error, RD_E_TRUNCATED, RD_ROLE_SIGNATURE, loader->taken, reason);
}

rd_result rd__loader_finish(rd__loader *loader, rd_signature **signature, rd_error *error) {
    assert(loader->signature && loader->threads >= 1);
    const size_t allowed = loader->lenient ? RD__WEAK_LEN - 1 : 0;
    if (!loader_has_header(loader) || loader->filled > allowed)
        return loader_fail_truncated(loader, error);
    if (!loader_set_capacity(loader, loader->signature->sums.count))
        return rd__fail_memory(error);
    const rd_result result =
        rd__index_build(&loader->signature->index, &loader->signature->sums, loader->threads, error);
    if (result != RD_OK)
        return result;
    *signature = loader->signature;
    loader->signature = NULL;
    return RD_OK;
}
