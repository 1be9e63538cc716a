/*
 * RabinKarp in portable C.
 *
 * Update: eight bytes at once, by h m^8 + b0 m^7 + ... + b7. The products of the bytes do not wait for h, so the chain
 * from one step to the next is one multiplication and one addition for eight bytes instead of eight of each.
 *
 * Rolling a window of B bytes on by one, out leaving and in entering:
 *
 *     h' = h m + in - m^B (out + m - 1)
 *
 * because h m carries the seed as m^(B+1) where m^B is due, and out as out m^B where nothing is. All but h m + (...) is
 * known before h is, which again keeps the chain short.
 */
#include "hash/rabinkarp.h"

#define M1 RD__RABINKARP_MULTIPLIER
#define M2 (M1 * M1)
#define M3 (M2 * M1)
#define M4 (M2 * M2)
#define M5 (M4 * M1)
#define M6 (M4 * M2)
#define M7 (M4 * M3)
#define M8 (M4 * M4)

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
                                   size_t rolls, bool *found) {
    const uint32_t power = rd__rabinkarp_power(block_len);
    const uint8_t *const entering = window + block_len;
    uint32_t h = *sum;
    for (size_t i = 0; i < rolls; i++) {
        h = h * M1 + (entering[i] - power * (window[i] + (M1 - 1)));
        if (rd__filter_has(filter, h)) {
            *sum = h;
            *found = true;
            return i + 1;
        }
    }
    *sum = h;
    *found = false;
    return rolls;
}
