/* See search.h. */
#include "engine/search.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "hash/rabinkarp.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILTER_BITS = 64,     /* of the filter for each stretch, so that one position in some hundreds passes by chance */
    FILTER_OWN_BITS = 10, /* of a sum, that choose two bits in a word */
    FILTER_LOG2_MAX = 17, /* words: half a MiB, which the second-level cache holds */
    WORD_LOG2 = 5,
    DIRECTORY_LOG2_MAX = 20
};

/* In the order of the rolling sums; equal ones in that of the new file, which makes the result one and the same. */
static int search_compare(const void *one, const void *other) {
    const rd__wanted *const a = one;
    const rd__wanted *const b = other;
    if (a->rolling != b->rolling)
        return a->rolling < b->rolling ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static unsigned clamp(unsigned value, unsigned least, unsigned most) {
    return value < least ? least : value > most ? most : value;
}

/* Where the stretches start whose rolling sum has the highest bits `i`, for all i, and where the last ones end. */
static void search_make_directory(rd__search *search) {
    const unsigned shift = 32 - search->directory_log2;
    size_t n = 0;
    for (size_t i = 0; i <= (size_t)1 << search->directory_log2; i++) {
        while (n < search->count && search->wanted[n].rolling >> shift < i)
            n++;
        search->directory[i] = (uint32_t)n;
    }
}

bool rd__search_init(rd__search *search, rd__wanted *wanted, size_t count, uint32_t length, unsigned rolling_bits,
                     uint32_t key, const rd__stretch_keys *keys) {
    const unsigned most = clamp(rolling_bits - FILTER_OWN_BITS, RD__FILTER_WORDS_LOG2_MIN, FILTER_LOG2_MAX);
    const unsigned words_log2 =
        clamp(rd__log2_above(count * FILTER_BITS >> WORD_LOG2), RD__FILTER_WORDS_LOG2_MIN, most);
    *search = (rd__search){.kernels = rd__kernels_best(),
                           .keys = keys,
                           .wanted = wanted,
                           .count = count,
                           .length = length,
                           .rolling_bits = rolling_bits,
                           .directory_log2 = clamp(rd__log2_above(count), 1, DIRECTORY_LOG2_MAX)};
    search->words = rd__alloc_zeroed((uint64_t)1 << words_log2, sizeof *search->words);
    search->directory = rd__alloc_array(((uint64_t)1 << search->directory_log2) + 1, sizeof *search->directory);
    if (!search->words || !search->directory) {
        rd__search_free(search);
        return false;
    }
    search->filter = (rd__filter){.words = search->words, .key = key, .shift = 32 - words_log2};
    qsort(wanted, count, sizeof *wanted, search_compare);
    for (size_t i = 0; i < count; i++)
        rd__filter_add(&search->filter, search->words, wanted[i].rolling);
    search_make_directory(search);
    return true;
}

void rd__search_free(rd__search *search) {
    free(search->words);
    free(search->directory);
    search->words = search->directory = NULL;
}

bool rd__search_room_init(rd__search_room *room, const rd__search *search) {
    *room = (rd__search_room){.tries = rd__alloc_zeroed(search->count, 1)};
    return room->tries;
}

void rd__search_room_free(rd__search_room *room) {
    free(room->tries);
    free(room->hits);
    *room = (rd__search_room){0};
}

static void room_add(rd__search_room *room, rd__search_hit hit) {
    if (room->hit_count == room->hit_capacity) {
        const size_t more = room->hit_capacity > 0 ? 2 * room->hit_capacity : 64;
        rd__search_hit *const moved = rd__resize_array(room->hits, more, sizeof *room->hits);
        if (!moved) {
            room->failed = true;
            return;
        }
        room->hits = moved;
        room->hit_capacity = more;
    }
    room->hits[room->hit_count++] = hit;
}

/* The first stretch with this rolling sum, or the count. */
static size_t search_look_up(const rd__search *search, uint32_t rolling) {
    const uint32_t top = rolling >> (32 - search->directory_log2);
    size_t from = search->directory[top];
    size_t to = search->directory[top + 1];
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (search->wanted[middle].rolling < rolling)
            from = middle + 1;
        else
            to = middle;
    }
    return from < search->count && search->wanted[from].rolling == rolling ? from : search->count;
}

