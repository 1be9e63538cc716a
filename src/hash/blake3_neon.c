/* BLAKE3, four nodes at once, in NEON. The idea is in blake3_lanes.h. */
#include "hash/blake3.h"

#if defined(__AARCH64EL__)
#include "hash/transpose_neon.h"

#define TARGET
#define LANES 4
#define WORD uint32x4_t
#define ADD(x, y) vaddq_u32(x, y)
#define XOR(x, y) veorq_u32(x, y)
#define SET(n) vdupq_n_u32((uint32_t)(n))
#define LOAD(p) vld1q_u32(p)
#define STORE(p, word) vst1q_u32(p, word)

/* Rotations to the right: by half a word, an exchange of halves; by a byte, a permutation; by other counts, a shift to
 * the left, and an insertion of the bits that it lost. */
static inline uint32x4_t blake3_neon_rotate_16(uint32x4_t x) {
    return vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(x)));
}

static inline uint32x4_t blake3_neon_rotate_8(uint32x4_t x) {
    static const uint8_t order[16] = {1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12};
    return vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(x), vld1q_u8(order)));
}

#define ROTATE_RIGHT_16(x) blake3_neon_rotate_16(x)
#define ROTATE_RIGHT_12(x) vsriq_n_u32(vshlq_n_u32(x, 20), x, 12)
#define ROTATE_RIGHT_8(x) blake3_neon_rotate_8(x)
#define ROTATE_RIGHT_7(x) vsriq_n_u32(vshlq_n_u32(x, 25), x, 7)
#define ROTATE_RIGHT(x, n) ROTATE_RIGHT_##n(x)

static inline void blake3_neon_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 4)
        transpose_neon(m + j, in, offset + 4 * j);
}

/* One node alone is faster in portable C; two are worth four lanes. */
#define WORTH_IT 2
#define LOAD_MESSAGE blake3_neon_load_message
#define HASH_REST rd__blake3_many_portable
#define EACH_REST rd__blake3_each_portable
#include "hash/blake3_lanes.h"

void rd__blake3_many_neon(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    blake3_lanes_hash(nodes, count, sums);
}

void rd__blake3_each_neon(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    blake3_lanes_each(messages, count, sums);
}
#endif
