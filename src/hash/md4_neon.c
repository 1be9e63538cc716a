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

/* One or two messages are faster in portable C; three are worth eight lanes. */
#define WORTH_IT 3
#define LOAD_MESSAGE words32_neon_load_message
#define HASH_REST rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
