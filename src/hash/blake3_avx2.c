/* BLAKE3, eight nodes at once, in AVX2. The idea is in blake3_lanes.h. */
#include "hash/blake3.h"

#if defined(__x86_64__)
#include "hash/words32_avx2.h"

/* Rotations to the right: by whole bytes, a shuffle; by other counts, two shifts. */
#define BYTES(a, b, c, d)                                                                                              \
    _mm256_setr_epi8(a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (a) + 12,     \
                     (b) + 12, (c) + 12, (d) + 12, a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4, (a) + 8, (b) + 8,   \
                     (c) + 8, (d) + 8, (a) + 12, (b) + 12, (c) + 12, (d) + 12)
#define ROTATE_RIGHT_16(x) _mm256_shuffle_epi8(x, BYTES(2, 3, 0, 1))
#define ROTATE_RIGHT_12(x) ROTATE(x, 20)
#define ROTATE_RIGHT_8(x) _mm256_shuffle_epi8(x, BYTES(1, 2, 3, 0))
#define ROTATE_RIGHT_7(x) ROTATE(x, 25)
#define ROTATE_RIGHT(x, n) ROTATE_RIGHT_##n(x)

/* As many nodes as SSE4.1 has lanes are faster there. */
#define WORTH_IT (LANES / 2 + 1)
#define LOAD_MESSAGE words32_avx2_load_message
#define HASH_REST rd__blake3_many_sse41
#define EACH_REST rd__blake3_each_sse41
#include "hash/blake3_lanes.h"

void rd__blake3_many_avx2(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums) {
    blake3_lanes_hash(nodes, count, sums);
}

void rd__blake3_each_avx2(const rd__blake3_message *messages, size_t count, uint8_t *sums) {
    blake3_lanes_each(messages, count, sums);
}
#endif
