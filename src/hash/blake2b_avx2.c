/* BLAKE2b-256, four messages at once, in AVX2. The idea is in blake2b_lanes.h. */
#include "hash/blake2b.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx2")))
#define LANES 4
#define WORD __m256i
#define ADD(x, y) _mm256_add_epi64(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)
#define SET(x) _mm256_set1_epi64x((long long)(x))
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, word) _mm256_storeu_si256((__m256i *)(p), word)

/* Rotations to the right. AVX2 has no instruction for them: by whole bytes, a shuffle; by 63, one to the left. */
TARGET static inline WORD blake2b_avx2_rotate_bytes(WORD x, WORD order) {
    return _mm256_shuffle_epi8(x, order);
}

#define BYTES(a, b, c, d, e, f, g, h)                                                                                  \
    _mm256_setr_epi8(a, b, c, d, e, f, g, h, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (e) + 8, (f) + 8, (g) + 8, (h) + 8,   \
                     a, b, c, d, e, f, g, h, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (e) + 8, (f) + 8, (g) + 8, (h) + 8)
#define ROTATE_32(x) _mm256_shuffle_epi32(x, 0xb1)
#define ROTATE_24(x) blake2b_avx2_rotate_bytes(x, BYTES(3, 4, 5, 6, 7, 0, 1, 2))
#define ROTATE_16(x) blake2b_avx2_rotate_bytes(x, BYTES(2, 3, 4, 5, 6, 7, 0, 1))
#define ROTATE_63(x) XOR(_mm256_srli_epi64(x, 63), ADD(x, x))
#define ROTATE(x, n) ROTATE_##n(x)

/* Four words of four messages, transposed: row i, of message i, becomes lane i. */
TARGET static inline void blake2b_avx2_load_words(WORD m[4], const uint8_t *const in[LANES], size_t offset) {
    WORD r[4];
    for (size_t i = 0; i < 4; i++)
        r[i] = _mm256_loadu_si256((const __m256i *)(const void *)(in[i] + offset));
    const WORD a = _mm256_unpacklo_epi64(r[0], r[1]);
    const WORD b = _mm256_unpackhi_epi64(r[0], r[1]);
    const WORD c = _mm256_unpacklo_epi64(r[2], r[3]);
    const WORD d = _mm256_unpackhi_epi64(r[2], r[3]);
    m[0] = _mm256_permute2x128_si256(a, c, 0x20);
    m[1] = _mm256_permute2x128_si256(b, d, 0x20);
    m[2] = _mm256_permute2x128_si256(a, c, 0x31);
    m[3] = _mm256_permute2x128_si256(b, d, 0x31);
}

TARGET static inline void blake2b_avx2_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t i = 0; i < 4; i++)
        blake2b_avx2_load_words(m + 4 * i, in, offset + 32 * i);
}

/* One message alone is faster in portable C; two are worth four lanes. */
#define WORTH_IT 2
#define LOAD_MESSAGE blake2b_avx2_load_message
#define HASH_REST rd__blake2b_many_portable
#define EACH_REST rd__blake2b_each_portable
#define ADVANCE_REST rd__blake2b_advance_portable
#include "hash/blake2b_lanes.h"

void rd__blake2b_many_avx2(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    blake2b_lanes_hash(data, length, count, digests);
}

void rd__blake2b_each_avx2(const rd__message *messages, size_t count, uint8_t *digests) {
    blake2b_lanes_each(messages, count, digests);
}

void rd__blake2b_advance_avx2(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count) {
    blake2b_lanes_advance(sums, data, size, count);
}
#endif
