/*
 * MD4, eight messages at once, in AVX-512VL: AVX2's lanes with AVX-512's instructions. A step of MD4 waits for the one
 * before, and here it is three instructions instead of five to seven. Few messages, which fill no longer vector, are
 * hashed as fast as this chain allows. The idea is in md4_lanes.h.
 */
#include "hash/md4.h"

#if defined(__x86_64__)
#include "hash/words32_avx2.h"

#undef TARGET
#undef ROTATE
#define TARGET __attribute__((target("avx512f,avx512vl")))
#define ROTATE(x, n) _mm256_rol_epi32(x, n)

/* One instruction each, by truth table: bit 4x + 2y + z of the byte is the result. */
#define CHOOSE(x, y, z) _mm256_ternarylogic_epi32(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm256_ternarylogic_epi32(x, y, z, 0xe8)
#define PARITY(x, y, z) _mm256_ternarylogic_epi32(x, y, z, 0x96)
#define CONSTANT(n) SET(n)

/* One message alone is as fast in portable C. */
#define WORTH_IT 2
#define LOAD_MESSAGE words32_avx2_load_message
#define HASH_REST rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_avx512vl(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
