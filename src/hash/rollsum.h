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

#include "hash/hits.h"

#define RD__ROLLSUM_SEED 0u
#define RD__ROLLSUM_OFFSET 31u

/* The sum of what `sum` is the sum of, followed by the `size` bytes at `data`. */
uint32_t rd__rollsum_update_portable(uint32_t sum, const uint8_t *data, size_t size);

/* The sum without the first of the `length` bytes that `sum` is of. */
uint32_t rd__rollsum_drop(uint32_t sum, uint8_t first, uint32_t length);

/* The sum of the two halves, each of which may have more than 16 bits. */
uint32_t rd__rollsum_join(uint32_t s1, uint32_t s2);

/* n (n + 1) / 2 mod 2^32: what n bytes of 1 add to s2. */
uint32_t rd__rollsum_triangle(size_t n);

/* See rd__seek_fn in kernels.h. */
size_t rd__rollsum_seek_portable(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                 size_t begin, size_t end, rd__hit *hits);

#if defined(__x86_64__)
uint32_t rd__rollsum_update_sse41(uint32_t sum, const uint8_t *data, size_t size);
uint32_t rd__rollsum_update_avx2(uint32_t sum, const uint8_t *data, size_t size);
uint32_t rd__rollsum_update_avx512(uint32_t sum, const uint8_t *data, size_t size);
size_t rd__rollsum_seek_sse41(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                              size_t begin, size_t end, rd__hit *hits);
size_t rd__rollsum_seek_avx2(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                             size_t begin, size_t end, rd__hit *hits);
size_t rd__rollsum_seek_avx512(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                               size_t begin, size_t end, rd__hit *hits);
#elif defined(__AARCH64EL__)
uint32_t rd__rollsum_update_neon(uint32_t sum, const uint8_t *data, size_t size);
size_t rd__rollsum_seek_neon(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                             size_t begin, size_t end, rd__hit *hits);
#endif

#endif
