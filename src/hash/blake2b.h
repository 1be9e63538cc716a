/* BLAKE2b-256 without a key, the default strong sum (RFC 7693). */
#ifndef RD_HASH_BLAKE2B_H
#define RD_HASH_BLAKE2B_H

#include "hash/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD__BLAKE2B_LEN = 32, RD__BLAKE2B_BLOCK = 128 };

/* The state of a digest. The latest block stays in `block` until it is known whether it is the last. */
typedef struct rd__blake2b {
    uint64_t h[8];
    uint64_t hashed; /* bytes compressed so far; never 2^64, so the high half of the counter stays 0 */
    size_t filled;   /* bytes in `block` */
    uint8_t block[RD__BLAKE2B_BLOCK];
} rd__blake2b;

void rd__blake2b_init(rd__blake2b *state);
void rd__blake2b_update(rd__blake2b *state, const uint8_t *data, size_t size);
void rd__blake2b_final(rd__blake2b *state, uint8_t digest[RD__BLAKE2B_LEN]);

/* An rd__strong_many_fn, an rd__strong_each_fn and an rd__strong_advance_fn; see kernels.h. */
struct rd__strong;
void rd__blake2b_many_portable(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__blake2b_each_portable(const rd__message *messages, size_t count, uint8_t *digests);
void rd__blake2b_advance_portable(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
#if defined(__x86_64__)
void rd__blake2b_advance_avx2(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
void rd__blake2b_advance_avx512(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
void rd__blake2b_each_avx2(const rd__message *messages, size_t count, uint8_t *digests);
void rd__blake2b_each_avx512(const rd__message *messages, size_t count, uint8_t *digests);
void rd__blake2b_many_avx2(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__blake2b_many_avx512(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#elif defined(__AARCH64EL__)
void rd__blake2b_advance_neon(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
void rd__blake2b_each_neon(const rd__message *messages, size_t count, uint8_t *digests);
void rd__blake2b_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#endif

/* Shared by the variants. */
extern const uint64_t rd__blake2b_initial[8];
extern const uint64_t rd__blake2b_parameters; /* what the first word of the state is combined with */

#endif
