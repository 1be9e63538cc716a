/* MD4, sixteen messages at once, in AVX-512. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__x86_64__)
#include "hash/words32_avx512.h"

/* One instruction each, by truth table: bit 4x + 2y + z of the byte is the result. */
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)
#define PARITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CONSTANT(n) SET(n)

/*
 * Sixteen words of sixteen messages, transposed: row i, of message i, becomes lane i. Four rounds of exchanges, each
 * between vectors twice as far apart as the one before.
 */
TARGET static inline void md4_avx512_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
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

/* As many messages as AVX2 has lanes are faster there; more are faster here, although some lanes are idle. */
#define WORTH_IT (LANES / 2 + 1)
#define LOAD_MESSAGE md4_avx512_load_message
#define HASH_REST rd__md4_many_avx2
#include "hash/md4_lanes.h"

void rd__md4_many_avx512(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
