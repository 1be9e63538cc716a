/*
 * BLAKE2b-256, four messages at once, in NEON. The idea is in blake2b_lanes.h.
 *
 * A vector holds only two messages, and most operations take two cycles or more before the next one can use the result.
 * On a processor with four vector pipes, two messages at once would be slower than one after the other in portable C:
 * by LLVM's model of Neoverse V2, 366 cycles per block and message against 297. So a word of the template is two
 * vectors, which do not depend on each other: 200 cycles.
 */
#include "hash/blake2b.h"

#if defined(__AARCH64EL__)
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET
#define LANES 4
#define WORD blake2b_pair

/* Lanes 0 and 1, and 2 and 3. */
typedef struct blake2b_pair {
    uint64x2_t low;
    uint64x2_t high;
} blake2b_pair;

static inline blake2b_pair blake2b_neon_add(blake2b_pair x, blake2b_pair y) {
    return (blake2b_pair){vaddq_u64(x.low, y.low), vaddq_u64(x.high, y.high)};
}

static inline blake2b_pair blake2b_neon_different_bits(blake2b_pair x, blake2b_pair y) {
    return (blake2b_pair){veorq_u64(x.low, y.low), veorq_u64(x.high, y.high)};
}

static inline blake2b_pair blake2b_neon_set(uint64_t n) {
    return (blake2b_pair){vdupq_n_u64(n), vdupq_n_u64(n)};
}

static inline blake2b_pair blake2b_neon_load(const uint64_t *p) {
    return (blake2b_pair){vld1q_u64(p), vld1q_u64(p + 2)};
}

static inline void blake2b_neon_store(uint64_t *p, blake2b_pair x) {
    vst1q_u64(p, x.low);
    vst1q_u64(p + 2, x.high);
}

/* Rotations to the right: by half a word, an exchange of halves; by whole bytes, a permutation. */
static inline uint64x2_t blake2b_neon_exchange_halves(uint64x2_t x) {
    return vreinterpretq_u64_u32(vrev64q_u32(vreinterpretq_u32_u64(x)));
}

static inline uint64x2_t blake2b_neon_permute_bytes(uint64x2_t x, const uint8_t order[16]) {
    return vreinterpretq_u64_u8(vqtbl1q_u8(vreinterpretq_u8_u64(x), vld1q_u8(order)));
}

static inline blake2b_pair blake2b_neon_rotate_32(blake2b_pair x) {
    return (blake2b_pair){blake2b_neon_exchange_halves(x.low), blake2b_neon_exchange_halves(x.high)};
}

static inline blake2b_pair blake2b_neon_rotate_24(blake2b_pair x) {
    static const uint8_t order[16] = {3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10};
    return (blake2b_pair){blake2b_neon_permute_bytes(x.low, order), blake2b_neon_permute_bytes(x.high, order)};
}

static inline blake2b_pair blake2b_neon_rotate_16(blake2b_pair x) {
    static const uint8_t order[16] = {2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9};
    return (blake2b_pair){blake2b_neon_permute_bytes(x.low, order), blake2b_neon_permute_bytes(x.high, order)};
}

/* By one to the left: an addition; then the top bit is inserted at the bottom. */
static inline blake2b_pair blake2b_neon_rotate_63(blake2b_pair x) {
    const blake2b_pair twice = blake2b_neon_add(x, x);
    return (blake2b_pair){vsriq_n_u64(twice.low, x.low, 63), vsriq_n_u64(twice.high, x.high, 63)};
}

#define ADD(x, y) blake2b_neon_add(x, y)
#define XOR(x, y) blake2b_neon_different_bits(x, y)
#define ROTATE(x, n) blake2b_neon_rotate_##n(x)
#define SET(x) blake2b_neon_set(x)
#define LOAD(p) blake2b_neon_load(p)
#define STORE(p, word) blake2b_neon_store(p, word)

/* Two words of two messages, transposed: row i, of message i, becomes lane i. */
static inline void blake2b_neon_transpose(uint64x2_t m[2], const uint8_t *const in[2], size_t offset) {
    const uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(in[0] + offset));
    const uint64x2_t b = vreinterpretq_u64_u8(vld1q_u8(in[1] + offset));
    m[0] = vtrn1q_u64(a, b);
    m[1] = vtrn2q_u64(a, b);
}

static inline void blake2b_neon_load_message(WORD m[16], const uint8_t *const in[LANES], size_t offset) {
    for (size_t j = 0; j < 16; j += 2) {
        uint64x2_t low[2];
        uint64x2_t high[2];
        blake2b_neon_transpose(low, in, offset + 8 * j);
        blake2b_neon_transpose(high, in + 2, offset + 8 * j);
        m[j] = (blake2b_pair){low[0], high[0]};
        m[j + 1] = (blake2b_pair){low[1], high[1]};
    }
}

/* One or two messages are faster in portable C; three are about as fast. */
#define WORTH_IT 3
#define LOAD_MESSAGE blake2b_neon_load_message
#define HASH_REST rd__blake2b_many_portable
#define EACH_REST rd__blake2b_each_portable
#define ADVANCE_REST rd__blake2b_advance_portable
#include "hash/blake2b_lanes.h"

void rd__blake2b_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    blake2b_lanes_hash(data, length, count, digests);
}

void rd__blake2b_each_neon(const rd__message *messages, size_t count, uint8_t *digests) {
    blake2b_lanes_each(messages, count, digests);
}

void rd__blake2b_advance_neon(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count) {
    blake2b_lanes_advance(sums, data, size, count);
}
#endif
