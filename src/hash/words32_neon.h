/*
 * Eight 32-bit words in two vectors, in NEON: the vocabulary of the templates md4_lanes.h and weak_lanes.h.
 *
 * Every little-endian AArch64 processor has all instructions that are used here.
 */
#ifndef RD_HASH_WORDS32_NEON_H
#define RD_HASH_WORDS32_NEON_H

#include "hash/transpose_neon.h"

#define TARGET
#define FOUR_WORDS uint32x4_t
#define PAIR_FUNCTION(name) words32_neon_##name

#include "hash/words32_pair.h"

ON_BOTH_VECTORS(add, vaddq_u32)
ON_BOTH_VECTORS(subtract, vsubq_u32)
ON_BOTH_VECTORS(multiply, vmulq_u32)
ON_BOTH_VECTORS(both_bits, vandq_u32)
ON_BOTH_VECTORS(either_bit, vorrq_u32)
ON_BOTH_VECTORS(different_bits, veorq_u32)

static inline words32_pair words32_neon_set(uint32_t n) {
    return (words32_pair){vdupq_n_u32(n), vdupq_n_u32(n)};
}

static inline words32_pair words32_neon_load(const uint32_t *p) {
    return (words32_pair){vld1q_u32(p), vld1q_u32(p + 4)};
}

static inline void words32_neon_store(uint32_t *p, words32_pair x) {
    vst1q_u32(p, x.low);
    vst1q_u32(p + 4, x.high);
}

static inline uint32x4_t words32_neon_read_four(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    uint32x4_t read = vld1q_dup_u32(&words[x[0] >> shift]);
    read = vld1q_lane_u32(&words[x[1] >> shift], read, 1);
    read = vld1q_lane_u32(&words[x[2] >> shift], read, 2);
    return vld1q_lane_u32(&words[x[3] >> shift], read, 3);
}

static inline words32_pair words32_neon_read_words(const uint32_t *words, const uint32_t *x, uint32_t shift) {
    return (words32_pair){words32_neon_read_four(words, x, shift), words32_neon_read_four(words, x + 4, shift)};
}

static inline words32_pair words32_neon_load_bytes(const uint8_t *p) {
    const uint16x8_t wide = vmovl_u8(vld1_u8(p));
    return (words32_pair){vmovl_u16(vget_low_u16(wide)), vmovl_high_u16(wide)};
}

/* Shifts each lane left by its own count, or right if that is negative. */
static inline words32_pair words32_neon_shift_each(words32_pair x, words32_pair counts) {
    return (words32_pair){vshlq_u32(x.low, vreinterpretq_s32_u32(counts.low)),
                          vshlq_u32(x.high, vreinterpretq_s32_u32(counts.high))};
}

static inline words32_pair words32_neon_shift_left(words32_pair x, uint32_t bits) {
    return words32_neon_shift_each(x, words32_neon_set(bits));
}

static inline words32_pair words32_neon_shift_right(words32_pair x, uint32_t bits) {
    return words32_neon_shift_each(x, words32_neon_set(0u - bits));
}

static inline words32_pair words32_neon_bits_at(words32_pair n) {
    return words32_neon_shift_each(words32_neon_set(1), n);
}

static inline words32_pair words32_neon_move_up_1(words32_pair x) {
    return (words32_pair){vextq_u32(vdupq_n_u32(0), x.low, 3), vextq_u32(x.low, x.high, 3)};
}

static inline words32_pair words32_neon_move_up_2(words32_pair x) {
    return (words32_pair){vextq_u32(vdupq_n_u32(0), x.low, 2), vextq_u32(x.low, x.high, 2)};
}

static inline words32_pair words32_neon_move_up_4(words32_pair x) {
    return (words32_pair){vdupq_n_u32(0), x.low};
}

static inline words32_pair words32_neon_last(words32_pair x) {
    const uint32x4_t lane = vdupq_laneq_u32(x.high, 3);
    return (words32_pair){lane, lane};
}

/* Lanes that have all bits become all ones; each is masked with a bit of its own, and the bits are added up. */
static inline uint32_t words32_neon_lanes_with_all(words32_pair x, words32_pair bits) {
    static const uint16_t bit[LANES] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint32x4_t low = vceqq_u32(vandq_u32(x.low, bits.low), bits.low);
    const uint32x4_t high = vceqq_u32(vandq_u32(x.high, bits.high), bits.high);
    const uint16x8_t all = vuzp1q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
    return vaddvq_u16(vandq_u16(all, vld1q_u16(bit)));
}

static inline void words32_neon_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 4) {
        uint32x4_t low[4];
        uint32x4_t high[4];
        transpose_neon(low, in, offset + 4 * j);
        transpose_neon(high, in + 4, offset + 4 * j);
        for (size_t k = 0; k < 4; k++)
            m[j + k] = (words32_pair){low[k], high[k]};
    }
}

#endif
