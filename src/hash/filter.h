/*
 * The filter in front of the index: a bit for each of 2^n slots, set where some block's weak sum falls. Most positions
 * of unmatched data fail it, at the cost of one read from cache. A clear bit is proof that no block has the sum; a set
 * bit only says that the index is worth asking.
 *
 * A sum's slot is the top n bits of sum * key, with an odd random key: multiply-shift hashing (Dietzfelbinger et al.
 * 1997), in which two different sums share a slot with a chance of at most 2 / 2^n, whoever chose them.
 */
#ifndef RD_HASH_FILTER_H
#define RD_HASH_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rd__filter {
    const uint32_t *bits; /* 2^n of them, in words */
    uint32_t key;         /* odd */
    uint32_t shift;       /* 32 - n, 0 .. 27 */
} rd__filter;

static inline uint32_t rd__filter_slot(const rd__filter *filter, uint32_t weak) {
    return (weak * filter->key) >> filter->shift;
}

static inline bool rd__filter_has(const rd__filter *filter, uint32_t weak) {
    const uint32_t slot = rd__filter_slot(filter, weak);
    return filter->bits[slot / 32] >> slot % 32 & 1;
}

#endif
