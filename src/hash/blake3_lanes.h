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
 * and gets
 *     blake3_lanes_hash              an rd__blake3_many_fn for any number
 */
#include "hash/blake3.h"
#include "hash/blake3_rounds.h"

#include <assert.h>
#include <string.h>

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
        WORD m[16];
        LOAD_MESSAGE(m, in, block * RD__BLAKE3_BLOCK);
        for (size_t i = 0; i < LANES; i++) /* the processor does not foresee so many places at once */
            __builtin_prefetch(in[i] + (block + 2) * RD__BLAKE3_BLOCK);
        WORD v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
        WORD v8 = SET(iv[0]), v9 = SET(iv[1]), v10 = SET(iv[2]), v11 = SET(iv[3]);
        WORD v12 = LOAD(low), v13 = LOAD(high), v14 = SET(RD__BLAKE3_BLOCK), v15 = SET(flags);
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
    uint32_t words[8][LANES];
    for (size_t j = 0; j < 8; j++)
        STORE(words[j], h[j]);
    for (size_t i = 0; i < count; i++) {
        const uint32_t sum[8] = {words[0][i], words[1][i], words[2][i], words[3][i],
                                 words[4][i], words[5][i], words[6][i], words[7][i]};
        memcpy(sums + i * RD__BLAKE3_LEN, sum, sizeof sum);
    }
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
