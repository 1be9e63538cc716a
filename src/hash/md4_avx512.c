/* MD4, sixteen messages at once, in AVX-512. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__x86_64__)
#include "hash/words32_avx512.h"

/* One instruction each, by truth table: bit 4x + 2y + z of the byte is the result. */
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)
#define PARITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CONSTANT(n) SET(n)

/* Half as many messages are faster in half the lanes; more are faster here, although some lanes are idle. */
#define WORTH_IT (LANES / 2 + 1)
#define LOAD_MESSAGE words32_avx512_load_message
#define HASH_REST rd__md4_many_avx512vl
#include "hash/md4_lanes.h"

void rd__md4_many_avx512(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
