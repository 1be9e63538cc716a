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

/* An rd__weak_update_fn; see kernels.h. */
uint32_t rd__rollsum_update_portable(uint32_t sum, const uint8_t *data, size_t size);

/* The sum without its first byte. The `length` includes that byte. */
uint32_t rd__rollsum_drop(uint32_t sum, uint8_t first, uint32_t length);

/* The sum whose halves are s1 and s2, each mod 2^16. */
uint32_t rd__rollsum_join(uint32_t s1, uint32_t s2);

/* n (n + 1) / 2 mod 2^32: what n bytes of 1 add to s2. */
uint32_t rd__rollsum_triangle(size_t n);

/* An rd__seek_fn; see kernels.h. */
size_t rd__rollsum_seek_portable(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                 size_t start, size_t end, rd__hit *hits);

#if defined(__x86_64__)
uint32_t rd__rollsum_update_sse41(uint32_t sum, const uint8_t *data, size_t size);
uint32_t rd__rollsum_update_avx2(uint32_t sum, const uint8_t *data, size_t size);
uint32_t rd__rollsum_update_avx512(uint32_t sum, const uint8_t *data, size_t size);
size_t rd__rollsum_seek_sse41(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                              size_t start, size_t end, rd__hit *hits);
size_t rd__rollsum_seek_avx2(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                             size_t start, size_t end, rd__hit *hits);
size_t rd__rollsum_seek_avx512(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                               size_t start, size_t end, rd__hit *hits);
size_t rd__rollsum_seek_avx512_gather(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                      size_t start, size_t end, rd__hit *hits);
#elif defined(__AARCH64EL__)
uint32_t rd__rollsum_update_neon(uint32_t sum, const uint8_t *data, size_t size);
size_t rd__rollsum_seek_neon(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                             size_t start, size_t end, rd__hit *hits);
#endif

#endif
