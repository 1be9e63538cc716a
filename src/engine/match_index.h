/*
 * The match index: where 32 bytes of the new file may be found in the old one, when both are at hand.
 *
 * The old file is indexed on a grid: the bytes at every stride-th offset are hashed, and a table of buckets has their
 * numbers on the grid. Whoever looks up every position of the new file then finds most common runs of
 * RD__MATCH_KEY + stride - 1 bytes, and nearly all that are longer: of a full table, one key in seven has lost its
 * place to others.
 *
 * A bucket has two entries of 32 bits: the two lowest grid numbers whose hash leads to it, each with some more bits of
 * the hash, which save most readings of the old file for nothing. So what the table holds does not depend on the order
 * in which it was filled, and any number of threads fill it at once. An entry is (grid number << tag bits | tag).
 *
 * Runs of one byte are no entries, or the zeros of a disk image would be thousands of them, all alike: of each value
 * the longest run is known.
 *
 * The hash has no key, since a delta is to depend on nothing but the files: whoever crafts files can make entries
 * collide. That costs matches, never more than two readings a position, and the matcher has a budget for those.
 */
#ifndef RD_ENGINE_MATCH_INDEX_H
#define RD_ENGINE_MATCH_INDEX_H

#include "base/bytes.h"

#include <stdatomic.h>

enum {
    RD__MATCH_KEY = 32,      /* bytes that are hashed */
    RD__MATCH_CANDIDATES = 2 /* entries of a bucket */
};

/* A run of one byte in the old file. */
typedef struct rd__match_run {
    uint64_t offset;
    uint64_t length; /* 0: none */
    uint8_t value;
} rd__match_run;

/* The runs of a segment of the old file. */
typedef struct rd__match_runs {
    rd__match_run first; /* the one that the segment starts with */
    rd__match_run last;  /* the one that it ends with, perhaps the same */
    rd__match_run longest[256];
} rd__match_runs;

typedef struct rd__match_index {
    uint64_t old_size;
    uint64_t stride;
    unsigned bucket_bits;
    unsigned tag_bits;
    _Atomic(uint64_t) *buckets; /* complements of entries, the lower one's in the high half; 0: none */
    rd__match_run longest[256]; /* run of each value; the first of those that are as long */
    rd__match_run open;         /* where the segment added last ended */
} rd__match_index;

/*
 * An empty index for an old file of this size, in at most `memory` bytes, but at least a few KiB. False: out of memory,
 * with nothing to free.
 */
bool rd__match_index_init(rd__match_index *index, uint64_t old_size, uint64_t memory);

/*
 * Adds the keys that start in the first `size` bytes of `data`, a segment of the old file that lies at `offset`; it
 * consists of whole strides, or the old file ends with it. `available` bytes may be read, at least `size`, which is
 * less than 2^31. *runs becomes its runs of RD__MATCH_KEY bytes or more. Any number of threads may add segments.
 */
void rd__match_index_add(const rd__match_index *index, const uint8_t *data, size_t size, size_t available,
                         uint64_t offset, rd__match_runs *runs);

/* Adds the runs of a segment that ends at `end`. In the order of segments, by one thread. */
void rd__match_index_add_runs(rd__match_index *index, const rd__match_runs *runs, uint64_t end);

void rd__match_index_free(rd__match_index *index);

/* The hash of RD__MATCH_KEY bytes: four products with odd constants, of which the high bits are good. */
static inline uint64_t rd__match_hash(const uint8_t *key) {
    const uint64_t sum =
        rd__load_le64(key) * UINT64_C(0x9E3779B97F4A7C15) + rd__load_le64(key + 8) * UINT64_C(0xC2B2AE3D27D4EB4F) +
        rd__load_le64(key + 16) * UINT64_C(0x165667B19E3779F9) + rd__load_le64(key + 24) * UINT64_C(0xD6E8FEB86659FD93);
    return (sum ^ sum >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
}

/* Are the RD__MATCH_KEY bytes all the same? */
static inline bool rd__match_is_run(const uint8_t *key) {
    const uint64_t first = rd__load_le64(key);
    return first == (first >> 8 | first << 56) && first == rd__load_le64(key + 8) && first == rd__load_le64(key + 16) &&
           first == rd__load_le64(key + 24);
}

/* The bucket of a hash, to be fetched into the cache some time before it is read. */
static inline const _Atomic(uint64_t) *rd__match_bucket(const rd__match_index *index, uint64_t hash) {
    return &index->buckets[hash >> (64 - index->bucket_bits)];
}

/* Offsets of the old file where the key with this hash may be. Returns their number, the lowest first. */
static inline size_t rd__match_candidates(const rd__match_index *index, uint64_t hash,
                                          uint64_t offsets[RD__MATCH_CANDIDATES]) {
    const uint64_t bucket = atomic_load_explicit(rd__match_bucket(index, hash), memory_order_relaxed);
    const uint32_t mask = (UINT32_C(1) << index->tag_bits) - 1;
    size_t count = 0;
    for (int i = 0; i < RD__MATCH_CANDIDATES; i++) {
        const uint32_t entry = ~(uint32_t)(bucket >> (i == 0 ? 32 : 0));
        if (entry != UINT32_MAX && ((entry ^ (uint32_t)hash) & mask) == 0)
            offsets[count++] = (uint64_t)(entry >> index->tag_bits) * index->stride;
    }
    return count;
}

#endif
