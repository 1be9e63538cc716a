/* BLAKE3, sixteen nodes at once, in AVX-512. The idea is in blake3_lanes.h. */
#include "hash/blake3.h"

#if defined(__x86_64__)
#include "hash/words32_avx512.h"

#define ROTATE_RIGHT(x, n) _mm512_ror_epi32(x, n)

/* Half as many nodes are faster in half the lanes; more are faster here, although some lanes are idle. */
#define WORTH_IT (LANES / 2 + 1)
#define LOAD_MESSAGE words32_avx512_load_message
#define HASH_REST rd__blake3_many_avx512vl
#define EACH_REST rd__blake3_each_avx512vl
#include "hash/blake3_lanes.h"

void rd__blake3_many_avx512(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    blake3_lanes_hash(nodes, count, sums);
}

void rd__blake3_each_avx512(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    blake3_lanes_each(messages, count, sums);
}
#endif
