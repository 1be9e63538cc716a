/* MD4, eight messages at once, in AVX2. The idea is in md4_lanes.h. */
#include "hash/md4.h"

#if defined(__x86_64__)
#include "hash/words32_avx2.h"

#define CHOOSE(x, y, z) XOR(z, AND(x, XOR(y, z)))
#define MAJORITY(x, y, z) OR(AND(x, y), AND(z, OR(x, y)))
#define PARITY(x, y, z) XOR(x, XOR(y, z))
#define CONSTANT(n) SET(n)

/* One message alone is faster in portable C; two are worth eight lanes. */
#define WORTH_IT 2
#define LOAD_MESSAGE words32_avx2_load_message
#define HASH_REST rd__md4_many_portable
#include "hash/md4_lanes.h"

void rd__md4_many_avx2(const uint8_t *data, size_t length, size_t count, uint8_t *digests) {
    md4_lanes_hash(data, length, count, digests);
}
#endif
