/*
 * BLAKE2b-256, four messages at once, in NEON. The idea is in blake2b_lanes.h.
 *
 * A vector holds two messages only, and most operations take two cycles or more before the next one can have the
 * result. On a processor with four vector pipes, two messages at once would be slower than one after the other in the
 * portable way: by LLVM's model of Neoverse V2, 366 cycles a block of a message against 297. So a word of the template
 * is two vectors, which do not depend on each other: 200 cycles.
 */
#include "hash/blake2b.h"

#if defined(__AARCH64EL__)
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET
#define LANES 4
#define WORD pair

/* Lanes 0 and 1, and 2 and 3. */
typedef struct pair {
    uint64x2_t low;
    uint64x2_t high;
} pair;

static inline pair add(pair x, pair y) {
    return (pair){vaddq_u64(x.low, y.low), vaddq_u64(x.high, y.high)};
}

static inline pair different_bits(pair x, pair y) {
    return (pair){veorq_u64(x.low, y.low), veorq_u64(x.high, y.high)};
}

static inline pair set(uint64_t n) {
    return (pair){vdupq_n_u64(n), vdupq_n_u64(n)};
}

static inline pair load(const uint64_t *p) {
    return (pair){vld1q_u64(p), vld1q_u64(p + 2)};
}

static inline void store(uint64_t *p, pair x) {
    vst1q_u64(p, x.low);
    vst1q_u64(p + 2, x.high);
}

/* Rotations to the right: by half a word, an exchange; by whole bytes, a permutation. */
static inline uint64x2_t exchange_halves(uint64x2_t x) {
    return vreinterpretq_u64_u32(vrev64q_u32(vreinterpretq_u32_u64(x)));
}

static inline uint64x2_t permute_bytes(uint64x2_t x, const uint8_t order[16]) {
    return vreinterpretq_u64_u8(vqtbl1q_u8(vreinterpretq_u8_u64(x), vld1q_u8(order)));
}

static inline pair rotate_32(pair x) {
    return (pair){exchange_halves(x.low), exchange_halves(x.high)};
}

static inline pair rotate_24(pair x) {
    static const uint8_t order[16] = {3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10};
    return (pair){permute_bytes(x.low, order), permute_bytes(x.high, order)};
}

static inline pair rotate_16(pair x) {
    static const uint8_t order[16] = {2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9};
    return (pair){permute_bytes(x.low, order), permute_bytes(x.high, order)};
}

/* One to the left, by an addition; the bit that was the top is inserted below. */
static inline pair rotate_63(pair x) {
    const pair twice = add(x, x);
    return (pair){vsriq_n_u64(twice.low, x.low, 63), vsriq_n_u64(twice.high, x.high, 63)};
}

#define ADD(x, y) add(x, y)
#define XOR(x, y) different_bits(x, y)
#define ROTATE(x, n) rotate_##n(x)
#define SET(x) set(x)
#define LOAD(p) load(p)
#define STORE(p, word) store(p, word)

/* Two words of two messages, transposed: row i, of message i, becomes lane i. */
static inline void transpose(uint64x2_t m[2], const uint8_t *const in[2], size_t offset) {
    const uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(in[0] + offset));
    const uint64x2_t b = vreinterpretq_u64_u8(vld1q_u8(in[1] + offset));
    m[0] = vtrn1q_u64(a, b);
    m[1] = vtrn2q_u64(a, b);
}

static inline void load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 2) {
        uint64x2_t low[2];
        uint64x2_t high[2];
        transpose(low, in, offset + 8 * j);
        transpose(high, in + 2, offset + 8 * j);
        m[j] = (pair){low[0], high[0]};
        m[j + 1] = (pair){low[1], high[1]};
    }
}

/* One or two messages are quicker in the portable way; three are about as quick. */
#define WORTH_IT 3
#define hash_rest rd__blake2b_nodes_portable
#include "hash/blake2b_lanes.h"

void rd__blake2b_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    hash_nodes(RD__BLAKE2B_ALONE, data, length, count, digests);
}

void rd__blake2b_leaves_neon(const uint8_t *data, uint64_t first, size_t count, uint8_t *digests) {
    hash_nodes(RD__BLAKE2B_LEAF(first), data, RD__LEAF_LEN, count, digests);
}
#endif
