/* Eight 32-bit words in two vectors, in SSE4.1: the vocabulary of the templates md4_lanes.h and weak_lanes.h. */
#ifndef RD_HASH_WORDS32_SSE41_H
#define RD_HASH_WORDS32_SSE41_H

#include "hash/transpose_sse41.h"

#define TARGET __attribute__((target("sse4.1")))
#define FOUR_WORDS __m128i
#define PAIR_FUNCTION(name) words32_sse41_##name

#include "hash/words32_pair.h"

ON_BOTH_VECTORS(add, _mm_add_epi32)
ON_BOTH_VECTORS(subtract, _mm_sub_epi32)
ON_BOTH_VECTORS(multiply, _mm_mullo_epi32)
ON_BOTH_VECTORS(both_bits, _mm_and_si128)
ON_BOTH_VECTORS(either_bit, _mm_or_si128)
ON_BOTH_VECTORS(different_bits, _mm_xor_si128)

TARGET static inline words32_pair words32_sse41_set(uint32_t n) {
    return (words32_pair){_mm_set1_epi32((int)n), _mm_set1_epi32((int)n)};
}

TARGET static inline words32_pair words32_sse41_load(const uint32_t *p) {
    const __m128i *const from = (const __m128i *)(const void *)p;
    return (words32_pair){_mm_loadu_si128(from), _mm_loadu_si128(from + 1)};
}

TARGET static inline void words32_sse41_store(uint32_t *p, words32_pair x) {
    __m128i *const to = (__m128i *)(void *)p;
    _mm_storeu_si128(to, x.low);
    _mm_storeu_si128(to + 1, x.high);
}

TARGET static inline __m128i words32_sse41_read_four(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    return _mm_setr_epi32((int)words[x[0] >> shift], (int)words[x[1] >> shift], (int)words[x[2] >> shift],
                          (int)words[x[3] >> shift]);
}

TARGET static inline words32_pair words32_sse41_read_words(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    return (words32_pair){words32_sse41_read_four(words, x, shift), words32_sse41_read_four(words, x + 4, shift)};
}

TARGET static inline words32_pair words32_sse41_load_bytes(const uint8_t *p) {
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return (words32_pair){_mm_cvtepu8_epi32(bytes), _mm_cvtepu8_epi32(_mm_srli_si128(bytes, 4))};
}

TARGET static inline words32_pair words32_sse41_shift_left(words32_pair x, uint32_t bits) {
    const __m128i count = _mm_cvtsi32_si128((int)bits);
    return (words32_pair){_mm_sll_epi32(x.low, count), _mm_sll_epi32(x.high, count)};
}

TARGET static inline words32_pair words32_sse41_shift_right(words32_pair x, uint32_t bits) {
    const __m128i count = _mm_cvtsi32_si128((int)bits);
    return (words32_pair){_mm_srl_epi32(x.low, count), _mm_srl_epi32(x.high, count)};
}

/* There is no shift by a count for each lane: 2^n is made as the float with that exponent. 2^31 is out of the range of
 * the conversion, whose result for that is 2^31, too. */
TARGET static inline __m128i words32_sse41_four_bits_at(__m128i n) {
    const __m128i exponent = _mm_slli_epi32(_mm_add_epi32(n, _mm_set1_epi32(127)), 23);
    return _mm_cvttps_epi32(_mm_castsi128_ps(exponent));
}

TARGET static inline words32_pair words32_sse41_bits_at(words32_pair n) {
    return (words32_pair){words32_sse41_four_bits_at(n.low), words32_sse41_four_bits_at(n.high)};
}

TARGET static inline words32_pair words32_sse41_move_up_1(words32_pair x) {
    return (words32_pair){_mm_slli_si128(x.low, 4), _mm_alignr_epi8(x.high, x.low, 12)};
}

TARGET static inline words32_pair words32_sse41_move_up_2(words32_pair x) {
    return (words32_pair){_mm_slli_si128(x.low, 8), _mm_alignr_epi8(x.high, x.low, 8)};
}

TARGET static inline words32_pair words32_sse41_move_up_4(words32_pair x) {
    return (words32_pair){_mm_setzero_si128(), x.low};
}

TARGET static inline words32_pair words32_sse41_last(words32_pair x) {
    const __m128i lane = _mm_shuffle_epi32(x.high, 0xff);
    return (words32_pair){lane, lane};
}

TARGET static inline uint32_t words32_sse41_four_with_all(__m128i words, __m128i bits) {
    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(_mm_and_si128(words, bits), bits)));
}

TARGET static inline uint32_t words32_sse41_lanes_with_all(words32_pair words, words32_pair bits) {
    return words32_sse41_four_with_all(words.low, bits.low) | words32_sse41_four_with_all(words.high, bits.high) << 4;
}

TARGET static inline void words32_sse41_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 4) {
        __m128i low[4];
        __m128i high[4];
        transpose_sse41(low, in, offset + 4 * j);
        transpose_sse41(high, in + 4, offset + 4 * j);
        for (size_t k = 0; k < 4; k++)
            m[j + k] = (words32_pair){low[k], high[k]};
    }
}

#endif
