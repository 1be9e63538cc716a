/*
 * BLAKE3 of many nodes, one node per lane. A template like blake2b_lanes.h, and for the same reason: the blocks of a
 * node are one chain, but the nodes of a level are independent.
 *
 * The includer defines:
 *     LANES                          nodes at once
 *     WORD                           a vector of LANES 32-bit words
 *     TARGET                         the attribute that enables the instruction set in a function
 *     ADD, XOR, ROTATE_RIGHT, SET    on WORDs; SET(x) is x in every lane
 *     LOAD(p), STORE(p, word)        4 * LANES bytes at p, of any alignment
 *     LOAD_MESSAGE(m, in, offset)    m[j] = 32-bit word j of the 64 bytes at in[i] + offset, in lane i
 *     WORTH_IT                       the fewest nodes for which this is faster than HASH_REST
 *     HASH_REST                      an rd__blake3_many_fn for fewer
 *     EACH_REST                      an rd__blake3_each_fn for fewer
 * and gets
 *     blake3_lanes_hash              an rd__blake3_many_fn for any number
 *     blake3_lanes_each              an rd__blake3_each_fn for any number
 */
#include "hash/blake3.h"
#include "hash/blake3_rounds.h"

#include <assert.h>
#include <string.h>

/* Compresses a block in each lane. The last four words are those of the paper: number, size of the block, flags. */
TARGET static inline void blake3_lanes_compress(WORD h[8], const uint8_t *const in[LANES], size_t offset, WORD v12,
                                                WORD v13, WORD v14, WORD v15) {
    const uint32_t *const iv = rd__blake3_initial;
    WORD m[16];
    LOAD_MESSAGE(m, in, offset);
    for (size_t i = 0; i < LANES; i++) /* the processor does not foresee so many places at once */
        __builtin_prefetch(in[i] + offset + (size_t)2 * RD__BLAKE3_BLOCK);
    WORD v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    WORD v8 = SET(iv[0]), v9 = SET(iv[1]), v10 = SET(iv[2]), v11 = SET(iv[3]);
    ALL_ROUNDS();
    h[0] = XOR(v0, v8);
    h[1] = XOR(v1, v9);
    h[2] = XOR(v2, v10);
    h[3] = XOR(v3, v11);
    h[4] = XOR(v4, v12);
    h[5] = XOR(v5, v13);
    h[6] = XOR(v6, v14);
    h[7] = XOR(v7, v15);
}

/* Stores what lane `i` has made. */
static inline void blake3_lanes_store(uint32_t words[8][LANES], size_t i, uint8_t *sum) {
    const uint32_t lane[8] = {words[0][i], words[1][i], words[2][i], words[3][i],
                              words[4][i], words[5][i], words[6][i], words[7][i]};
    memcpy(sum, lane, sizeof lane);
}

/* The sums of `count` nodes, 1 .. LANES. Idle lanes repeat the first node, which is cheaper than masking them. */
TARGET static void blake3_lanes_hash_some(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    const uint32_t *const iv = rd__blake3_initial;
    const uint8_t *in[LANES];
    uint32_t low[LANES];
    uint32_t high[LANES];
    WORD h[8];
    assert(count >= 1 && count <= LANES);
    for (size_t i = 0; i < LANES; i++) {
        const size_t lane = i < count ? i : 0;
        const uint64_t number = nodes->number + lane * nodes->step;
        in[i] = nodes->data + lane * nodes->stride;
        low[i] = (uint32_t)number;
        high[i] = (uint32_t)(number >> 32);
    }
    for (size_t i = 0; i < 8; i++)
        h[i] = SET(iv[i]);
    for (size_t block = 0; block < nodes->blocks; block++) {
        const uint32_t flags = (block == 0 ? nodes->start : 0) | (block == nodes->blocks - 1 ? nodes->end : 0);
        blake3_lanes_compress(h, in, block * RD__BLAKE3_BLOCK, LOAD(low), LOAD(high), SET(RD__BLAKE3_BLOCK),
                              SET(flags));
    }
    uint32_t words[8][LANES];
    for (size_t j = 0; j < 8; j++)
        STORE(words[j], h[j]);
    for (size_t i = 0; i < count; i++)
        blake3_lanes_store(words, i, sums + i * RD__BLAKE3_LEN);
}

