/* BLAKE2b-256, eight messages at once, in AVX-512. The idea is in blake2b_lanes.h. */
#include "hash/blake2b.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx512f")))
#define LANES 8
#define WORD __m512i
#define ADD(x, y) _mm512_add_epi64(x, y)
#define XOR(x, y) _mm512_xor_si512(x, y)
#define ROTATE(x, n) _mm512_ror_epi64(x, n)
#define SET(x) _mm512_set1_epi64((long long)(x))
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, word) _mm512_storeu_si512(p, word)

/*
 * Eight words of eight messages, transposed: row i, of message i, becomes lane i. Three rounds of exchanges, between
 * words next to each other, then between pairs, then between halves.
 */
TARGET static inline void blake2b_avx512_load_words(WORD m[8], const uint8_t *const in[LANES], size_t offset) {
    WORD r[8];
    WORD a[8];
    WORD b[8];
    for (size_t i = 0; i < 8; i++)
        r[i] = _mm512_loadu_si512(in[i] + offset);
    for (size_t i = 0; i < 8; i += 2) {
        a[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    for (size_t i = 0; i < 2; i++) {
        b[i] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0x88);
        b[i + 2] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0xdd);
        b[i + 4] = _mm512_shuffle_i64x2(a[i + 4], a[i + 6], 0x88);
        b[i + 6] = _mm512_shuffle_i64x2(a[i + 4], a[i + 6], 0xdd);
    }
    for (size_t i = 0; i < 2; i++) {
        m[i] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0x88);
        m[i + 4] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0xdd);
        m[i + 2] = _mm512_shuffle_i64x2(b[i + 2], b[i + 6], 0x88);
        m[i + 6] = _mm512_shuffle_i64x2(b[i + 2], b[i + 6], 0xdd);
    }
}

TARGET static inline void blake2b_avx512_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    blake2b_avx512_load_words(m, in, offset);
    blake2b_avx512_load_words(m + 8, in, offset + 64);
}

/* As many messages as AVX2 has lanes are faster there; more are faster here, although some lanes are idle. */
#define WORTH_IT (LANES / 2 + 1)
#define LOAD_MESSAGE blake2b_avx512_load_message
#define HASH_REST rd__blake2b_many_avx2
#define EACH_REST rd__blake2b_each_avx2
#define ADVANCE_REST rd__blake2b_advance_avx2
#include "hash/blake2b_lanes.h"

void rd__blake2b_many_avx512(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    blake2b_lanes_hash(data, length, count, digests);
}

void rd__blake2b_each_avx512(const rd__message *messages, size_t count, uint8_t *digests) {
    blake2b_lanes_each(messages, count, digests);
}

void rd__blake2b_advance_avx512(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count) {
    blake2b_lanes_advance(sums, data, size, count);
}
#endif