/* The bytes at `place` have the rolling sum of some stretches: are they one of these? */
static void search_try(const rd__search *search, size_t first, const uint8_t *data, uint64_t place,
                       rd__search_room *room) {
    for (size_t i = first; i < search->count && i < first + RD__SEARCH_TRIES; i++) {
        const rd__wanted *const w = &search->wanted[i];
        if (w->rolling != search->wanted[first].rolling)
            return;
        if (room->tries[i] == RD__SEARCH_TRIES)
            continue;
        if (room->effort < search->length)
            return;
        room->effort -= search->length;
        const uint64_t sum = rd__stretch_sum(search->keys, data, search->length, w->offset / RD__LEAF);
        room->tries[i]++;
        if ((sum & (((uint64_t)1 << w->bits) - 1)) != w->known)
            continue;
        room->tries[i] = RD__SEARCH_TRIES;
        room_add(room, (rd__search_hit){.number = (uint32_t)i, .place = place, .sum = sum});
        return;
    }
}

/* The first position from `at` on whose byte is not that of the next one, or the last position of all. */
static size_t search_run_end(const uint8_t *data, size_t at, size_t size) {
    for (size_t now; at + 1 < size; at += now) {
        now = rd__min_size(RD__SEEK_MAX, size - 1 - at);
        if (memcmp(data + at, data + at + 1, now) != 0)
            break;
    }
    while (at + 1 < size && data[at] == data[at + 1])
        at++;
    return at;
}

void rd__search_portion(const rd__search *search, const uint8_t *data, size_t size, uint64_t origin,
                        rd__search_room *room) {
    rd__hit hits[RD__SEEK_MAX];
    const uint32_t mask = (uint32_t)(UINT64_MAX << (32 - search->rolling_bits));
    const size_t length = search->length;
    room->hit_count = 0;
    room->effort = (uint64_t)RD__SEARCH_EFFORT * size;
    memset(room->tries, 0, search->count);
    if (size < length)
        return;
    uint32_t sum = search->kernels->weak_update[RD_RABINKARP](RD__RABINKARP_SEED, data, length);
    const size_t last = size - length;
    size_t start = 0;
    size_t same = 0; /* up to here, each byte from `start` on is that of the next one: looked at once */
    hits[0] = (rd__hit){.at = 0, .weak = sum};
    for (size_t count = rd__filter_has(&search->filter, sum) ? 1 : 0;;) {
        for (size_t i = 0; i < count; i++) {
            const uint32_t rolling = hits[i].weak * search->filter.key & mask;
            if (i > 0 &&
                hits[i].weak == hits[i - 1].weak) /* most likely a run of one byte, of which one place will do */
                continue;
            const size_t first = search_look_up(search, rolling);
            if (first < search->count)
                search_try(search, first, data + hits[i].at, origin + hits[i].at, room);
        }
        if (start == last)
            return;
        const size_t end = rd__min_size(start + RD__SEEK_MAX, last);
        if (same <= start)
            same = search_run_end(data, start, size);
        if (same >= end + length - 1) { /* a run of one byte */
            count = 0;
            start = end;
            continue;
        }
        count = search->kernels->seek[RD_RABINKARP](&search->filter, length, &sum, data, start, end, hits);
        start = end;
    }
}

void rd__search_note(rd__search *search, const rd__search_room *room) {
    for (size_t i = 0; i < room->hit_count; i++) {
        rd__wanted *const w = &search->wanted[room->hits[i].number];
        if (w->place != RD__NOWHERE)
            continue;
        w->place = room->hits[i].place;
        w->sum = room->hits[i].sum;
    }
}

rd__wanted *rd__search_again(rd__search *search, size_t *next, uint64_t *place) {
    for (; *next < search->count; (*next)++) {
        rd__wanted *const w = &search->wanted[*next];
        if (*next > 0 && w[-1].rolling == w->rolling) {
            *place = w[-1].place != RD__NOWHERE ? w[-1].place : *place;
        } else {
            *place = RD__NOWHERE;
            for (size_t i = *next; i < search->count && search->wanted[i].rolling == w->rolling; i++)
                if (search->wanted[i].place != RD__NOWHERE) {
                    *place = search->wanted[i].place;
                    break;
                }
        }
        if (w->place == RD__NOWHERE && *place != RD__NOWHERE) {
            (*next)++;
            return w;
        }
    }
    return NULL;
}
