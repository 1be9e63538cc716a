/* See signer.h. It keeps no bytes of the basis, so its memory does not depend on the block length. */
#include "engine/signer.h"

#include "base/memory.h"

enum {
    BATCH_BLOCKS = 64,       /* whose strong sums are made in one call of the kernel */
    BATCH_BYTES = 256 * 1024 /* at most, so that both sums find the blocks in cache */
};

/* `count` blocks of `length` bytes, at most BATCH_BLOCKS. */
static void sign_batch(const rd__kernels *kernels, const rd_params *params, const uint8_t *data, size_t length,
                       size_t count, uint8_t *entries) {
    uint8_t strong[BATCH_BLOCKS * RD_STRONG_LEN_MAX];
    const size_t strong_size = rd__strong_size(params->strong);
    const size_t entry_size = rd__entry_size(params);
    const uint32_t seed = rd__weak_seed(params->weak);
    kernels->strong_many[params->strong](data, length, count, strong);
    for (size_t i = 0; i < count; i++) {
        const uint32_t weak = kernels->weak_update[params->weak](seed, data + i * length, length);
        rd__signature_put_entry(entries + i * entry_size, params, weak, strong + i * strong_size);
    }
}

void rd__sign_blocks(const rd__kernels *kernels, const rd_params *params, const uint8_t *data, size_t count,
                     uint8_t *entries) {
    const size_t fit = BATCH_BYTES / params->block_len;
    const size_t batch = fit < 1 ? 1 : rd__min_size(fit, BATCH_BLOCKS);
    while (count > 0) {
        const size_t n = rd__min_size(count, batch);
        sign_batch(kernels, params, data, params->block_len, n, entries);
        data += n * params->block_len;
        entries += n * rd__entry_size(params);
        count -= n;
    }
}

size_t rd__sign_basis(const rd__kernels *kernels, const rd_params *params, const uint8_t *data, size_t size,
                      uint8_t *entries) {
    const size_t whole = size / params->block_len;
    const size_t rest = size % params->block_len;
    rd__sign_blocks(kernels, params, data, whole, entries);
    if (rest == 0)
        return whole;
    sign_batch(kernels, params, data + size - rest, rest, 1, entries + whole * rd__entry_size(params));
    return whole + 1;
}

static void begin_block(rd__signer *signer) {
    signer->filled = 0;
    signer->weak = rd__weak_seed(signer->params.weak);
    rd__strong_init(&signer->strong, signer->params.strong);
}

void rd__signer_init(rd__signer *signer, const rd__kernels *kernels, const rd_params *params) {
    *signer = (rd__signer){.kernels = kernels, .params = *params};
    begin_block(signer);
}

static void end_block(rd__signer *signer, uint8_t *entry) {
    uint8_t strong[RD_STRONG_LEN_MAX];
    rd__strong_final(&signer->strong, strong);
    rd__signature_put_entry(entry, &signer->params, signer->weak, strong);
    begin_block(signer);
}

/* Adds to the block in the making; returns the bytes taken. */
static size_t extend_block(rd__signer *signer, const uint8_t *data, size_t size) {
    const size_t taken = rd__min_size(size, signer->params.block_len - signer->filled);
    signer->weak = signer->kernels->weak_update[signer->params.weak](signer->weak, data, taken);
    rd__strong_update(&signer->strong, data, taken);
    signer->filled += taken;
    return taken;
}

size_t rd__signer_take(rd__signer *signer, const uint8_t *data, size_t size, size_t *taken, uint8_t *entries,
                       size_t room) {
    const size_t entry_size = rd__entry_size(&signer->params);
    const size_t block_len = signer->params.block_len;
    size_t written = 0;
    size_t at = 0;
    while (at < size && written < room) {
        const size_t whole = rd__min_size((size - at) / block_len, room - written);
        if (signer->filled == 0 && whole > 0) {
            rd__sign_blocks(signer->kernels, &signer->params, data + at, whole, entries + written * entry_size);
            at += whole * block_len;
            written += whole;
            continue;
        }
        at += extend_block(signer, data + at, size - at);
        if (signer->filled == block_len)
            end_block(signer, entries + written++ * entry_size);
    }
    *taken = at;
    return written;
}

size_t rd__signer_finish(rd__signer *signer, uint8_t *entry) {
    if (signer->filled == 0)
        return 0;
    end_block(signer, entry);
    return 1;
}
