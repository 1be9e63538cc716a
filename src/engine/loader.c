/* See loader.h. */
#include "engine/loader.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/identify.h"
#include "format/magic.h"

#include <assert.h>

rd_result rd__loader_init(rd__loader *loader, uint64_t expected, const rd_limits *limits, rd_error *error) {
    *loader = (rd__loader){.expected = expected, .limits = limits, .threads = 1};
    loader->signature = rd__signature_new();
    return loader->signature ? RD_OK : rd__fail_memory(error);
}

void rd__loader_free(rd__loader *loader) {
    rd_signature_free(loader->signature);
    loader->signature = NULL;
}

static bool loader_has_header(const rd__loader *loader) {
    return loader->signature->params.block_len > 0;
}

static rd_result loader_take_header(rd__loader *loader, const uint8_t *header, rd_error *error) {
    rd_params params;
    const rd_result result = rd__signature_get_header(header, &params, error);
    if (result == RD_OK)
        rd__signature_set_params(loader->signature, &params, loader->limits);
    return result;
}

static rd_result loader_take_entry(rd__loader *loader, const uint8_t *entry, rd_error *error) {
    rd__sums *const sums = &loader->signature->sums;
    if (sums->count == loader->signature->capacity) { /* seldom: a division for each entry would be felt */
        const size_t entry_size = rd__entry_size(&loader->signature->params);
        const uint64_t expected = loader->expected == RD_UNKNOWN ? RD_UNKNOWN : loader->expected / entry_size + 1;
        const rd_result result =
            rd__signature_reserve(loader->signature, 1, expected, loader->limits, loader->taken - entry_size, error);
        if (result != RD_OK)
            return result;
    }
    sums->weak[sums->count] = rd__load_be32(entry);
    memcpy(sums->strong + sums->count * sums->strong_len, entry + RD_WEAK_LEN, sums->strong_len);
    sums->count++;
    loader->signature->length += loader->signature->params.block_len;
    return RD_OK;
}

rd_result rd__loader_take(rd__loader *loader, const uint8_t *data, size_t size, rd_error *error) {
    rd_result result = RD_OK;
    while (size > 0 && result == RD_OK) {
        /* The header or an entry comes next. Unless all of it lies in the data it is gathered first. */
        const bool has_header = loader_has_header(loader);
        const size_t wanted = has_header ? rd__entry_size(&loader->signature->params) : RD_SIGNATURE_HEADER_LEN;
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
    const size_t allowed = loader->lenient ? RD_WEAK_LEN - 1 : 0;
    if (!loader_has_header(loader) || loader->filled > allowed)
        return loader_fail_truncated(loader, error);
    const rd_result result =
        rd__signature_finish(loader->signature, !loader->part, loader->threads, loader->pool, error);
    if (result != RD_OK)
        return result;
    *signature = loader->signature;
    loader->signature = NULL;
    return RD_OK;
}
