/*
 * The table of kernels: the inner loops, each a function, in one constant table per instruction set. Everything above
 * this layer takes a table and calls through it, so a new variant is a new file and a new table here, and no caller
 * changes. The portable table is the specification: every other one must give the same results.
 */
#ifndef RD_HASH_KERNELS_H
#define RD_HASH_KERNELS_H

#include "hash/blake3.h"
#include "hash/hits.h"
#include "hash/sums.h"
#include "redelta.h"

/* Extends `sum`, a weak sum, by the `size` bytes at `data`. The sum of no bytes is rd__weak_seed. */
typedef uint32_t rd__weak_update_fn(uint32_t sum, const uint8_t *data, size_t size);

/*
 * Rolls *sum, the weak sum of the block_len bytes at window + start, to position `end`, at most RD__SEEK_MAX later, and
 * lists the positions from start + 1 to end whose sums pass the filter, in order. Returns their number; hits has room
 * for end - start. Reads window[start .. end + block_len).
 */
typedef size_t rd__seek_fn(const rd__filter *filter, size_t block_len, uint32_t *sum, const uint8_t *window,
                           size_t start, size_t end, rd__hit *hits);

/* The strong sums, in full length, of the `count` messages of `length` bytes that follow each other in `data`. */
typedef void rd__strong_many_fn(const uint8_t *data, size_t length, size_t count, uint8_t *sums);

/* The strong sums, in full length, of `count` messages of any length each. */
typedef void rd__strong_each_fn(const rd__message *messages, size_t count, uint8_t *sums);

/*
 * Extends the strong sums of `count` messages by their next `size` bytes, a multiple of 128: those of message i lie at
 * data[i]. So far they were extended by these functions alone, and more bytes follow.
 */
typedef void rd__strong_advance_fn(rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);

typedef struct rd__kernels {
    const char *name;
    uint32_t needs;                           /* bits of base/cpu.h */
    rd__weak_update_fn *weak_update[2];       /* by rd_weak */
    rd__seek_fn *seek[2];                     /* by rd_weak */
    rd__strong_many_fn *strong_many[2];       /* by rd_strong */
    rd__strong_each_fn *strong_each[2];       /* by rd_strong */
    rd__strong_advance_fn *strong_advance[2]; /* by rd_strong */
    rd__blake3_many_fn *blake3_many;
    rd__blake3_each_fn *blake3_each;
} rd__kernels;

/* All tables of this build, *count of them: the best one first, the portable one last. */
const rd__kernels *const *rd__kernels_all(size_t *count);

/* Can this machine run the table, and does the environment allow it? See base/cpu.h. */
bool rd__kernels_usable(const rd__kernels *kernels);

/* The best usable table. */
const rd__kernels *rd__kernels_best(void);

#endif
