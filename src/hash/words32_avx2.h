/* Eight 32-bit words in a vector, in AVX2: the vocabulary of the templates md4_lanes.h and weak_lanes.h. */
#ifndef RD_HASH_WORDS32_AVX2_H
#define RD_HASH_WORDS32_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx2,bmi2")))
#define LANES 8
#define WORD __m256i
#define ADD(x, y) _mm256_add_epi32(x, y)
#define SUB(x, y) _mm256_sub_epi32(x, y)
#define MULTIPLY(x, y) _mm256_mullo_epi32(x, y)
#define AND(x, y) _mm256_and_si256(x, y)
#define OR(x, y) _mm256_or_si256(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)
#define ROTATE(x, n) OR(_mm256_slli_epi32(x, n), _mm256_srli_epi32(x, 32 - (n)))
#define SET(n) _mm256_set1_epi32((int)(n))
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, word) _mm256_storeu_si256((__m256i *)(void *)(p), word)

/* words[x[i] >> shift] in lane i. */
#define READ_FOUR(words, x, shift)                                                                                     \
    _mm_setr_epi32((int)(words)[(x)[0] >> (shift)], (int)(words)[(x)[1] >> (shift)], (int)(words)[(x)[2] >> (shift)],  \
                   (int)(words)[(x)[3] >> (shift)])
#define READ_WORDS(words, x, shift)                                                                                    \
    _mm256_inserti128_si256(_mm256_castsi128_si256(READ_FOUR(words, x, shift)), READ_FOUR(words, (x) + 4, shift), 1)

/* LANES bytes, each widened to a word. */
#define LOAD_BYTES(p) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p)))
/* All lanes shifted by `bits` bits. */
#define SHIFT_LEFT(x, bits) _mm256_sll_epi32(x, _mm_cvtsi32_si128((int)(bits)))
#define SHIFT_RIGHT(x, bits) _mm256_srl_epi32(x, _mm_cvtsi32_si128((int)(bits)))
/* 2^n[i] in lane i; n[i] must be less than 32. */
#define BITS_AT(n) _mm256_sllv_epi32(SET(1), n)
/* Lane i takes the value of lane i - n, for n = 1, 2 or 4; the first n lanes take 0. The low half crosses into the high
 * one by a copy. */
#define LOW_HALF_UP(x) _mm256_permute2x128_si256(x, x, 0x08)
#define MOVE_UP(x, n) ((n) == 4 ? LOW_HALF_UP(x) : _mm256_alignr_epi8(x, LOW_HALF_UP(x), (16 - 4 * (n)) & 15))
/* The value of the last lane in all lanes. */
#define LAST(x) _mm256_permutevar8x32_epi32(x, _mm256_set1_epi32(7))
/* Bit i of the result: does lane i of `words` have all bits of lane i of `bits`? */
#define LANES_WITH_ALL(words, bits)                                                                                    \
    ((uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(AND(words, bits), bits))))

/* Eight words of eight messages, transposed: row i, of message i, becomes lane i. */
TARGET static inline void words32_avx2_load_words(WORD m[8], const uint8_t *const in[LANES], size_t offset) {
    WORD a[8];
    WORD b[8];
    for (size_t i = 0; i < 8; i++)
        a[i] = _mm256_loadu_si256((const __m256i *)(const void *)(in[i] + offset));
    for (size_t i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
    }
    /* a[4 k + j]: words j and j + 4 of messages 4 k .. 4 k + 3. */
    for (size_t i = 0; i < 8; i += 4) {
        a[i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm256_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm256_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (size_t j = 0; j < 4; j++) {
        m[j] = _mm256_permute2x128_si256(a[j], a[4 + j], 0x20);
        m[j + 4] = _mm256_permute2x128_si256(a[j], a[4 + j], 0x31);
    }
}

TARGET static inline void words32_avx2_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    words32_avx2_load_words(m, in, offset);
    words32_avx2_load_words(m + 8, in, offset + 32);
}

#endif
