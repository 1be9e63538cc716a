/* Eight 32-bit words in two vectors, in SSE4.1: the vocabulary of the templates md4_lanes.h and weak_lanes.h. */
#ifndef RD_HASH_WORDS32_SSE41_H
#define RD_HASH_WORDS32_SSE41_H

#include <immintrin.h>

#define TARGET __attribute__((target("sse4.1")))
typedef __m128i four_words;

#include "hash/words32_pair.h"

ON_BOTH_VECTORS(add, _mm_add_epi32)
ON_BOTH_VECTORS(subtract, _mm_sub_epi32)
ON_BOTH_VECTORS(multiply, _mm_mullo_epi32)
ON_BOTH_VECTORS(both_bits, _mm_and_si128)
ON_BOTH_VECTORS(either_bit, _mm_or_si128)
ON_BOTH_VECTORS(different_bits, _mm_xor_si128)

TARGET static inline pair set(uint32_t n) {
    return (pair){_mm_set1_epi32((int)n), _mm_set1_epi32((int)n)};
}

TARGET static inline pair load(const uint32_t *p) {
    const __m128i *const from = (const __m128i *)(const void *)p;
    return (pair){_mm_loadu_si128(from), _mm_loadu_si128(from + 1)};
}

TARGET static inline void store(uint32_t *p, pair x) {
    __m128i *const to = (__m128i *)(void *)p;
    _mm_storeu_si128(to, x.low);
    _mm_storeu_si128(to + 1, x.high);
}

TARGET static inline __m128i read_four(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    return _mm_setr_epi32((int)words[x[0] >> shift], (int)words[x[1] >> shift], (int)words[x[2] >> shift],
                          (int)words[x[3] >> shift]);
}

TARGET static inline pair read_words(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    return (pair){read_four(words, x, shift), read_four(words, x + 4, shift)};
}

TARGET static inline pair load_bytes(const uint8_t *p) {
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return (pair){_mm_cvtepu8_epi32(bytes), _mm_cvtepu8_epi32(_mm_srli_si128(bytes, 4))};
}

TARGET static inline pair shift_left(pair x, uint32_t bits) {
    const __m128i count = _mm_cvtsi32_si128((int)bits);
    return (pair){_mm_sll_epi32(x.low, count), _mm_sll_epi32(x.high, count)};
}

TARGET static inline pair shift_right(pair x, uint32_t bits) {
    const __m128i count = _mm_cvtsi32_si128((int)bits);
    return (pair){_mm_srl_epi32(x.low, count), _mm_srl_epi32(x.high, count)};
}

/* There is no shift by lanes: 2^n is made as the float with that exponent. 2^31 is out of range, which reads 2^31 too.
 */
TARGET static inline __m128i four_bits_at(__m128i n) {
    const __m128i exponent = _mm_slli_epi32(_mm_add_epi32(n, _mm_set1_epi32(127)), 23);
    return _mm_cvttps_epi32(_mm_castsi128_ps(exponent));
}

TARGET static inline pair bits_at(pair n) {
    return (pair){four_bits_at(n.low), four_bits_at(n.high)};
}

TARGET static inline pair move_up_1(pair x) {
    return (pair){_mm_slli_si128(x.low, 4), _mm_alignr_epi8(x.high, x.low, 12)};
}

TARGET static inline pair move_up_2(pair x) {
    return (pair){_mm_slli_si128(x.low, 8), _mm_alignr_epi8(x.high, x.low, 8)};
}

TARGET static inline pair move_up_4(pair x) {
    return (pair){_mm_setzero_si128(), x.low};
}

TARGET static inline pair last(pair x) {
    const __m128i lane = _mm_shuffle_epi32(x.high, 0xff);
    return (pair){lane, lane};
}

TARGET static inline uint32_t four_with_all(__m128i words, __m128i bits) {
    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(_mm_and_si128(words, bits), bits)));
}

TARGET static inline uint32_t lanes_with_all(pair words, pair bits) {
    return four_with_all(words.low, bits.low) | four_with_all(words.high, bits.high) << 4;
}

#endif
