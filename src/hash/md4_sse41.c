/* MD4, eight messages at once, in SSE4.1. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__x86_64__)
#include "hash/words32_sse41.h"

#define ROTATE_VECTOR(x, n) _mm_or_si128(_mm_slli_epi32(x, n), _mm_srli_epi32(x, 32 - (n)))
#define ROTATE(x, n) ((words32_pair){ROTATE_VECTOR((x).low, n), ROTATE_VECTOR((x).high, n)})
#define CHOOSE(x, y, z) XOR(z, AND(x, XOR(y, z)))
#define MAJORITY(x, y, z) OR(AND(x, y), AND(z, OR(x, y)))
#define PARITY(x, y, z) XOR(x, XOR(y, z))
#define CONSTANT(n) SET(n)

/* Four words of four messages, transposed: row i, of message i, becomes lane i. */
TARGET static inline void md4_sse41_transpose(__m128i m[4], const uint8_t *const in[4], size_t offset) {
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

TARGET static inline void md4_sse41_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 4) {
        __m128i low[4];
        __m128i high[4];
        md4_sse41_transpose(low, in, offset + 4 * j);
        md4_sse41_transpose(high, in + 4, offset + 4 * j);
        for (size_t k = 0; k < 4; k++)
            m[j + k] = (words32_pair){low[k], high[k]};
    }
}

/* One or two messages are faster in portable C; three are worth eight lanes. */
#define WORTH_IT 3
#define LOAD_MESSAGE md4_sse41_load_message
#define HASH_REST rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_sse41(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
