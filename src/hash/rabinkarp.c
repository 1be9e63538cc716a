/*
 * RabinKarp in portable C.
 *
 * Update: eight bytes at once, by h m^8 + b0 m^7 + ... + b7. The products of the bytes do not wait for h, so the chain
 * from one step to the next is one multiplication and one addition for eight bytes instead of eight of each.
 *
 * Rolling a window of B bytes forward by one, where `out` leaves and `in` enters:
 *
 *     h' = h m + in - m^B (out + m - 1)
 *
 * because h m contains the seed as m^(B+1) instead of m^B, and the term out m^B, which must go. Everything but h m +
 * (...) is known before h is, which again keeps the chain short.
 */
#include "hash/rabinkarp.h"

#include <assert.h>

#define M1 RD__RABINKARP_MULTIPLIER
#define M2 (M1 * M1)
#define M3 (M2 * M1)
#define M4 (M2 * M2)
#define M5 (M4 * M1)
#define M6 (M4 * M2)
#define M7 (M4 * M3)
#define M8 (M4 * M4)
#define M16 (M8 * M8)
#define M32 (M16 * M16)

/* m^n for 0 <= n < 64, by the bits of n. */
#define BIT_POWER(n, bit, power) ((n) & (bit) ? (power) : 1u)
#define POWER(n)                                                                                                       \
    (BIT_POWER(n, 1, M1) * BIT_POWER(n, 2, M2) * BIT_POWER(n, 4, M4) * BIT_POWER(n, 8, M8) * BIT_POWER(n, 16, M16) *   \
     BIT_POWER(n, 32, M32))
#define EIGHT_POWERS(n)                                                                                                \
    POWER(n), POWER((n)-1), POWER((n)-2), POWER((n)-3), POWER((n)-4), POWER((n)-5), POWER((n)-6), POWER((n)-7)

const uint32_t rd__rabinkarp_powers[RD__RABINKARP_POWERS] = {
    EIGHT_POWERS(63), EIGHT_POWERS(55), EIGHT_POWERS(47), EIGHT_POWERS(39),
    EIGHT_POWERS(31), EIGHT_POWERS(23), EIGHT_POWERS(15), EIGHT_POWERS(7),
};

/* x, x^2, ..., x^64. */
#define FOUR_RISING(x, power)                                                                                          \
    (x) * (power), (x) * (x) * (power), (x) * (x) * (x) * (power), (x) * (x) * (x) * (x) * (power)
#define SIXTEEN_RISING(x, x4, x8, power)                                                                               \
    FOUR_RISING(x, power), FOUR_RISING(x, (x4) * (power)), FOUR_RISING(x, (x8) * (power)),                             \
        FOUR_RISING(x, (x4) * (x8) * (power))
#define ALL_RISING(x, x4, x8, x16)                                                                                     \
    SIXTEEN_RISING(x, x4, x8, 1u), SIXTEEN_RISING(x, x4, x8, x16), SIXTEEN_RISING(x, x4, x8, (x16) * (x16)),           \
        SIXTEEN_RISING(x, x4, x8, (x16) * (x16) * (x16))

/* The same with the inverse of m. */
#define I1 RD__RABINKARP_INVERSE
#define I4 (I1 * I1 * I1 * I1)
#define I8 (I4 * I4)
#define I16 (I8 * I8)

_Static_assert(M1 *I1 == 1u, "one is the inverse of the other");

const uint32_t rd__rabinkarp_rising_powers[RD__RABINKARP_POWERS] = {ALL_RISING(M1, M4, M8, M16)};
const uint32_t rd__rabinkarp_inverse_powers[RD__RABINKARP_POWERS] = {ALL_RISING(I1, I4, I8, I16)};

uint32_t rd__rabinkarp_power(uint64_t exponent) {
    uint32_t power = 1;
    for (uint32_t square = M1; exponent > 0; exponent >>= 1, square *= square) {
        if (exponent & 1)
            power *= square;
    }
    return power;
}

uint32_t rd__rabinkarp_update_portable(uint32_t sum, const uint8_t *data, size_t size) {
    const uint8_t *p = data;
    for (; size >= 8; size -= 8, p += 8) {
        sum = sum * M8 + ((p[0] * M7 + p[1] * M6 + p[2] * M5 + p[3] * M4) + (p[4] * M3 + p[5] * M2 + p[6] * M1 + p[7]));
    }
    for (; size > 0; size--)
        sum = sum * M1 + *p++;
    return sum;
}

uint32_t rd__rabinkarp_drop(uint32_t sum, uint8_t first, uint32_t power) {
    return sum - power * (first + (M1 - 1));
}

size_t rd__rabinkarp_seek_portable(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                   size_t start, size_t end, rd__hit *hits) {
    const uint32_t power = rd__rabinkarp_power(block_len);
    const uint8_t *const entering = window + block_len;
    uint32_t h = *sum;
    size_t count = 0;
    assert(start <= end && end - start <= RD__SEEK_MAX);
    for (size_t i = start; i < end; i++) {
        h = h * M1 + (entering[i] - power * (window[i] + (M1 - 1)));
        if (rd__filter_has(filter, h))
            hits[count++] = (rd__hit){.at = (uint32_t)(i + 1), .weak = h};
    }
    *sum = h;
    return count;
}
