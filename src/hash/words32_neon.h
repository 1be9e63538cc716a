/*
 * Eight 32-bit words in two vectors, in NEON: the vocabulary of the templates md4_lanes.h and weak_lanes.h.
 *
 * A vector holds four words only, and most operations take two cycles or more before the next one can have the result.
 * Two vectors that do not depend on each other keep the pipes busy meanwhile, so the pair is what the templates take
 * for a vector.
 *
 * Every processor with little-endian AArch64 has all that is used here.
 */
#ifndef RD_HASH_WORDS32_NEON_H
#define RD_HASH_WORDS32_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET
#define LANES 8
#define WORD pair

/* Lanes 0 to 3, and 4 to 7. */
typedef struct pair {
    uint32x4_t low;
    uint32x4_t high;
} pair;

#define ON_BOTH_VECTORS(name, operation)                                                                               \
    static inline pair name(pair x, pair y) {                                                                          \
        return (pair){operation(x.low, y.low), operation(x.high, y.high)};                                             \
    }

ON_BOTH_VECTORS(add, vaddq_u32)
ON_BOTH_VECTORS(subtract, vsubq_u32)
ON_BOTH_VECTORS(multiply, vmulq_u32)
ON_BOTH_VECTORS(both_bits, vandq_u32)
ON_BOTH_VECTORS(either_bit, vorrq_u32)
ON_BOTH_VECTORS(different_bits, veorq_u32)

static inline pair set(uint32_t n) {
    return (pair){vdupq_n_u32(n), vdupq_n_u32(n)};
}

static inline pair load(const uint32_t *p) {
    return (pair){vld1q_u32(p), vld1q_u32(p + 4)};
}

static inline void store(uint32_t *p, pair x) {
    vst1q_u32(p, x.low);
    vst1q_u32(p + 4, x.high);
}

static inline uint32x4_t read_four(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    uint32x4_t read = vld1q_dup_u32(&words[x[0] >> shift]);
    read = vld1q_lane_u32(&words[x[1] >> shift], read, 1);
    read = vld1q_lane_u32(&words[x[2] >> shift], read, 2);
    return vld1q_lane_u32(&words[x[3] >> shift], read, 3);
}

static inline pair read_words(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    return (pair){read_four(words, x, shift), read_four(words, x + 4, shift)};
}

static inline pair load_bytes(const uint8_t *p) {
    const uint16x8_t wide = vmovl_u8(vld1_u8(p));
    return (pair){vmovl_u16(vget_low_u16(wide)), vmovl_high_u16(wide)};
}

/* To the left, by a number for each lane; to the right if that is negative. */
static inline pair shift_each(pair x, pair counts) {
    return (pair){vshlq_u32(x.low, vreinterpretq_s32_u32(counts.low)),
                  vshlq_u32(x.high, vreinterpretq_s32_u32(counts.high))};
}

static inline pair move_up_1(pair x) {
    return (pair){vextq_u32(vdupq_n_u32(0), x.low, 3), vextq_u32(x.low, x.high, 3)};
}

static inline pair move_up_2(pair x) {
    return (pair){vextq_u32(vdupq_n_u32(0), x.low, 2), vextq_u32(x.low, x.high, 2)};
}

static inline pair move_up_4(pair x) {
    return (pair){vdupq_n_u32(0), x.low};
}

static inline pair last(pair x) {
    const uint32x4_t lane = vdupq_laneq_u32(x.high, 3);
    return (pair){lane, lane};
}

/* All ones in a lane that has all, cut to the lane's own bit, and added up. */
static inline uint32_t lanes_with_all(pair x, pair bits) {
    static const uint16_t bit[LANES] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint32x4_t low = vceqq_u32(vandq_u32(x.low, bits.low), bits.low);
    const uint32x4_t high = vceqq_u32(vandq_u32(x.high, bits.high), bits.high);
    const uint16x8_t all = vuzp1q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
    return vaddvq_u16(vandq_u16(all, vld1q_u16(bit)));
}

#define ADD(x, y) add(x, y)
#define SUB(x, y) subtract(x, y)
#define MULTIPLY(x, y) multiply(x, y)
#define AND(x, y) both_bits(x, y)
#define OR(x, y) either_bit(x, y)
#define XOR(x, y) different_bits(x, y)
#define SET(n) set((uint32_t)(n))
#define LOAD(p) load(p)
#define STORE(p, word) store(p, word)

/* words[x[i] >> shift] in lane i. */
#define READ_WORDS(words, x, shift) read_words(words, x, shift)
/* As many bytes as there are lanes, each widened to a word. */
#define LOAD_BYTES(p) load_bytes(p)
/* All lanes shifted left by as many bits as `bits` says, and to the right. */
#define SHIFT_LEFT(x, bits) shift_each(x, set((uint32_t)(bits)))
#define SHIFT_RIGHT(x, bits) shift_each(x, set(0u - (uint32_t)(bits)))
/* Bit n[i] alone in lane i, n[i] being less than 32. */
#define BITS_AT(n) shift_each(SET(1), n)
/* Lane i takes what was in lane i - n, n being 1, 2 or 4; the first n lanes take 0. */
#define MOVE_UP(x, n) move_up_##n(x)
/* The last lane, in all of them. */
#define LAST(x) last(x)
/* Bit i of the result: whether lane i of `words` has all the bits that it has of `bits`. */
#define LANES_WITH_ALL(words, bits) lanes_with_all(words, bits)

#endif
