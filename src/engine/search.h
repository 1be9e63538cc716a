/*
 * Searching for many stretches of one length anywhere in a range of the old file, by their rolling sums.
 *
 * The rolling sum is RabinKarp's, multiplied by a key that the files' makers do not know, and of the product only the
 * highest bits are sent. So the filter that the kernels search while they roll (hash/filter.h) can be made of as many
 * bits as there are. Where a rolling sum agrees, the stretch's own sum must agree as well, in the bits that are known.
 *
 * Stretches with one rolling sum lie together in the table: few of them are tried at one place. When one is found, the
 * others are most likely equal to it, and are tried there afterwards, each once: so much work there is at most, however
 * many there are. And a sender that sends fewer bits of rolling sums than it takes, so that they agree nearly
 * everywhere, does not have long stretches summed at every place: what is summed in a portion is bounded by its size.
 */
#ifndef RD_ENGINE_SEARCH_H
#define RD_ENGINE_SEARCH_H

#include "hash/kernels.h"
#include "hash/stretch_sum.h"

enum {
    RD__SEARCH_TRIES = 16, /* at one place, and places for one stretch in a portion */
    RD__SEARCH_EFFORT = 16 /* bytes that are summed in a portion for each byte of it, at most */
};

#define RD__NOWHERE UINT64_MAX

/* A stretch that is searched for. */
typedef struct rd__wanted {
    uint32_t rolling; /* the bits that are known of the rolling sum times the key, the highest, then zeros */
    uint32_t bits;    /* that are known of the sum */
    uint64_t known;   /* these */
    uint64_t offset;  /* in the new file */
    uint64_t place;   /* where it was found in the old file, or RD__NOWHERE */
    uint64_t sum;     /* all of it, once it is found */
    uint32_t stretch; /* the caller's: which it is */
    uint32_t lane;
} rd__wanted;

/* A place that was found for the stretch with this number in the order of the table. */
typedef struct rd__search_hit {
    uint32_t number;
    uint64_t place;
    uint64_t sum;
} rd__search_hit;

typedef struct rd__search {
    const rd__kernels *kernels;
    const rd__stretch_keys *keys;
    rd__wanted *wanted; /* sorted by the rolling sum */
    size_t count;
    uint32_t length; /* of each stretch */
    unsigned rolling_bits;
    rd__filter filter;
    uint32_t *words;     /* of the filter */
    uint32_t *directory; /* where stretches start whose rolling sum has these highest bits */
    unsigned directory_log2;
} rd__search;

/*
 * Sorts the wanted stretches, `count` of them, at least 1, of `length` bytes each, with `rolling_bits` known bits of
 * their rolling sums times `key`. The array stays the caller's. False: out of memory; nothing to free.
 */
bool rd__search_init(rd__search *search, rd__wanted *wanted, size_t count, uint32_t length, unsigned rolling_bits,
                     uint32_t key, const rd__stretch_keys *keys);

/* What a thread needs to search a portion: room for `count` of the search. */
typedef struct rd__search_room {
    uint8_t *tries; /* of each stretch */
    rd__search_hit *hits;
    size_t hit_count;
    size_t hit_capacity;
    uint64_t effort; /* bytes that may still be summed in the portion */
    bool failed;     /* out of memory */
} rd__search_room;

/*
 * Searches data[0 .. size) at all positions at which a whole stretch fits, and lists what is found there in room->hits,
 * in order; `origin` is the offset of data[0] in the old file. Any thread, with a room of its own.
 */
void rd__search_portion(const rd__search *search, const uint8_t *data, size_t size, uint64_t origin,
                        rd__search_room *room);
bool rd__search_room_init(rd__search_room *room, const rd__search *search);
void rd__search_room_free(rd__search_room *room);

/* Notes hits: the first place of a stretch counts. Those of a portion at lower offsets come first. */
void rd__search_note(rd__search *search, const rd__search_room *room);

/*
 * After all portions: the next stretch that was not found though one with the same rolling sum was, from *next on,
 * which moves on, and *place where that was. NULL: there is none.
 */
rd__wanted *rd__search_again(rd__search *search, size_t *next, uint64_t *place);

void rd__search_free(rd__search *search);

#endif
