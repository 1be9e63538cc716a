/*
 * Rollsum, the weak sum of older signatures: two 16-bit sums of bytes b[0 .. n),
 *
 *     s1 = sum of (b[i] + 31)              the low half
 *     s2 = sum of (n - i) (b[i] + 31)      the high half: the sum of all the values that s1 took
 *
 * Both are kept mod 2^16 in one word. It is Adler-32 without the prime, after the rsync technical report (Tridgell and
 * Mackerras 1996); the 31 is librsync's.
 */
#ifndef RD_HASH_ROLLSUM_H
#define RD_HASH_ROLLSUM_H

#include "hash/filter.h"

#define RD__ROLLSUM_SEED 0u

/* The sum of what `sum` is the sum of, followed by the `size` bytes at `data`. */
uint32_t rd__rollsum_update_portable(uint32_t sum, const uint8_t *data, size_t size);

/* The sum without the first of the `length` bytes that `sum` is of. */
uint32_t rd__rollsum_drop(uint32_t sum, uint8_t first, uint32_t length);

/* See rd__seek_fn in kernels.h. */
size_t rd__rollsum_seek_portable(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                 size_t rolls, bool *found);

#endif
