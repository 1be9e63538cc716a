/*
 * MD4 of many messages of one length, one message per lane. A template like blake2b_lanes.h, and for the same reason:
 * the 48 steps of one MD4 are one chain, but the messages are independent.
 *
 * The includer defines:
 *     LANES                               messages at once
 *     WORD                                a vector of LANES 32-bit words
 *     TARGET                              the attribute that enables the instruction set in a function
 *     ADD, ROTATE, CHOOSE, MAJORITY, PARITY, CONSTANT   on WORDs; see md4_steps.h
 *     STORE(p, word)                      to 4 * LANES bytes at p, of any alignment
 *     LOAD_MESSAGE(m, in, offset)         m[j] = 32-bit word j of the 64 bytes at in[i] + offset, in lane i
 *     WORTH_IT                            the fewest messages for which this is faster than HASH_REST
 *     HASH_REST                           an rd__strong_many_fn for fewer
 * and gets
 *     md4_lanes_hash                      an rd__strong_many_fn for any number
 */
#include "base/bytes.h"
#include "hash/md4.h"
#include "hash/md4_steps.h"

#include <assert.h>
#include <string.h>

TARGET static void md4_lanes_compress(WORD h[4], const uint8_t *const in[LANES], size_t offset) {
    WORD m[16];
    LOAD_MESSAGE(m, in, offset);
    WORD a = h[0], b = h[1], c = h[2], d = h[3];
    ALL_STEPS();
    h[0] = ADD(h[0], a);
    h[1] = ADD(h[1], b);
    h[2] = ADD(h[2], c);
    h[3] = ADD(h[3], d);
}

/* The rest of each message, a one bit, zeros, and the length in bits: one block or two (RFC 1320, 3.1 and 3.2). */
TARGET static void md4_lanes_compress_last(WORD h[4], const uint8_t *const in[LANES], size_t offset, size_t length) {
    enum { ROOM = RD__MD4_BLOCK - 8 };
    uint8_t padded[LANES][2 * RD__MD4_BLOCK];
    const uint8_t *last[LANES];
    const size_t left = length - offset;
    const size_t blocks = left < ROOM ? 1 : 2;
    memset(padded, 0, sizeof padded);
    for (size_t i = 0; i < LANES; i++) {
        if (left > 0)
            memcpy(padded[i], in[i] + offset, left);
        padded[i][left] = 0x80;
        rd__store_le64(padded[i] + blocks * RD__MD4_BLOCK - 8, (uint64_t)length * 8);
        last[i] = padded[i];
    }
    for (size_t i = 0; i < blocks; i++)
        md4_lanes_compress(h, last, i * RD__MD4_BLOCK);
}

/* The digests of `count` messages, 1 .. LANES. Idle lanes repeat the first message, which is cheaper than masking them.
 */
TARGET static void md4_lanes_hash_some(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    const uint8_t *in[LANES];
    WORD h[4];
    uint32_t words[LANES];
    size_t offset = 0;
    assert(count >= 1 && count <= LANES);
    for (size_t i = 0; i < LANES; i++)
        in[i] = data + (i < count ? i : 0) * length;
    for (size_t j = 0; j < 4; j++)
        h[j] = CONSTANT(rd__md4_initial[j]);
    for (; length - offset >= RD__MD4_BLOCK; offset += RD__MD4_BLOCK)
        md4_lanes_compress(h, in, offset);
    md4_lanes_compress_last(h, in, offset, length);
    for (size_t j = 0; j < RD__MD4_LEN / 4; j++) {
        STORE(words, h[j]);
        for (size_t i = 0; i < count; i++)
            rd__store_le32(digests + i * RD__MD4_LEN + 4 * j, words[i]);
    }
}

static void md4_lanes_hash(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    while (count >= WORTH_IT) {
        const size_t n = count < LANES ? count : LANES;
        md4_lanes_hash_some(data, length, n, digests);
        count -= n;
        data += n * length;
        digests += n * RD__MD4_LEN;
    }
    HASH_REST(data, length, count, digests);
}
