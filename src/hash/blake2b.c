/*
 * BLAKE2b-256 in portable C: RFC 7693, sections 2 and 3.
 *
 * This is the specification that the variants for many messages at once are tested against.
 */
#include "hash/blake2b.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "hash/blake2b_rounds.h"
#include "hash/sums.h"

#include <assert.h>
#include <string.h>

/* The fractional bits of the square roots of the first eight primes (RFC 7693, 2.6; the same as SHA-512's). */
const uint64_t rd__blake2b_initial[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

static inline uint64_t blake2b_rotate(uint64_t x, unsigned n) {
    return x >> n | x << (64 - n);
}

#define ADD(x, y) ((x) + (y))
#define XOR(x, y) ((x) ^ (y))
#define ROTATE(x, n) blake2b_rotate(x, n)

/* Compresses the 128 bytes at `block`. `counter` is the number of bytes hashed up to its end; `last` is all ones for
 * the last block. */
static void blake2b_compress(uint64_t h[8], const uint8_t *block, uint64_t counter, uint64_t last) {
    uint64_t m[16];
    for (size_t i = 0; i < 16; i++)
        m[i] = rd__load_le64(block + 8 * i);
    uint64_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    const uint64_t *const iv = rd__blake2b_initial;
    uint64_t v8 = iv[0], v9 = iv[1], v10 = iv[2], v11 = iv[3];
    uint64_t v12 = iv[4] ^ counter, v13 = iv[5], v14 = iv[6] ^ last, v15 = iv[7];
    ALL_ROUNDS();
    h[0] ^= v0 ^ v8;
    h[1] ^= v1 ^ v9;
    h[2] ^= v2 ^ v10;
    h[3] ^= v3 ^ v11;
    h[4] ^= v4 ^ v12;
    h[5] ^= v5 ^ v13;
    h[6] ^= v6 ^ v14;
    h[7] ^= v7 ^ v15;
}

/* The parameter block (RFC 7693, 2.5): digest length 32, key length 0, fan-out 1, depth 1; the rest 0. */
const uint64_t rd__blake2b_parameters = 0x01010020u;

void rd__blake2b_init(rd__blake2b *state) {
    memcpy(state->h, rd__blake2b_initial, sizeof state->h);
    state->h[0] ^= rd__blake2b_parameters;
    state->hashed = 0;
    state->filled = 0;
}

void rd__blake2b_update(rd__blake2b *state, const uint8_t *data, size_t size) {
    while (size > 0) {
        if (state->filled == RD__BLAKE2B_BLOCK) {
            state->hashed += RD__BLAKE2B_BLOCK;
            blake2b_compress(state->h, state->block, state->hashed, 0);
            state->filled = 0;
        }
        for (; state->filled == 0 && size > RD__BLAKE2B_BLOCK; size -= RD__BLAKE2B_BLOCK, data += RD__BLAKE2B_BLOCK) {
            state->hashed += RD__BLAKE2B_BLOCK;
            blake2b_compress(state->h, data, state->hashed, 0);
        }
        const size_t taken = rd__min_size(size, RD__BLAKE2B_BLOCK - state->filled);
        memcpy(state->block + state->filled, data, taken);
        state->filled += taken;
        data += taken;
        size -= taken;
    }
}

void rd__blake2b_final(rd__blake2b *state, uint8_t digest[RD__BLAKE2B_LEN]) {
    assert(state->filled <= RD__BLAKE2B_BLOCK);
    memset(state->block + state->filled, 0, RD__BLAKE2B_BLOCK - state->filled);
    blake2b_compress(state->h, state->block, state->hashed + state->filled, UINT64_MAX);
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

void rd__blake2b_each_portable(const rd__message *messages, size_t count, uint8_t *digests) {
    for (size_t i = 0; i < count; i++)
        rd__blake2b_many_portable(messages[i].data, messages[i].size, 1, digests + i * RD__BLAKE2B_LEN);
}

void rd__blake2b_advance_portable(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rd__blake2b *const state = &sums[i].state.blake2b;
        assert(state->filled == 0 && size % RD__BLAKE2B_BLOCK == 0);
        for (size_t at = 0; at < size; at += RD__BLAKE2B_BLOCK) {
            state->hashed += RD__BLAKE2B_BLOCK;
            blake2b_compress(state->h, data[i] + at, state->hashed, 0);
        }
    }
}
