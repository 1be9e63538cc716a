/*
 * Eight 32-bit words in two vectors, in NEON: the vocabulary of the templates md4_lanes.h and weak_lanes.h.
 *
 * Every processor with little-endian AArch64 has all that is used here.
 */
#ifndef RD_HASH_WORDS32_NEON_H
#define RD_HASH_WORDS32_NEON_H

#include <arm_neon.h>

#define TARGET
typedef uint32x4_t four_words;

#include "hash/words32_pair.h"

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

static inline pair shift_left(pair x, uint32_t bits) {
    return shift_each(x, set(bits));
}

static inline pair shift_right(pair x, uint32_t bits) {
    return shift_each(x, set(0u - bits));
}

static inline pair bits_at(pair n) {
    return shift_each(set(1), n);
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

#endif
