/* Sixteen 32-bit words in a vector, in AVX-512: the vocabulary of the templates md4_lanes.h and weak_lanes.h. */
#ifndef RD_HASH_WORDS32_AVX512_H
#define RD_HASH_WORDS32_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi2")))
#define LANES 16
#define WORD __m512i
#define ADD(x, y) _mm512_add_epi32(x, y)
#define SUB(x, y) _mm512_sub_epi32(x, y)
#define MULTIPLY(x, y) _mm512_mullo_epi32(x, y)
#define AND(x, y) _mm512_and_si512(x, y)
#define OR(x, y) _mm512_or_si512(x, y)
#define XOR(x, y) _mm512_xor_si512(x, y)
#define ROTATE(x, n) _mm512_rol_epi32(x, n)
#define SET(n) _mm512_set1_epi32((int)(n))
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, word) _mm512_storeu_si512(p, word)

/* words[x[i] >> shift] in lane i. */
#define READ_FOUR(words, x, shift)                                                                                     \
    _mm_setr_epi32((int)(words)[(x)[0] >> (shift)], (int)(words)[(x)[1] >> (shift)], (int)(words)[(x)[2] >> (shift)],  \
                   (int)(words)[(x)[3] >> (shift)])
#define READ_EIGHT(words, x, shift)                                                                                    \
    _mm256_inserti128_si256(_mm256_castsi128_si256(READ_FOUR(words, x, shift)), READ_FOUR(words, (x) + 4, shift), 1)
#define READ_WORDS(words, x, shift)                                                                                    \
    _mm512_inserti64x4(_mm512_castsi256_si512(READ_EIGHT(words, x, shift)), READ_EIGHT(words, (x) + 8, shift), 1)

/* The same. */
#define GATHER_WORDS(words, x, shift) _mm512_i32gather_epi32(SHIFT_RIGHT(LOAD(x), shift), words, 4)

/* LANES bytes, each widened to a word. */
#define LOAD_BYTES(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))
/* All lanes shifted by `bits` bits. */
#define SHIFT_LEFT(x, bits) _mm512_sll_epi32(x, _mm_cvtsi32_si128((int)(bits)))
#define SHIFT_RIGHT(x, bits) _mm512_srl_epi32(x, _mm_cvtsi32_si128((int)(bits)))
/* 2^n[i] in lane i; n[i] must be less than 32. */
#define BITS_AT(n) _mm512_sllv_epi32(SET(1), n)
/* Lane i takes the value of lane i - n; the first n lanes take 0. */
#define MOVE_UP(x, n) _mm512_alignr_epi32(x, _mm512_setzero_si512(), 16 - (n))
/* The value of the last lane in all lanes. */
#define LAST(x) _mm512_permutexvar_epi32(_mm512_set1_epi32(15), x)
/* Bit i of the result: does lane i of `words` have all bits of lane i of `bits`? */
#define LANES_WITH_ALL(words, bits) ((uint32_t)_mm512_cmpeq_epi32_mask(AND(words, bits), bits))

/*
 * Sixteen words of sixteen messages, transposed: row i, of message i, becomes lane i. Four rounds of exchanges, each
 * between vectors twice as far apart as the one before.
 */
TARGET static inline void words32_avx512_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    WORD a[16];
    WORD b[16];
    for (size_t i = 0; i < 16; i++)
        a[i] = _mm512_loadu_si512(in[i] + offset);
    for (size_t i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    /* a[4 k + j]: words j, j + 4, j + 8, j + 12 of messages 4 k .. 4 k + 3. */
    for (size_t i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (size_t j = 0; j < 4; j++) {
        const WORD low_even = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88);
        const WORD low_odd = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xdd);
        const WORD high_even = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88);
        const WORD high_odd = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xdd);
        m[j] = _mm512_shuffle_i32x4(low_even, high_even, 0x88);
        m[j + 8] = _mm512_shuffle_i32x4(low_even, high_even, 0xdd);
        m[j + 4] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
        m[j + 12] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
    }
}

#endif
