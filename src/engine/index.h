/*
 * The index: which block has these sums? It holds each distinct block once, by its first occurrence, in 10 to 12 bytes
 * in addition to the sums themselves.
 *
 * Blocks are sorted by a keyed hash of the weak sum, and by strong sum among equal hashes. The hash is weak * key mod
 * 2^32 with an odd random key: it spreads well (multiply-shift, as in hash/filter.h) and is one to one, so equal hashes
 * mean equal weak sums. A directory over the hash's top bits narrows the search to four to eight neighbours. There are
 * no chains to walk: any number of blocks with one weak sum, as an attacker would send, is a sorted range, in which a
 * binary search finds a strong sum.
 */
#ifndef RD_ENGINE_INDEX_H
#define RD_ENGINE_INDEX_H

#include "base/pipeline.h"
#include "hash/filter.h"
#include "redelta.h"

#include <assert.h>

/* Sums by block number. */
typedef struct rd__sums {
    uint64_t count;
    uint32_t *weak;
    uint8_t *strong; /* strong_len bytes each */
    size_t strong_len;
} rd__sums;

static inline const uint8_t *rd__sums_strong(const rd__sums *sums, uint64_t block) {
    assert(block < sums->count);
    return sums->strong + block * sums->strong_len;
}

/* Block numbers take 32 bits in the index, so it holds this many at most (with 8-byte strong sums: 112 GiB of memory).
 */
#define RD__INDEX_BLOCKS_MAX (UINT32_MAX - 1)

typedef struct rd__index_entry {
    uint32_t hash;
    uint32_t block;
} rd__index_entry;

typedef struct rd__index {
    rd__filter filter;
    uint32_t *filter_words;
    uint32_t bucket_shift; /* the bucket of a hash: hash >> bucket_shift */
    uint32_t *starts;      /* where each bucket starts in the entries, and where the last one ends */
    rd__index_entry *entries;
} rd__index;

/* Entries first .. end of the index: the blocks with one weak sum, sorted by strong sum. */
typedef struct rd__index_range {
    uint32_t first;
    uint32_t end;
} rd__index_range;

/*
 * Builds the index of *sums with up to `threads` threads, at least 1, of the pool, which may be NULL. On failure
 * (RD_E_MEMORY) there is nothing to free.
 */
rd_result rd__index_build(rd__index *index, const rd__sums *sums, unsigned threads, rd__pool *pool, rd_error *error);
void rd__index_free(rd__index *index);

/* The number of entries. */
uint64_t rd__index_count(const rd__index *index);

/* Start to fetch what a search for this weak sum reads first; and what it reads next, once the first has arrived. */
void rd__index_prefetch_bucket(const rd__index *index, uint32_t weak);
void rd__index_prefetch_entries(const rd__index *index, uint32_t weak);

/* The entries with this weak sum: an exact answer, worth its time where the filter passes. False if there are none. */
bool rd__index_find_weak(const rd__index *index, uint32_t weak, rd__index_range *range);

/* Of the entries in *range, the block with this strong sum. False if there is none. */
bool rd__index_find_strong(const rd__index *index, const rd__sums *sums, const rd__index_range *range,
                           const uint8_t *strong, uint32_t *block);

#endif
