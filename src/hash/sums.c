/* See sums.h. */
#include "hash/sums.h"

#include "hash/rabinkarp.h"
#include "hash/rollsum.h"

#include <assert.h>

uint32_t rd__weak_seed(rd_weak kind) {
    return kind == RD_RABINKARP ? RD__RABINKARP_SEED : RD__ROLLSUM_SEED;
}

uint32_t rd__strong_size(rd_strong kind) {
    return kind == RD_BLAKE2 ? RD__BLAKE2B_LEN : RD__MD4_LEN;
}

void rd__shrinking_init(rd__shrinking *window, rd_weak kind, uint32_t sum, uint64_t length) {
    *window = (rd__shrinking){.kind = kind, .sum = sum, .length = length};
    window->power = rd__rabinkarp_power(length) * RD__RABINKARP_INVERSE;
}

void rd__shrinking_drop(rd__shrinking *window, uint8_t first) {
    assert(window->length > 0);
    if (window->kind == RD_RABINKARP) {
        window->sum = rd__rabinkarp_drop(window->sum, first, window->power);
        window->power *= RD__RABINKARP_INVERSE;
    } else {
        window->sum = rd__rollsum_drop(window->sum, first, (uint32_t)window->length);
    }
    window->length--;
}

void rd__strong_init(rd__strong *strong, rd_strong kind) {
    strong->kind = kind;
    if (kind == RD_BLAKE2)
        rd__blake2b_init(&strong->state.blake2b);
    else
        rd__md4_init(&strong->state.md4);
}

void rd__strong_update(rd__strong *strong, const uint8_t *data, size_t size) {
    if (strong->kind == RD_BLAKE2)
        rd__blake2b_update(&strong->state.blake2b, data, size);
    else
        rd__md4_update(&strong->state.md4, data, size);
}

void rd__strong_final(rd__strong *strong, uint8_t *sum) {
    if (strong->kind == RD_BLAKE2)
        rd__blake2b_final(&strong->state.blake2b, sum);
    else
        rd__md4_final(&strong->state.md4, sum);
}

void rd__strong_advance_each(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count) {
    for (size_t i = 0; i < count; i++)
        rd__strong_update(&sums[i], data[i], size);
}
