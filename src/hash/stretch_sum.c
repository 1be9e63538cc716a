/* See stretch_sum.h. */
#include "hash/stretch_sum.h"

#include "base/bytes.h"

#define LEAF_STEP 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio, odd: numbers of leaves far apart */

/* The halves of the product of 128 bits, one upon the other. */
static inline uint64_t fold(uint64_t a, uint64_t b) {
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    const uint64_t low = a0 * b0;
    const uint64_t middle = a1 * b0 + (low >> 32);
    const uint64_t other = a0 * b1 + (uint32_t)middle;
    return (other << 32 | (uint32_t)low) ^ (a1 * b1 + (middle >> 32) + (other >> 32));
#endif
}

static inline uint64_t leaf_sum(const uint64_t *k, const uint8_t *data, uint64_t number) {
    const uint64_t left = fold(rd__load_le64(data) ^ k[0], rd__load_le64(data + 8) ^ k[1]);
    const uint64_t right = fold(rd__load_le64(data + 16) ^ k[2], rd__load_le64(data + 24) ^ k[3]);
    return fold(left ^ k[4], right ^ (k[5] + number * LEAF_STEP));
}

uint64_t rd__stretch_sum(const rd__stretch_keys *keys, const uint8_t *data, size_t size, uint64_t leaf) {
    const uint64_t *const k = keys->keys;
    uint64_t sum = 0;
    for (; size >= RD__LEAF; size -= RD__LEAF, data += RD__LEAF)
        sum ^= leaf_sum(k, data, leaf++);
    if (size > 0) { /* filled up with zeros, and its number says how short it is */
        uint8_t last[RD__LEAF] = {0};
        memcpy(last, data, size);
        sum ^= leaf_sum(k, last, leaf ^ (uint64_t)size << 56);
    }
    return sum;
}
