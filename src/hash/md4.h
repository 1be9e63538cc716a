/* MD4, the strong sum of older signatures (RFC 1320). It is broken: it does not resist chosen data (RFC 6150). */
#ifndef RD_HASH_MD4_H
#define RD_HASH_MD4_H

#include "hash/message.h"

#include <stddef.h>
#include <stdint.h>

enum { RD__MD4_LEN = 16, RD__MD4_BLOCK = 64 };

typedef struct rd__md4 {
    uint32_t h[4];
    uint64_t size; /* bytes taken so far; the last size % 64 of them are in `block` */
    uint8_t block[RD__MD4_BLOCK];
} rd__md4;

void rd__md4_init(rd__md4 *state);
void rd__md4_update(rd__md4 *state, const uint8_t *data, size_t size);
void rd__md4_final(rd__md4 *state, uint8_t digest[RD__MD4_LEN]);

/* An rd__strong_many_fn; see kernels.h. */
/* An rd__strong_each_fn, but one by one. */
void rd__md4_each(const rd__message *messages, size_t count, uint8_t *digests);
void rd__md4_many_portable(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#if defined(__x86_64__)
void rd__md4_many_sse41(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__md4_many_avx2(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__md4_many_avx512vl(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__md4_many_avx512(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#elif defined(__AARCH64EL__)
void rd__md4_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
#endif

/* The initial state (RFC 1320, 3.3), shared by the variants. */
extern const uint32_t rd__md4_initial[4];

#endif
