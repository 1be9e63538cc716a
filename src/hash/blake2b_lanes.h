/*
 * BLAKE2b-256 of many messages of one length, one message per lane. A template: no include guard, included once by each
 * file that implements it for an instruction set.
 *
 * One BLAKE2b is a chain of dependent operations that leaves most of a processor idle, and its message cannot be split.
 * But the blocks of a basis are independent messages of one length, so lane i of every vector works on message i, and
 * all lanes run the same rounds on the same counter. The cost is bringing word j of all messages into one vector: a
 * transposition, by the includer's LOAD_MESSAGE.
 *
 * The includer defines:
 *     LANES                          messages at once
 *     WORD                           a vector of LANES 64-bit words
 *     TARGET                         the attribute that enables the instruction set in a function
 *     ADD, XOR, ROTATE, SET          on WORDs; ROTATE to the right; SET(x) is x in every lane
 *     LOAD(p), STORE(p, word)        8 * LANES bytes at p, of any alignment
 *     LOAD_MESSAGE(m, in, offset)    m[j] = 64-bit word j of the 128 bytes at in[i] + offset, in lane i
 *     WORTH_IT                       the fewest messages for which this is faster than HASH_REST
 *     HASH_REST                      an rd__strong_many_fn for fewer
 *     EACH_REST                      an rd__strong_each_fn for fewer
 *     ADVANCE_REST                   an rd__strong_advance_fn for fewer
 * and gets
 *     blake2b_lanes_hash             an rd__strong_many_fn for any number
 *     blake2b_lanes_each             an rd__strong_each_fn for any number
 *     blake2b_lanes_advance          an rd__strong_advance_fn for any number
 */
#include "base/bytes.h"
#include "hash/blake2b.h"
#include "hash/blake2b_rounds.h"
#include "hash/sums.h"

#include <assert.h>
#include <string.h>

/* `last`: all ones in the lanes whose message ends with this block, else 0. */
TARGET static void blake2b_lanes_compress(WORD h[8], const uint8_t *const in[LANES], size_t offset, WORD counter,
                                          WORD last) {
    WORD m[16];
    LOAD_MESSAGE(m, in, offset);
    const uint64_t *const iv = rd__blake2b_initial;
    WORD v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    WORD v8 = SET(iv[0]), v9 = SET(iv[1]), v10 = SET(iv[2]), v11 = SET(iv[3]);
    WORD v12 = XOR(SET(iv[4]), counter), v13 = SET(iv[5]), v14 = XOR(SET(iv[6]), last), v15 = SET(iv[7]);
    ALL_ROUNDS();
    h[0] = XOR(h[0], XOR(v0, v8));
    h[1] = XOR(h[1], XOR(v1, v9));
    h[2] = XOR(h[2], XOR(v2, v10));
    h[3] = XOR(h[3], XOR(v3, v11));
    h[4] = XOR(h[4], XOR(v4, v12));
    h[5] = XOR(h[5], XOR(v5, v13));
    h[6] = XOR(h[6], XOR(v6, v14));
    h[7] = XOR(h[7], XOR(v7, v15));
}

/* The last block of each message, padded with zeros; read in place if it is whole. */
TARGET static void blake2b_lanes_compress_last(WORD h[8], const uint8_t *const in[LANES], size_t offset,
                                               size_t length) {
    uint8_t padded[LANES][RD__BLAKE2B_BLOCK];
    const uint8_t *last[LANES];
    if (length - offset == RD__BLAKE2B_BLOCK) {
        blake2b_lanes_compress(h, in, offset, SET(length), SET(UINT64_MAX));
        return;
    }
    memset(padded, 0, sizeof padded);
    for (size_t i = 0; i < LANES; i++) {
        if (length > offset)
            memcpy(padded[i], in[i] + offset, length - offset);
        last[i] = padded[i];
    }
    blake2b_lanes_compress(h, last, 0, SET(length), SET(UINT64_MAX));
}

/* The digests of `count` messages, 1 .. LANES. Idle lanes repeat the first message, which is cheaper than masking them.
 */
TARGET static void blake2b_lanes_hash_some(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    const uint8_t *in[LANES];
    WORD h[8];
    uint64_t words[LANES];
    size_t offset = 0;
    assert(count >= 1 && count <= LANES);
    for (size_t i = 0; i < LANES; i++)
        in[i] = data + (i < count ? i : 0) * length;
    for (size_t i = 0; i < 8; i++)
        h[i] = SET(rd__blake2b_initial[i]);
    h[0] = XOR(h[0], SET(rd__blake2b_parameters));
    for (; length - offset > RD__BLAKE2B_BLOCK && length > offset; offset += RD__BLAKE2B_BLOCK)
        blake2b_lanes_compress(h, in, offset, SET(offset + RD__BLAKE2B_BLOCK), SET(0));
    blake2b_lanes_compress_last(h, in, offset, length);
    for (size_t j = 0; j < RD__BLAKE2B_LEN / 8; j++) {
        STORE(words, h[j]);
        for (size_t i = 0; i < count; i++)
            rd__store_le64(digests + i * RD__BLAKE2B_LEN + 8 * j, words[i]);
    }
}

