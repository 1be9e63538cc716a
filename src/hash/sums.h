/*
 * The weak and the strong sum of a block, by kind. Callers above the hash layer use these functions and the kernels,
 * never one algorithm by name.
 */
#ifndef RD_HASH_SUMS_H
#define RD_HASH_SUMS_H

#include "hash/blake2b.h"
#include "hash/md4.h"
#include "redelta.h"

/* The weak sum of no bytes. */
uint32_t rd__weak_seed(rd_weak kind);

/* The full length of a strong sum, in bytes. */
uint32_t rd__strong_size(rd_strong kind);

/*
 * The weak sum of a window that shrinks from the left, updated as the first byte is dropped. Used at the end of a new
 * file, where the last block of the basis may match although it is short.
 */
typedef struct rd__shrinking {
    rd_weak kind;
    uint32_t sum;
    uint64_t length;
    uint32_t power; /* RabinKarp: m^(length - 1) */
} rd__shrinking;

void rd__shrinking_init(rd__shrinking *window, rd_weak kind, uint32_t sum, uint64_t length);
/* Drops the first byte of the window, which must have one. */
void rd__shrinking_drop(rd__shrinking *window, uint8_t first);

/* The strong sum of a block that arrives in chunks. */
typedef struct rd__strong {
    rd_strong kind;
    union {
        rd__blake2b blake2b;
        rd__md4 md4;
    } state;
} rd__strong;

void rd__strong_init(rd__strong *strong, rd_strong kind);
void rd__strong_update(rd__strong *strong, const uint8_t *data, size_t size);
/* An rd__strong_advance_fn, but not for BLAKE2b; see kernels.h. */
void rd__strong_advance_each(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
/* Writes rd__strong_size bytes. */
void rd__strong_final(rd__strong *strong, uint8_t *sum);

#endif
