/* What brings the words of four messages into vectors of four words, in NEON. */
#ifndef RD_HASH_TRANSPOSE_NEON_H
#define RD_HASH_TRANSPOSE_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

/* Four words of four messages, transposed: row i, of message i, becomes lane i. */
static inline void transpose_neon(uint32x4_t m[4], const uint8_t *const in[4], size_t offset) {
    uint32x4_t r[4];
    for (size_t i = 0; i < 4; i++)
        r[i] = vreinterpretq_u32_u8(vld1q_u8(in[i] + offset));
    const uint64x2_t a = vreinterpretq_u64_u32(vtrn1q_u32(r[0], r[1]));
    const uint64x2_t b = vreinterpretq_u64_u32(vtrn2q_u32(r[0], r[1]));
    const uint64x2_t c = vreinterpretq_u64_u32(vtrn1q_u32(r[2], r[3]));
    const uint64x2_t d = vreinterpretq_u64_u32(vtrn2q_u32(r[2], r[3]));
    m[0] = vreinterpretq_u32_u64(vtrn1q_u64(a, c));
    m[1] = vreinterpretq_u32_u64(vtrn1q_u64(b, d));
    m[2] = vreinterpretq_u32_u64(vtrn2q_u64(a, c));
    m[3] = vreinterpretq_u32_u64(vtrn2q_u64(b, d));
}

#endif
