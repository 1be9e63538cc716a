/*
 * MD4 in portable C: RFC 1320, section 3. Each round is sixteen steps on one of the four words; the words rotate
 * through the roles a, d, c, b, so four steps are written out and repeated.
 */
#include "hash/md4.h"

#include "base/bytes.h"
#include "base/memory.h"

static inline uint32_t rotate_left(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

/* The three rounds' functions, the first two with an operation less than in the RFC: the same truth tables. */
#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJORITY(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define PARITY(x, y, z) ((x) ^ (y) ^ (z))

#define STEP(f, a, b, c, d, word, constant, shift) (a) = rotate_left((a) + f(b, c, d) + (word) + (constant), shift)

#define FOUR_STEPS(f, i0, i1, i2, i3, constant, s0, s1, s2, s3)                                                        \
    do {                                                                                                               \
        STEP(f, a, b, c, d, m[i0], constant, s0);                                                                      \
        STEP(f, d, a, b, c, m[i1], constant, s1);                                                                      \
        STEP(f, c, d, a, b, m[i2], constant, s2);                                                                      \
        STEP(f, b, c, d, a, m[i3], constant, s3);                                                                      \
    } while (0)

static void compress(uint32_t h[4], const uint8_t *block) {
    uint32_t m[16];
    for (size_t i = 0; i < 16; i++)
        m[i] = rd__load_le32(block + 4 * i);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3];
    FOUR_STEPS(CHOOSE, 0, 1, 2, 3, 0, 3, 7, 11, 19);
    FOUR_STEPS(CHOOSE, 4, 5, 6, 7, 0, 3, 7, 11, 19);
    FOUR_STEPS(CHOOSE, 8, 9, 10, 11, 0, 3, 7, 11, 19);
    FOUR_STEPS(CHOOSE, 12, 13, 14, 15, 0, 3, 7, 11, 19);
    FOUR_STEPS(MAJORITY, 0, 4, 8, 12, 0x5a827999u, 3, 5, 9, 13); /* 2^30 * sqrt(2) */
    FOUR_STEPS(MAJORITY, 1, 5, 9, 13, 0x5a827999u, 3, 5, 9, 13);
    FOUR_STEPS(MAJORITY, 2, 6, 10, 14, 0x5a827999u, 3, 5, 9, 13);
    FOUR_STEPS(MAJORITY, 3, 7, 11, 15, 0x5a827999u, 3, 5, 9, 13);
    FOUR_STEPS(PARITY, 0, 8, 4, 12, 0x6ed9eba1u, 3, 9, 11, 15); /* 2^30 * sqrt(3) */
    FOUR_STEPS(PARITY, 2, 10, 6, 14, 0x6ed9eba1u, 3, 9, 11, 15);
    FOUR_STEPS(PARITY, 1, 9, 5, 13, 0x6ed9eba1u, 3, 9, 11, 15);
    FOUR_STEPS(PARITY, 3, 11, 7, 15, 0x6ed9eba1u, 3, 9, 11, 15);
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
}

void rd__md4_init(rd__md4 *state) {
    *state = (rd__md4){.h = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u}};
}

void rd__md4_update(rd__md4 *state, const uint8_t *data, size_t size) {
    while (size > 0) {
        const size_t filled = state->size % RD__MD4_BLOCK;
        if (filled == 0 && size >= RD__MD4_BLOCK) {
            compress(state->h, data);
            state->size += RD__MD4_BLOCK;
            data += RD__MD4_BLOCK;
            size -= RD__MD4_BLOCK;
            continue;
        }
        const size_t taken = rd__min_size(size, RD__MD4_BLOCK - filled);
        memcpy(state->block + filled, data, taken);
        state->size += taken;
        data += taken;
        size -= taken;
        if (filled + taken == RD__MD4_BLOCK)
            compress(state->h, state->block);
    }
}

/* Padding: a one bit, zeros up to 56 modulo 64, and the length in bits (RFC 1320, 3.1 and 3.2). */
void rd__md4_final(rd__md4 *state, uint8_t digest[RD__MD4_LEN]) {
    static const uint8_t one_bit[RD__MD4_BLOCK] = {0x80};
    const uint64_t bits = state->size * 8;
    const size_t filled = state->size % RD__MD4_BLOCK;
    uint8_t length[8];
    rd__store_le64(length, bits);
    rd__md4_update(state, one_bit, (filled < 56 ? 56 : 120) - filled);
    rd__md4_update(state, length, sizeof length);
    for (size_t i = 0; i < 4; i++)
        rd__store_le32(digest + 4 * i, state->h[i]);
}

void rd__md4_many_portable(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    for (size_t i = 0; i < count; i++) {
        rd__md4 state;
        rd__md4_init(&state);
        rd__md4_update(&state, data + i * length, length);
        rd__md4_final(&state, digests + i * RD__MD4_LEN);
    }
}
