/*
 * The filter in front of the index: a small table of bits that rules out nearly every position of unmatched data, at
 * the cost of one read from cache. Where it does, no block has the weak sum; where it does not, the index is searched.
 *
 * A sum is spread over the table by sum * key with an odd random key: multiply-shift hashing (Dietzfelbinger et al.
 * 1997), in which two different sums agree in the top n bits with a chance of at most 2 / 2^n, however they were
 * chosen. The top bits choose a word, the next five and the five after that choose two bits in it. Both are set for a
 * member: a Bloom filter whose two bits share a word, so that a lookup reads one word only.
 */
#ifndef RD_HASH_FILTER_H
#define RD_HASH_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RD__FILTER_WORDS_LOG2_MIN = 1,
    RD__FILTER_WORDS_LOG2_MAX = 22 /* leaves ten bits of the hash for the two bits in the word */
};

typedef struct rd__filter {
    const uint32_t *words;
    uint32_t key;   /* odd */
    uint32_t shift; /* 32 - log2 of the number of words */
} rd__filter;

static inline uint32_t rd__filter_hash(const rd__filter *filter, uint32_t weak) {
    return weak * filter->key;
}

/* The inverse of the key: hash * unhash is the sum. By Newton's iteration, which doubles the number of correct bits,
 * three at the start. */
static inline uint32_t rd__filter_unhash(const rd__filter *filter) {
    uint32_t inverse = filter->key;
    for (int i = 0; i < 4; i++)
        inverse *= 2 - filter->key * inverse;
    return inverse;
}

/* The two bits of a hash in its word; now and then both are the same. */
static inline uint32_t rd__filter_bits(const rd__filter *filter, uint32_t hash) {
    return 1u << (hash >> (filter->shift - 5)) % 32 | 1u << (hash >> (filter->shift - 10)) % 32;
}

/* Adds a hash. `words` are those of the filter, writable. */
static inline void rd__filter_add(const rd__filter *filter, uint32_t *words, uint32_t hash) {
    words[hash >> filter->shift] |= rd__filter_bits(filter, hash);
}

/* False: no member has this weak sum. True: one may have it. */
static inline bool rd__filter_has(const rd__filter *filter, uint32_t weak) {
    const uint32_t hash = rd__filter_hash(filter, weak);
    const uint32_t bits = rd__filter_bits(filter, hash);
    return (filter->words[hash >> filter->shift] & bits) == bits;
}

#endif
