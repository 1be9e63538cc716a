/* BLAKE2b-256 without a key, the default strong sum. Source: RFC 7693. */
#ifndef RD_HASH_BLAKE2B_H
#define RD_HASH_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

enum { RD__BLAKE2B_LEN = 32, RD__BLAKE2B_BLOCK = 128 };

/* A digest in the making. The last block stays in `block` until it is known to be the last. */
typedef struct rd__blake2b {
    uint64_t h[8];
    uint64_t hashed; /* bytes compressed so far; 2^64 bytes are never reached, so the counter's high half stays 0 */
    size_t filled;   /* bytes in `block` */
    uint8_t block[RD__BLAKE2B_BLOCK];
} rd__blake2b;

void rd__blake2b_init(rd__blake2b *state);
void rd__blake2b_update(rd__blake2b *state, const uint8_t *data, size_t size);
void rd__blake2b_final(rd__blake2b *state, uint8_t digest[RD__BLAKE2B_LEN]);

/* The digests of `count` messages of `length` bytes that lie one after the other in `data`: 32 bytes each. */
void rd__blake2b_many_portable(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#if defined(__x86_64__)
void rd__blake2b_many_avx2(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__blake2b_many_avx512(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#elif defined(__AARCH64EL__)
void rd__blake2b_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#endif

/*
 * What the variants share: the initial state, and the first word of the parameter block, which is digest length 32, key
 * length 0, fan-out 1, depth 1 (RFC 7693, 2.5).
 */
extern const uint64_t rd__blake2b_initial[8];
#define RD__BLAKE2B_PARAMETERS 0x01010020u

#endif
