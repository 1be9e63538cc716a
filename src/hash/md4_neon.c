/* MD4, eight messages at once, in NEON. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__AARCH64EL__)
#include "hash/words32_neon.h"

/* Bits of y where x has ones, of z where it has zeros. */
static inline words32_pair md4_neon_choose(words32_pair x, words32_pair y, words32_pair z) {
    return (words32_pair){vbslq_u32(x.low, y.low, z.low), vbslq_u32(x.high, y.high, z.high)};
}

/* A shift to the left, and an insertion of the bits that it lost. */
#define ROTATION(n)                                                                                                    \
    static inline words32_pair md4_neon_rotate_##n(words32_pair x) {                                                   \
        return (words32_pair){vsriq_n_u32(vshlq_n_u32(x.low, n), x.low, 32 - (n)),                                     \
                              vsriq_n_u32(vshlq_n_u32(x.high, n), x.high, 32 - (n))};                                  \
    }

/* One for each shift of RFC 1320, 3.4: the instruction contains the count. */
ROTATION(3)
ROTATION(5)
ROTATION(7)
ROTATION(9)
ROTATION(11)
ROTATION(13)
ROTATION(15)
ROTATION(19)

#define ROTATE(x, n) md4_neon_rotate_##n(x)
#define CHOOSE(x, y, z) md4_neon_choose(x, y, z)
/* Where y and z differ, x decides; elsewhere either of them. */
#define MAJORITY(x, y, z) md4_neon_choose(XOR(y, z), x, z)
#define PARITY(x, y, z) XOR(x, XOR(y, z))
#define CONSTANT(n) SET(n)

/* Four words of four messages, transposed: row i, of message i, becomes lane i. */
static inline void md4_neon_transpose(uint32x4_t m[4], const uint8_t *const in[4], size_t offset) {
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

static inline void md4_neon_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 4) {
        uint32x4_t low[4];
        uint32x4_t high[4];
        md4_neon_transpose(low, in, offset + 4 * j);
        md4_neon_transpose(high, in + 4, offset + 4 * j);
        for (size_t k = 0; k < 4; k++)
            m[j + k] = (words32_pair){low[k], high[k]};
    }
}

/* One or two messages are faster in portable C; three are worth eight lanes. */
#define WORTH_IT 3
#define LOAD_MESSAGE md4_neon_load_message
#define HASH_REST rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
