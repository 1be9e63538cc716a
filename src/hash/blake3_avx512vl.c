/* BLAKE3, eight nodes at once, in AVX-512VL: AVX2's lanes, but rotations are one instruction. The idea is in
 * blake3_lanes.h. */
#include "hash/blake3.h"

#if defined(__x86_64__)
#include "hash/words32_avx2.h"

#undef TARGET
#define TARGET __attribute__((target("avx512f,avx512vl")))
#define ROTATE_RIGHT(x, n) _mm256_ror_epi32(x, n)

/* One node alone is faster in portable C; two are worth eight lanes. */
#define WORTH_IT 2
#define LOAD_MESSAGE words32_avx2_load_message
#define HASH_REST rd__blake3_many_portable
#define EACH_REST rd__blake3_each_portable
#include "hash/blake3_lanes.h"

void rd__blake3_many_avx512vl(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    blake3_lanes_hash(nodes, count, sums);
}

void rd__blake3_each_avx512vl(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    blake3_lanes_each(messages, count, sums);
}
#endif
