/* BLAKE3, four nodes at once, in SSE4.1. The idea is in blake3_lanes.h. */
#include "hash/blake3.h"

#if defined(__x86_64__)
#include "hash/transpose_sse41.h"

/* Twice as many lanes, in pairs of vectors, would not fit into sixteen registers: a twentieth slower. */
#define TARGET __attribute__((target("sse4.1")))
#define LANES 4
#define WORD __m128i
#define ADD(x, y) _mm_add_epi32(x, y)
#define XOR(x, y) _mm_xor_si128(x, y)
#define SET(n) _mm_set1_epi32((int)(n))
#define LOAD(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define STORE(p, word) _mm_storeu_si128((__m128i *)(void *)(p), word)

/* Rotations to the right: by whole bytes, a shuffle; by other counts, two shifts. */
#define BYTES(a, b, c, d)                                                                                              \
    _mm_setr_epi8(a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (a) + 12,        \
                  (b) + 12, (c) + 12, (d) + 12)
#define SHIFT_BOTH_WAYS(x, n) _mm_or_si128(_mm_srli_epi32(x, n), _mm_slli_epi32(x, 32 - (n)))
#define ROTATE_RIGHT_16(x) _mm_shuffle_epi8(x, BYTES(2, 3, 0, 1))
#define ROTATE_RIGHT_12(x) SHIFT_BOTH_WAYS(x, 12)
#define ROTATE_RIGHT_8(x) _mm_shuffle_epi8(x, BYTES(1, 2, 3, 0))
#define ROTATE_RIGHT_7(x) SHIFT_BOTH_WAYS(x, 7)
#define ROTATE_RIGHT(x, n) ROTATE_RIGHT_##n(x)

TARGET static inline void blake3_sse41_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 4)
        transpose_sse41(m + j, in, offset + 4 * j);
}

/* One node alone is faster in portable C; two are worth four lanes. */
#define WORTH_IT 2
#define LOAD_MESSAGE blake3_sse41_load_message
#define HASH_REST rd__blake3_many_portable
#define EACH_REST rd__blake3_each_portable
#include "hash/blake3_lanes.h"

void rd__blake3_many_sse41(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    blake3_lanes_hash(nodes, count, sums);
}

void rd__blake3_each_sse41(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    blake3_lanes_each(messages, count, sums);
}
#endif
