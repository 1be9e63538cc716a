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

/* Blocks of any files, until there are enough to be hashed. */
typedef struct signer_blocks {
    rd__message blocks[BATCH_BLOCKS];
    const rd__signed_file *files[BATCH_BLOCKS]; /* that they are of */
    uint8_t *entries[BATCH_BLOCKS];
    size_t count;
} signer_blocks;

static void signer_hash(const rd__kernels *kernels, signer_blocks *b) {
    uint8_t full[BATCH_BLOCKS * RD_STRONG_LEN_MAX];
    if (b->count == 0)
        return;
    const rd_params *const kinds = &b->files[0]->params;
    const size_t full_len = rd__strong_size(kinds->strong);
    const uint32_t seed = rd__weak_seed(kinds->weak);
    kernels->strong_each[kinds->strong](b->blocks, b->count, full);
    for (size_t i = 0; i < b->count; i++) {
        const uint32_t weak = kernels->weak_update[kinds->weak](seed, b->blocks[i].data, b->blocks[i].size);
        rd__signature_put_entries(b->entries[i], &b->files[i]->params, &weak, full + i * full_len, 1);
    }
    b->count = 0;
}

void rd__sign_files(const rd__kernels *kernels, const rd__signed_file *files, size_t count) {
    signer_blocks b;
    b.count = 0;
    for (size_t i = 0; i < count; i++) {
        const rd__signed_file *const f = &files[i];
        uint8_t *entry = f->entries;
        for (size_t at = 0; at < f->size; at += f->params.block_len, entry += rd__entry_size(&f->params)) {
            if (b.count == BATCH_BLOCKS)
                signer_hash(kernels, &b);
            b.blocks[b.count] =
                (rd__message){.data = f->data + at, .size = rd__min_size(f->size - at, f->params.block_len)};
            b.files[b.count] = f;
            b.entries[b.count++] = entry;
        }
    }
    signer_hash(kernels, &b);
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
