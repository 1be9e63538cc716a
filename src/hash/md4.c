/*
 * MD4 in portable C: RFC 1320, section 3. Each round is sixteen steps on one of the four words; the words rotate
 * through the roles a, d, c, b, so four steps are written out and repeated.
 */
#include "hash/md4.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "hash/md4_steps.h"

#include <string.h>

const uint32_t rd__md4_initial[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};

static inline uint32_t md4_rotate(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

/* The functions of the three rounds. The first two take one operation less than in the RFC, with the same truth tables.
 */
#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJORITY(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define PARITY(x, y, z) ((x) ^ (y) ^ (z))
#define ADD(x, y) ((x) + (y))
#define CONSTANT(n) (n)
#define ROTATE(x, n) md4_rotate(x, n)

static void md4_compress(uint32_t h[4], const uint8_t *block) {
    uint32_t m[16];
    for (size_t i = 0; i < 16; i++)
        m[i] = rd__load_le32(block + 4 * i);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3];
    ALL_STEPS();
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
}

void rd__md4_init(rd__md4 *state) {
    *state = (rd__md4){.size = 0};
    memcpy(state->h, rd__md4_initial, sizeof state->h);
}

void rd__md4_update(rd__md4 *state, const uint8_t *data, size_t size) {
    while (size > 0) {
        const size_t filled = state->size % RD__MD4_BLOCK;
        if (filled == 0 && size >= RD__MD4_BLOCK) {
            md4_compress(state->h, data);
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
            md4_compress(state->h, state->block);
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

void rd__md4_each(const rd__message *messages, size_t count, uint8_t *digests) {
    for (size_t i = 0; i < count; i++)
        rd__md4_many_portable(messages[i].data, messages[i].size, 1, digests + i * RD__MD4_LEN);
}
