/*
 * BLAKE3 in portable C: the paper "BLAKE3: one function, fast everywhere", 2.1 to 2.6.
 *
 * This is the specification that the variants for many nodes at once are tested against.
 */
#include "hash/blake3.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "hash/blake3_rounds.h"

#include <assert.h>
#include <string.h>

/* The fractional bits of the square roots of the first eight primes (the paper, 2.2; the same as SHA-256's). */
const uint32_t rd__blake3_initial[8] = {
    0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u,
};

static inline uint32_t blake3_rotate_right(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

#define ADD(x, y) ((x) + (y))
#define XOR(x, y) ((x) ^ (y))
#define ROTATE_RIGHT(x, n) blake3_rotate_right(x, n)

/* Compresses the 64 bytes at `block`, of which `size` count, into the chaining value h. */
static void blake3_compress(uint32_t h[8], const uint8_t *block, size_t size, uint64_t number, uint32_t flags) {
    const uint32_t *const iv = rd__blake3_initial;
    uint32_t m[16];
    for (size_t i = 0; i < 16; i++)
        m[i] = rd__load_le32(block + 4 * i);
    uint32_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    uint32_t v8 = iv[0], v9 = iv[1], v10 = iv[2], v11 = iv[3];
    uint32_t v12 = (uint32_t)number, v13 = (uint32_t)(number >> 32), v14 = (uint32_t)size, v15 = flags;
    ALL_ROUNDS();
    h[0] = v0 ^ v8;
    h[1] = v1 ^ v9;
    h[2] = v2 ^ v10;
    h[3] = v3 ^ v11;
    h[4] = v4 ^ v12;
    h[5] = v5 ^ v13;
    h[6] = v6 ^ v14;
    h[7] = v7 ^ v15;
}

static void blake3_store(const uint32_t h[8], uint8_t sum[RD__BLAKE3_LEN]) {
    for (size_t i = 0; i < 8; i++)
        rd__store_le32(sum + 4 * i, h[i]);
}

void rd__blake3_chunk(const uint8_t *data, size_t size, uint64_t number, uint8_t node[RD__BLAKE3_LEN], uint8_t *alone) {
    uint8_t last[RD__BLAKE3_BLOCK] = {0};
    uint32_t h[8];
    uint32_t root[8];
    uint32_t start = RD__BLAKE3_CHUNK_START;
    size_t at = 0;
    assert(size <= RD__BLAKE3_CHUNK);
    memcpy(h, rd__blake3_initial, sizeof h);
    for (; size - at > RD__BLAKE3_BLOCK; at += RD__BLAKE3_BLOCK, start = 0)
        blake3_compress(h, data + at, RD__BLAKE3_BLOCK, number, start);
    /* The last block, padded with zeros. */
    if (size > at)
        memcpy(last, data + at, size - at);
    memcpy(root, h, sizeof root);
    blake3_compress(h, last, size - at, number, start | RD__BLAKE3_CHUNK_END);
    blake3_store(h, node);
    if (alone) {
        blake3_compress(root, last, size - at, number, start | RD__BLAKE3_CHUNK_END | RD__BLAKE3_ROOT);
        blake3_store(root, alone);
    }
}

void rd__blake3_parent(const uint8_t *sums, bool is_root, uint8_t sum[RD__BLAKE3_LEN]) {
    uint32_t h[8];
    memcpy(h, rd__blake3_initial, sizeof h);
    blake3_compress(h, sums, RD__BLAKE3_BLOCK, 0, RD__BLAKE3_PARENT | (is_root ? RD__BLAKE3_ROOT : 0u));
    blake3_store(h, sum);
}

void rd__blake3_each_portable(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    for (size_t i = 0; i < count; i++) {
        const rd__blake3_message *const m = &messages[i];
        uint8_t node[RD__BLAKE3_LEN];
        uint8_t alone[RD__BLAKE3_LEN];
        rd__blake3_chunk(m->data, m->size, m->number, node, m->alone ? alone : NULL);
        memcpy(sums + i * RD__BLAKE3_LEN, m->alone ? alone : node, RD__BLAKE3_LEN);
    }
}

void rd__blake3_many_portable(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    for (size_t i = 0; i < count; i++) {
        uint32_t h[8];
        memcpy(h, rd__blake3_initial, sizeof h);
        for (size_t block = 0; block < nodes->blocks; block++) {
            const uint32_t flags = (block == 0 ? nodes->start : 0) | (block == nodes->blocks - 1 ? nodes->end : 0);
            blake3_compress(h, nodes->data + i * nodes->stride + block * RD__BLAKE3_BLOCK, RD__BLAKE3_BLOCK,
                            nodes->number + i * nodes->step, flags);
        }
        blake3_store(h, sums + i * RD__BLAKE3_LEN);
    }
}