static void blake2b_lanes_hash(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    while (count >= WORTH_IT) {
        const size_t n = count < LANES ? count : LANES;
        blake2b_lanes_hash_some(data, length, n, digests);
        count -= n;
        data += n * length;
        digests += n * RD__BLAKE2B_LEN;
    }
    HASH_REST(data, length, count, digests);
}

/* The last block of a message, padded with zeros. Returns how many it has: at least 1. */
static size_t blake2b_lanes_last(const rd__message *m, uint8_t last[RD__BLAKE2B_BLOCK]) {
    const size_t before = m->size > 0 ? (m->size - 1) / RD__BLAKE2B_BLOCK : 0;
    memset(last, 0, RD__BLAKE2B_BLOCK);
    if (m->size > 0)
        memcpy(last, m->data + before * RD__BLAKE2B_BLOCK, m->size - before * RD__BLAKE2B_BLOCK);
    return before + 1;
}

/*
 * The digests of `count` messages, 1 .. LANES, of any length each. A lane that has ended goes on with its last block
 * until all have; nobody looks at what it makes.
 */
TARGET static void blake2b_lanes_each_some(const rd__message *messages, size_t count, uint8_t *digests) {
    uint8_t padded[LANES][RD__BLAKE2B_BLOCK]; /* the last blocks */
    size_t blocks[LANES];
    const uint8_t *in[LANES];
    uint64_t counters[LANES], lasts[LANES], words[RD__BLAKE2B_LEN / 8][LANES];
    WORD h[8];
    size_t most = 0;
    assert(count >= 1 && count <= LANES);
    for (size_t i = 0; i < LANES; i++) {
        blocks[i] = blake2b_lanes_last(&messages[i < count ? i : 0], padded[i]);
        most = blocks[i] > most ? blocks[i] : most;
    }
    for (size_t i = 0; i < 8; i++)
        h[i] = SET(rd__blake2b_initial[i]);
    h[0] = XOR(h[0], SET(rd__blake2b_parameters));
    for (size_t block = 0; block < most; block++) {
        bool ends = false;
        for (size_t i = 0; i < LANES; i++) {
            const rd__message *const m = &messages[i < count ? i : 0];
            const bool more = block + 1 < blocks[i];
            in[i] = more ? m->data + block * RD__BLAKE2B_BLOCK : padded[i];
            counters[i] = more ? (block + 1) * RD__BLAKE2B_BLOCK : m->size;
            lasts[i] = more ? 0 : UINT64_MAX;
            ends = ends || block + 1 == blocks[i];
        }
        blake2b_lanes_compress(h, in, 0, LOAD(counters), LOAD(lasts));
        for (size_t j = 0; ends && j < RD__BLAKE2B_LEN / 8; j++)
            STORE(words[j], h[j]);
        for (size_t i = 0; ends && i < count; i++) {
            for (size_t j = 0; block + 1 == blocks[i] && j < RD__BLAKE2B_LEN / 8; j++)
                rd__store_le64(digests + i * RD__BLAKE2B_LEN + 8 * j, words[j][i]);
        }
    }
}

static void blake2b_lanes_each(const rd__message *messages, size_t count, uint8_t *digests) {
    while (count >= WORTH_IT) {
        const size_t n = count < LANES ? count : LANES;
        blake2b_lanes_each_some(messages, n, digests);
        count -= n;
        messages += n;
        digests += n * RD__BLAKE2B_LEN;
    }
    EACH_REST(messages, count, digests);
}

/* The messages need not have come equally far: each lane has a counter of its own. */
TARGET static void blake2b_lanes_advance_some(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count) {
    const uint8_t *in[LANES];
    const rd__blake2b *states[LANES];
    WORD h[8];
    uint64_t words[LANES];
    assert(count >= 1 && count <= LANES && size % RD__BLAKE2B_BLOCK == 0);
    for (size_t i = 0; i < LANES; i++) {
        in[i] = data[i < count ? i : 0];
        states[i] = &sums[i < count ? i : 0].state.blake2b;
        words[i] = states[i]->hashed;
        assert(states[i]->filled == 0);
    }
    const WORD hashed = LOAD(words);
    for (size_t j = 0; j < 8; j++) {
        for (size_t i = 0; i < LANES; i++)
            words[i] = states[i]->h[j];
        h[j] = LOAD(words);
    }
    for (size_t offset = 0; offset < size; offset += RD__BLAKE2B_BLOCK)
        blake2b_lanes_compress(h, in, offset, ADD(hashed, SET(offset + RD__BLAKE2B_BLOCK)), SET(0));
    for (size_t j = 0; j < 8; j++) {
        STORE(words, h[j]);
        for (size_t i = 0; i < count; i++)
            sums[i].state.blake2b.h[j] = words[i];
    }
    for (size_t i = 0; i < count; i++)
        sums[i].state.blake2b.hashed += size;
}

static void blake2b_lanes_advance(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count) {
    while (count >= WORTH_IT) {
        const size_t n = count < LANES ? count : LANES;
        blake2b_lanes_advance_some(sums, data, size, n);
        count -= n;
        sums += n;
        data += n;
    }
    ADVANCE_REST(sums, data, size, count);
}
