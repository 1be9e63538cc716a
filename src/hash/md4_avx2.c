/* MD4, eight messages at once, in AVX2. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__x86_64__)
#include "hash/words32_avx2.h"

#define CHOOSE(x, y, z) XOR(z, AND(x, XOR(y, z)))
#define MAJORITY(x, y, z) OR(AND(x, y), AND(z, OR(x, y)))
#define PARITY(x, y, z) XOR(x, XOR(y, z))
#define CONSTANT(n) SET(n)

/* Eight words of eight messages, transposed: row i, of message i, becomes lane i. */
TARGET static inline void md4_avx2_load_words(WORD m[8], const uint8_t *const in[LANES], size_t offset) {
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

TARGET static inline void md4_avx2_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    md4_avx2_load_words(m, in, offset);
    md4_avx2_load_words(m + 8, in, offset + 32);
}

/* One message alone is faster in portable C; two are worth eight lanes. */
#define WORTH_IT 2
#define LOAD_MESSAGE md4_avx2_load_message
#define HASH_REST rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_avx2(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
