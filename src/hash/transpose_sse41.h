/* What brings the words of four messages into vectors of four words, in SSE4.1. */
#ifndef RD_HASH_TRANSPOSE_SSE41_H
#define RD_HASH_TRANSPOSE_SSE41_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* Four words of four messages, transposed: row i, of message i, becomes lane i. */
__attribute__((target("sse4.1"))) static inline void transpose_sse41(__m128i m[4], const uint8_t *const in[4],
                                                                     size_t offset) {
    __m128i r[4];
    for (size_t i = 0; i < 4; i++)
        r[i] = _mm_loadu_si128((const __m128i *)(const void *)(in[i] + offset));
    const __m128i a = _mm_unpacklo_epi32(r[0], r[1]);
    const __m128i b = _mm_unpackhi_epi32(r[0], r[1]);
    const __m128i c = _mm_unpacklo_epi32(r[2], r[3]);
    const __m128i d = _mm_unpackhi_epi32(r[2], r[3]);
    m[0] = _mm_unpacklo_epi64(a, c);
    m[1] = _mm_unpackhi_epi64(a, c);
    m[2] = _mm_unpacklo_epi64(b, d);
    m[3] = _mm_unpackhi_epi64(b, d);
}

#endif
