/* See signer.h. It keeps no bytes of the basis, so its memory does not depend on the block length. */
#include "engine/signer.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum {
    BATCH_BLOCKS = 64,       /* whose strong sums are made in one call of the kernel */
    BATCH_BYTES = 512 * 1024 /* at most, so that both sums find the blocks in cache */
};

/* How many of the blocks, at most `most`, come before one of zeros. */
static size_t signer_count_others(const uint8_t *data, size_t block_len, size_t most) {
    size_t count = 0;
    while (count < most && !rd__is_zeros(data + count * block_len, block_len))
        count++;
    return count;
}

size_t rd__sign_blocks(const rd__kernels *kernels, const rd_params *params, const uint8_t *data, size_t size,
                       const rd__block_sums *zeros, uint32_t *weak, uint8_t *strong) {
    uint8_t full[BATCH_BLOCKS * RD_STRONG_LEN_MAX];
    const size_t full_len = rd__strong_size(params->strong);
    const size_t strong_len = (size_t)params->strong_len;
    const uint32_t seed = rd__weak_seed(params->weak);
    const size_t fit = BATCH_BYTES / params->block_len;
    const size_t batch_max = fit < 1 ? 1 : rd__min_size(fit, BATCH_BLOCKS);
    size_t made = 0;
    while (size > 0) {
        /* As many whole blocks as there are before one of zeros, or the short one at the end. */
        const size_t whole = size / params->block_len;
        const size_t most = whole < 1 ? 1 : rd__min_size(whole, batch_max);
        const size_t length = whole < 1 ? size : params->block_len;
        const size_t count = zeros && whole >= 1 ? signer_count_others(data, length, most) : most;
        if (count == 0) {
            weak[made] = zeros->weak;
            memcpy(strong + made * strong_len, zeros->strong, strong_len);
            made++;
            data += length;
            size -= length;
            continue;
        }
        kernels->strong_many[params->strong](data, length, count, full);
        for (size_t i = 0; i < count; i++) {
            weak[made] = kernels->weak_update[params->weak](seed, data + i * length, length);
            memcpy(strong + made * strong_len, full + i * full_len, strong_len);
            made++;
        }
        data += count * length;
        size -= count * length;
    }
    return made;
}

static void signer_start_block(rd__signer *signer) {
    signer->filled = 0;
    signer->weak = rd__weak_seed(signer->params.weak);
    rd__strong_init(&signer->strong, signer->params.strong);
}

void rd__signer_init(rd__signer *signer, const rd__kernels *kernels, const rd_params *params) {
    *signer = (rd__signer){.kernels = kernels, .params = *params};
    signer_start_block(signer);
}

size_t rd__signer_take(rd__signer *signer, const uint8_t *data, size_t size) {
    assert(signer->filled < signer->params.block_len);
    const size_t taken = rd__min_size(size, signer->params.block_len - signer->filled);
    signer->weak = signer->kernels->weak_update[signer->params.weak](signer->weak, data, taken);
    rd__strong_update(&signer->strong, data, taken);
    signer->filled += taken;
    return taken;
}

void rd__signer_end(rd__signer *signer, uint32_t *weak, uint8_t *strong) {
    uint8_t full[RD_STRONG_LEN_MAX];
    assert(signer->filled > 0);
    *weak = signer->weak;
    rd__strong_final(&signer->strong, full);
    memcpy(strong, full, (size_t)signer->params.strong_len);
    signer_start_block(signer);
}

void rd__sign_zeros(const rd__kernels *kernels, const rd_params *params, rd__block_sums *sums) {
    static const uint8_t zeros[4096];
    rd__signer signer;
    rd__signer_init(&signer, kernels, params);
    while (!rd__signer_is_complete(&signer))
        (void)rd__signer_take(&signer, zeros, sizeof zeros);
    rd__signer_end(&signer, &sums->weak, sums->strong);
}
