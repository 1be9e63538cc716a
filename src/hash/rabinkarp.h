/*
 * RabinKarp, the default weak sum: of bytes b[0 .. n), mod 2^32,
 *
 *     h = m^n + b[0] m^(n-1) + b[1] m^(n-2) + ... + b[n-1]        m = 0x08104225
 *
 * that is, h <- h m + byte for each byte, from a seed of 1. The seed makes the sum depend on the length.
 */
#ifndef RD_HASH_RABINKARP_H
#define RD_HASH_RABINKARP_H

#include "hash/hits.h"

#define RD__RABINKARP_SEED 1u
#define RD__RABINKARP_MULTIPLIER 0x08104225u

/* m^63, m^62, ..., m, 1. */
enum { RD__RABINKARP_POWERS = 64 };
extern const uint32_t rd__rabinkarp_powers[RD__RABINKARP_POWERS];

/* m, m^2, ..., m^64; and m^-1, m^-2, ..., m^-64, mod 2^32, where m m^-1 = 1. */
#define RD__RABINKARP_INVERSE 0x98f009adu
extern const uint32_t rd__rabinkarp_rising_powers[RD__RABINKARP_POWERS];
extern const uint32_t rd__rabinkarp_inverse_powers[RD__RABINKARP_POWERS];

/* m^exponent mod 2^32. */
uint32_t rd__rabinkarp_power(uint64_t exponent);

/* An rd__weak_update_fn; see kernels.h. */
uint32_t rd__rabinkarp_update_portable(uint32_t sum, const uint8_t *data, size_t size);

/* The sum without its first byte. `power` is m^(length - 1), where the length includes that byte. */
uint32_t rd__rabinkarp_drop(uint32_t sum, uint8_t first, uint32_t power);

/* An rd__seek_fn; see kernels.h. */
size_t rd__rabinkarp_seek_portable(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                   size_t start, size_t end, rd__hit *hits);

#if defined(__x86_64__)
uint32_t rd__rabinkarp_update_sse41(uint32_t sum, const uint8_t *data, size_t size);
uint32_t rd__rabinkarp_update_avx2(uint32_t sum, const uint8_t *data, size_t size);
uint32_t rd__rabinkarp_update_avx512(uint32_t sum, const uint8_t *data, size_t size);
size_t rd__rabinkarp_seek_sse41(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                size_t start, size_t end, rd__hit *hits);
size_t rd__rabinkarp_seek_avx2(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                               size_t start, size_t end, rd__hit *hits);
size_t rd__rabinkarp_seek_avx512(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                                 size_t start, size_t end, rd__hit *hits);
size_t rd__rabinkarp_seek_avx512_gather(const rd__filter *filter, size_t block_len, uint32_t *sum,
                                        const uint8_t *window, size_t start, size_t end, rd__hit *hits);
#elif defined(__AARCH64EL__)
uint32_t rd__rabinkarp_update_neon(uint32_t sum, const uint8_t *data, size_t size);
size_t rd__rabinkarp_seek_neon(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                               size_t start, size_t end, rd__hit *hits);
#endif

#endif
