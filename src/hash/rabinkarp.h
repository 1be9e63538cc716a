/*
 * RabinKarp, the default weak sum: of bytes b[0 .. n), mod 2^32,
 *
 *     h = m^n + b[0] m^(n-1) + b[1] m^(n-2) + ... + b[n-1]        m = 0x08104225
 *
 * that is h <- h m + byte for each byte, from a seed of 1. The seed makes the sum depend on the length.
 */
#ifndef RD_HASH_RABINKARP_H
#define RD_HASH_RABINKARP_H

#include "hash/filter.h"

#define RD__RABINKARP_SEED 1u
#define RD__RABINKARP_MULTIPLIER 0x08104225u

/* m^exponent mod 2^32. */
uint32_t rd__rabinkarp_power(uint64_t exponent);

/* The sum of what `sum` is the sum of, followed by the `size` bytes at `data`. */
uint32_t rd__rabinkarp_update_portable(uint32_t sum, const uint8_t *data, size_t size);

/* The sum without the first of its bytes; `power` is m^(length - 1), length being what it had with that byte. */
uint32_t rd__rabinkarp_drop(uint32_t sum, uint8_t first, uint32_t power);

/* See rd__seek_fn in kernels.h. */
size_t rd__rabinkarp_seek_portable(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                   size_t rolls, bool *found);

#endif
