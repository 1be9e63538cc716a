/*
 * Rollsum in portable C.
 *
 * Update: four bytes at once, s2 += 4 s1 + 4 b0 + 3 b1 + 2 b2 + b3, so that the chain is one addition for four bytes.
 * The 31s are left out of the loop: n of them add 31 n to s1 and 31 n (n + 1) / 2 to s2. All arithmetic is mod 2^32 and
 * reduced to 16 bits at the end, which loses nothing, since 2^16 divides 2^32.
 *
 * Rolling a window of B bytes forward by one, where `out` leaves and `in` enters: s1 gains in and loses out; s2 gains
 * the new s1 and loses B (out + 31).
 */
#include "hash/rollsum.h"

#include <assert.h>

#define OFFSET RD__ROLLSUM_OFFSET

uint32_t rd__rollsum_join(uint32_t s1, uint32_t s2) {
    return (s1 & 0xffff) | s2 << 16;
}

/* The even factor is halved before the multiplication, which would lose the top bit. */
uint32_t rd__rollsum_triangle(size_t n) {
    const uint64_t a = n;
    return (uint32_t)(a % 2 == 0 ? (a / 2) * (a + 1) : a * ((a + 1) / 2));
}

uint32_t rd__rollsum_update_portable(uint32_t sum, const uint8_t *data, size_t size) {
    const uint32_t n = (uint32_t)size;
    const uint8_t *p = data;
    uint32_t s1 = sum & 0xffff;
    uint32_t s2 = (sum >> 16) + OFFSET * rd__rollsum_triangle(size);
    for (size_t left = size / 4; left > 0; left--, p += 4) {
        s2 += 4 * s1 + (4u * p[0] + 3u * p[1] + 2u * p[2] + p[3]);
        s1 += (uint32_t)p[0] + p[1] + p[2] + p[3];
    }
    for (size_t left = size % 4; left > 0; left--) {
        s1 += *p++;
        s2 += s1;
    }
    return rd__rollsum_join(s1 + OFFSET * n, s2);
}

uint32_t rd__rollsum_drop(uint32_t sum, uint8_t first, uint32_t length) {
    const uint32_t byte = first + OFFSET;
    return rd__rollsum_join((sum & 0xffff) - byte, (sum >> 16) - length * byte);
}

size_t rd__rollsum_seek_portable(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                 size_t start, size_t end, rd__hit *hits) {
    const uint32_t length = (uint32_t)block_len;
    const uint8_t *const entering = window + block_len;
    uint32_t s1 = *sum & 0xffff;
    uint32_t s2 = *sum >> 16;
    size_t count = 0;
    assert(start <= end && end - start <= RD__SEEK_MAX);
    for (size_t i = start; i < end; i++) {
        s1 += (uint32_t)entering[i] - window[i];
        s2 += s1 - length * (window[i] + OFFSET);
        const uint32_t weak = rd__rollsum_join(s1, s2);
        if (rd__filter_has(filter, weak))
            hits[count++] = (rd__hit){.at = (uint32_t)(i + 1), .weak = weak};
    }
    *sum = rd__rollsum_join(s1, s2);
    return count;
}