static void blake3_lanes_hash(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    rd__blake3_nodes left = *nodes;
    while (count >= WORTH_IT) {
        const size_t n = count < LANES ? count : LANES;
        blake3_lanes_hash_some(&left, n, sums);
        count -= n;
        left.data += n * left.stride;
        left.number += n * left.step;
        sums += n * RD__BLAKE3_LEN;
    }
    HASH_REST(&left, count, sums);
}

/* The last block of a message, padded with zeros. Returns how many it has: at least 1. */
static size_t blake3_lanes_last(const rd__blake3_message *m, uint8_t last[RD__BLAKE3_BLOCK]) {
    const size_t before = m->size > 0 ? (m->size - 1) / RD__BLAKE3_BLOCK : 0;
    memset(last, 0, RD__BLAKE3_BLOCK);
    if (m->size > 0)
        memcpy(last, m->data + before * RD__BLAKE3_BLOCK, m->size - before * RD__BLAKE3_BLOCK);
    return before + 1;
}

/* The flags of the block that begins at `offset` of a message. `more`: others follow it. */
static inline uint32_t blake3_lanes_flags(const rd__blake3_message *m, size_t offset, bool more) {
    const uint32_t start = offset == 0 ? RD__BLAKE3_CHUNK_START : 0u;
    const uint32_t root = m->alone ? RD__BLAKE3_ROOT : 0u;
    return more ? start : start | RD__BLAKE3_CHUNK_END | root;
}

/*
 * The sums of `count` messages, 1 .. LANES, of any length each. A lane that has ended goes on with its last block until
 * all have; nobody looks at what it makes.
 */
TARGET static void blake3_lanes_each_some(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    uint8_t last[LANES][RD__BLAKE3_BLOCK]; /* blocks, padded with zeros */
    size_t blocks[LANES];
    const uint8_t *in[LANES];
    uint32_t low[LANES], high[LANES], sizes[LANES], flags[LANES];
    uint32_t words[8][LANES];
    WORD h[8];
    size_t most = 0;
    assert(count >= 1 && count <= LANES);
    for (size_t i = 0; i < LANES; i++) {
        const rd__blake3_message *const m = &messages[i < count ? i : 0];
        blocks[i] = blake3_lanes_last(m, last[i]);
        low[i] = (uint32_t)m->number;
        high[i] = (uint32_t)(m->number >> 32);
        most = blocks[i] > most ? blocks[i] : most;
    }
    for (size_t i = 0; i < 8; i++)
        h[i] = SET(rd__blake3_initial[i]);
    for (size_t block = 0; block < most; block++) {
        bool ends = false;
        for (size_t i = 0; i < LANES; i++) {
            const rd__blake3_message *const m = &messages[i < count ? i : 0];
            const bool more = block + 1 < blocks[i];
            const size_t offset = block * RD__BLAKE3_BLOCK;
            in[i] = more ? m->data + offset : last[i];
            sizes[i] = more ? RD__BLAKE3_BLOCK : (uint32_t)(m->size - (blocks[i] - 1) * RD__BLAKE3_BLOCK);
            flags[i] = blake3_lanes_flags(m, offset, more);
            ends = ends || block + 1 == blocks[i];
        }
        blake3_lanes_compress(h, in, 0, LOAD(low), LOAD(high), LOAD(sizes), LOAD(flags));
        for (size_t j = 0; ends && j < 8; j++)
            STORE(words[j], h[j]);
        for (size_t i = 0; ends && i < count; i++) {
            if (block + 1 == blocks[i])
                blake3_lanes_store(words, i, sums + i * RD__BLAKE3_LEN);
        }
    }
}

static void blake3_lanes_each(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    while (count >= WORTH_IT) {
        const size_t n = count < LANES ? count : LANES;
        blake3_lanes_each_some(messages, n, sums);
        count -= n;
        messages += n;
        sums += n * RD__BLAKE3_LEN;
    }
    EACH_REST(messages, count, sums);
}
