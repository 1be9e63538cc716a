/* See kernels.h. */
#include "hash/kernels.h"

#include "base/cpu.h"
#include "hash/blake2b.h"
#include "hash/md4.h"
#include "hash/rabinkarp.h"
#include "hash/rollsum.h"

/* Long messages of MD4, which only old programs ask for, are hashed one by one, and so are those of several lengths. */
#define KERNELS(isa, features, blake2b)                                                                                \
    static const rd__kernels kernels_##isa = {                                                                         \
        .name = #isa,                                                                                                  \
        .needs = (features),                                                                                           \
        .weak_update = {[RD_RABINKARP] = rd__rabinkarp_update_##isa, [RD_ROLLSUM] = rd__rollsum_update_##isa},         \
        .seek = {[RD_RABINKARP] = rd__rabinkarp_seek_##isa, [RD_ROLLSUM] = rd__rollsum_seek_##isa},                    \
        .strong_many = {[RD_BLAKE2] = rd__blake2b_many_##blake2b, [RD_MD4] = rd__md4_many_##isa},                      \
        .strong_each = {[RD_BLAKE2] = rd__blake2b_each_##blake2b, [RD_MD4] = rd__md4_each},                            \
        .strong_advance = {[RD_BLAKE2] = rd__blake2b_advance_##blake2b, [RD_MD4] = rd__strong_advance_each},           \
        .blake3_many = rd__blake3_many_##isa,                                                                          \
        .blake3_each = rd__blake3_each_##isa,                                                                          \
    }

KERNELS(portable, 0, portable);
#if defined(__x86_64__)
/* Two BLAKE2b at once, as many as fit in 128 bits, are a tenth faster than one after the other: not worth the code. */
KERNELS(sse41, RD__CPU_SSE41, portable);
KERNELS(avx2, RD__CPU_AVX2, avx2);
KERNELS(avx512, RD__CPU_AVX2 | RD__CPU_AVX512, avx512);
/* The same, but that the words of the filter are gathered. */
static const rd__kernels kernels_avx512_gather = {
    .name = "avx512",
    .needs = RD__CPU_AVX2 | RD__CPU_AVX512 | RD__CPU_GATHER,
    .weak_update = {[RD_RABINKARP] = rd__rabinkarp_update_avx512, [RD_ROLLSUM] = rd__rollsum_update_avx512},
    .seek = {[RD_RABINKARP] = rd__rabinkarp_seek_avx512_gather, [RD_ROLLSUM] = rd__rollsum_seek_avx512_gather},
    .strong_many = {[RD_BLAKE2] = rd__blake2b_many_avx512, [RD_MD4] = rd__md4_many_avx512},
    .strong_each = {[RD_BLAKE2] = rd__blake2b_each_avx512, [RD_MD4] = rd__md4_each},
    .strong_advance = {[RD_BLAKE2] = rd__blake2b_advance_avx512, [RD_MD4] = rd__strong_advance_each},
    .blake3_many = rd__blake3_many_avx512,
    .blake3_each = rd__blake3_each_avx512,
};
#elif defined(__AARCH64EL__)
KERNELS(neon, RD__CPU_NEON, neon);
#endif

static const rd__kernels *const kernels_all[] = {
#if defined(__x86_64__)
    &kernels_avx512_gather, &kernels_avx512, &kernels_avx2, &kernels_sse41,
#elif defined(__AARCH64EL__)
    &kernels_neon,
#endif
    &kernels_portable,
};

enum { KERNELS_COUNT = sizeof kernels_all / sizeof kernels_all[0] };

const rd__kernels *const *rd__kernels_all(size_t *count) {
    *count = KERNELS_COUNT;
    return kernels_all;
}

bool rd__kernels_usable(const rd__kernels *kernels) {
    return (kernels->needs & ~rd__cpu_features()) == 0;
}

const rd__kernels *rd__kernels_best(void) {
    for (size_t i = 0; i < KERNELS_COUNT; i++) {
        if (rd__kernels_usable(kernels_all[i]))
            return kernels_all[i];
    }
    return &kernels_portable;
}

const char *rd_kernels_name(void) {
    return rd__kernels_best()->name;
}
