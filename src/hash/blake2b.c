/*
 * BLAKE2b-256 in portable C: RFC 7693, sections 2 and 3, with digest length 32, no key, fan-out 1 and depth 1.
 *
 * The rounds are written out by macros so that every index into the message is a constant: a compiler then keeps the
 * sixteen state words in registers. This is the specification against which faster variants are tested.
 */
#include "hash/blake2b.h"

#include "base/bytes.h"
#include "base/memory.h"

/* The fractional bits of the square roots of the first eight primes (RFC 7693, 2.6; the same as SHA-512's). */
static const uint64_t initial[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

/* Parameter block, first word: digest length 32, key length 0, fan-out 1, depth 1 (RFC 7693, 2.5). */
static const uint64_t parameters = 0x01010020u;

static inline uint64_t rotate_right(uint64_t x, unsigned n) {
    return x >> n | x << (64 - n);
}

#define MIX(a, b, c, d, x, y)                                                                                          \
    do {                                                                                                               \
        (a) += (b) + (x);                                                                                              \
        (d) = rotate_right((d) ^ (a), 32);                                                                             \
        (c) += (d);                                                                                                    \
        (b) = rotate_right((b) ^ (c), 24);                                                                             \
        (a) += (b) + (y);                                                                                              \
        (d) = rotate_right((d) ^ (a), 16);                                                                             \
        (c) += (d);                                                                                                    \
        (b) = rotate_right((b) ^ (c), 63);                                                                             \
    } while (0)

/* One round: columns, then diagonals. The arguments are a row of the message schedule (RFC 7693, 2.7). */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)                                    \
    do {                                                                                                               \
        MIX(v0, v4, v8, v12, m[s0], m[s1]);                                                                            \
        MIX(v1, v5, v9, v13, m[s2], m[s3]);                                                                            \
        MIX(v2, v6, v10, v14, m[s4], m[s5]);                                                                           \
        MIX(v3, v7, v11, v15, m[s6], m[s7]);                                                                           \
        MIX(v0, v5, v10, v15, m[s8], m[s9]);                                                                           \
        MIX(v1, v6, v11, v12, m[s10], m[s11]);                                                                         \
        MIX(v2, v7, v8, v13, m[s12], m[s13]);                                                                          \
        MIX(v3, v4, v9, v14, m[s14], m[s15]);                                                                          \
    } while (0)

/* Compresses the 128 bytes at `block`; `counter` is the bytes hashed up to its end, `last` all ones for the last. */
static void compress(uint64_t h[8], const uint8_t *block, uint64_t counter, uint64_t last) {
    uint64_t m[16];
    for (size_t i = 0; i < 16; i++)
        m[i] = rd__load_le64(block + 8 * i);
    uint64_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    uint64_t v8 = initial[0], v9 = initial[1], v10 = initial[2], v11 = initial[3];
    uint64_t v12 = initial[4] ^ counter, v13 = initial[5], v14 = initial[6] ^ last, v15 = initial[7];
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
    ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
    ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
    ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
    ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
    ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
    ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
    ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    h[0] ^= v0 ^ v8;
    h[1] ^= v1 ^ v9;
    h[2] ^= v2 ^ v10;
    h[3] ^= v3 ^ v11;
    h[4] ^= v4 ^ v12;
    h[5] ^= v5 ^ v13;
    h[6] ^= v6 ^ v14;
    h[7] ^= v7 ^ v15;
}

void rd__blake2b_init(rd__blake2b *state) {
    memcpy(state->h, initial, sizeof state->h);
    state->h[0] ^= parameters;
    state->hashed = 0;
    state->filled = 0;
}

void rd__blake2b_update(rd__blake2b *state, const uint8_t *data, size_t size) {
    while (size > 0) {
        if (state->filled == RD__BLAKE2B_BLOCK) {
            state->hashed += RD__BLAKE2B_BLOCK;
            compress(state->h, state->block, state->hashed, 0);
            state->filled = 0;
        }
        for (; state->filled == 0 && size > RD__BLAKE2B_BLOCK; size -= RD__BLAKE2B_BLOCK, data += RD__BLAKE2B_BLOCK) {
            state->hashed += RD__BLAKE2B_BLOCK;
            compress(state->h, data, state->hashed, 0);
        }
        const size_t taken = rd__min_size(size, RD__BLAKE2B_BLOCK - state->filled);
        memcpy(state->block + state->filled, data, taken);
        state->filled += taken;
        data += taken;
        size -= taken;
    }
}

void rd__blake2b_final(rd__blake2b *state, uint8_t digest[RD__BLAKE2B_LEN]) {
    memset(state->block + state->filled, 0, RD__BLAKE2B_BLOCK - state->filled);
    compress(state->h, state->block, state->hashed + state->filled, UINT64_MAX);
    for (size_t i = 0; i < RD__BLAKE2B_LEN / 8; i++)
        rd__store_le64(digest + 8 * i, state->h[i]);
}

void rd__blake2b_many_portable(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    for (size_t i = 0; i < count; i++) {
        rd__blake2b state;
        rd__blake2b_init(&state);
        rd__blake2b_update(&state, data + i * length, length);
        rd__blake2b_final(&state, digests + i * RD__BLAKE2B_LEN);
    }
}
