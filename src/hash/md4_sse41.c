/* MD4, eight messages at once, in SSE4.1. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__x86_64__)
#include "hash/words32_sse41.h"

#define ROTATE_VECTOR(x, n) _mm_or_si128(_mm_slli_epi32(x, n), _mm_srli_epi32(x, 32 - (n)))
#define ROTATE(x, n) ((words32_pair){ROTATE_VECTOR((x).low, n), ROTATE_VECTOR((x).high, n)})
#define CHOOSE(x, y, z) XOR(z, AND(x, XOR(y, z)))
#define MAJORITY(x, y, z) OR(AND(x, y), AND(z, OR(x, y)))
#define PARITY(x, y, z) XOR(x, XOR(y, z))
#define CONSTANT(n) SET(n)

/* One or two messages are faster in portable C; three are worth eight lanes. */
#define WORTH_IT 3
#define LOAD_MESSAGE words32_sse41_load_message
#define HASH_REST rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_sse41(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
