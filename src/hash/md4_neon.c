/* MD4, eight messages at once, in NEON. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__AARCH64EL__)
#include "hash/words32_neon.h"

/* Bits of y where x has ones, of z where it has zeros. */
static inline pair choose(pair x, pair y, pair z) {
    return (pair){vbslq_u32(x.low, y.low, z.low), vbslq_u32(x.high, y.high, z.high)};
}

/* By an insertion: what is shifted to the left leaves the place of what is shifted to the right. */
#define ROTATION(n)                                                                                                    \
    static inline pair rotate_##n(pair x) {                                                                            \
        return (pair){vsriq_n_u32(vshlq_n_u32(x.low, n), x.low, 32 - (n)),                                             \
                      vsriq_n_u32(vshlq_n_u32(x.high, n), x.high, 32 - (n))};                                          \
    }

/* One for each of the shifts of RFC 1320, 3.4: the instruction contains the number. */
ROTATION(3)
ROTATION(5)
ROTATION(7)
ROTATION(9)
ROTATION(11)
ROTATION(13)
ROTATION(15)
ROTATION(19)

#define ROTATE(x, n) rotate_##n(x)
#define CHOOSE(x, y, z) choose(x, y, z)
/* Where y and z differ x decides, elsewhere either of them. */
#define MAJORITY(x, y, z) choose(XOR(y, z), x, z)
#define PARITY(x, y, z) XOR(x, XOR(y, z))
#define CONSTANT(n) SET(n)

/* Four words of four messages, transposed: row i, of message i, becomes lane i. */
static inline void transpose(uint32x4_t m[4], const uint8_t *const in[4], size_t offset) {
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

static inline void load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 4) {
        uint32x4_t low[4];
        uint32x4_t high[4];
        transpose(low, in, offset + 4 * j);
        transpose(high, in + 4, offset + 4 * j);
        for (size_t k = 0; k < 4; k++)
            m[j + k] = (pair){low[k], high[k]};
    }
}

/* One or two messages are quicker in the portable way; three already pay for eight lanes. */
#define WORTH_IT 3
#define hash_rest rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    hash_many(data, length, count, digests);
}
#endif
