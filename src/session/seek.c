/* See seek.h. */
#include "session/seek.h"

#include "base/memory.h"
#include "base/result.h"
#include "file/segments.h"

#include <stdlib.h>
#include <string.h>

enum {
    PORTION = 64 * 1024,                   /* of a stretch that is summed at once */
    REACH_MAX = 32 * 1024,                 /* bytes on both sides of the expected place that are searched */
    REACH_LENGTHS = 32,                    /* and no more than so many times the stretch */
    BATCH = 256 * 1024,                    /* expected places that are searched together lie within so much */
    SEARCH_SEGMENT = 1024 * 1024,          /* of the old file, at least */
    SEARCH_SEGMENT_MAX = 16 * 1024 * 1024, /* but at least the length of a stretch */
    SEARCH_MEMORY = 128 * 1024 * 1024,     /* for all segments */
    PLACE_SAMPLE = 64,                     /* blocks that are looked at in their place first */
    PLACE_SEGMENT = 1024 * 1024,           /* of the old file; longer blocks take much memory for each thread */
    FEW_SHARE = 50,                        /* of the old file's blocks: fewer are not worth a search of it */
    LANE = 1 << RD__LANE_LOG2
};

rd_result rd__seek_try(rd__seeker *seeker, uint64_t offset, uint32_t length, uint64_t known, unsigned bits,
                       uint64_t place, bool *found, uint64_t *sum, rd_error *error) {
    *found = false;
    *sum = 0;
    if (place > seeker->old_size || length > seeker->old_size - place)
        return RD_OK;
    for (uint32_t at = 0; at < length; at += PORTION) {
        const size_t size = rd__min_size(PORTION, length - at);
        const uint8_t *const data = rd__nearby_at(&seeker->nearby, place + at, size);
        if (!data) {
            *error = seeker->nearby.error;
            return seeker->nearby.result;
        }
        *sum ^= rd__stretch_sum(&seeker->keys->stretch, data, size, (offset + at) / RD__LEAF);
    }
    *found = rd__sum_bits(*sum, bits) == known;
    return RD_OK;
}

/* ---- On the diagonal --------------------------------------------------------------------------------------------- */

/* Tries the stretch on a diagonal. */
static rd_result seek_on(rd__seeker *seeker, const rd__seek_lane *lane, rd__stretch *s, uint64_t diagonal,
                         rd_error *error) {
    const uint64_t offset = lane->start + s->start;
    bool found = false;
    uint64_t sum = 0;
    const rd_result result =
        rd__seek_try(seeker, offset, s->length, s->sum, s->bits, offset + diagonal, &found, &sum, error);
    if (!found)
        return result;
    s->flags |= RD__STRETCH_FOUND;
    s->place = offset + diagonal;
    s->sum = sum;
    return result;
}

static bool stretch_is_placed(const rd__stretch *s) {
    return s->state != RD__STRETCH_UNKNOWN || (s->flags & RD__STRETCH_FOUND);
}

/*
 * From left to right: on the diagonal of what is known before, then on the one before that, to which the file returns
 * after an insertion that was taken back. Then from right to left on that of what is known after. The place of what is
 * not found remembers the diagonal that was tried.
 */
rd_result rd__seek_diagonals(rd__seeker *seeker, const rd__seek_lane *lane, rd_error *error) {
    rd__ladder *const ladder = lane->ladder;
    uint64_t diagonal = lane->before;
    uint64_t earlier = lane->before;
    rd_result result = RD_OK;
    for (size_t i = 0; i < ladder->count && result == RD_OK; i++) {
        rd__stretch *const s = &ladder->stretches[i];
        const uint64_t offset = lane->start + s->start;
        if (s->state == RD__STRETCH_UNKNOWN) {
            s->place = diagonal;
            if (!(s->flags & RD__STRETCH_TESTED))
                continue;
            result = seek_on(seeker, lane, s, diagonal, error);
            if (result == RD_OK && !(s->flags & RD__STRETCH_FOUND) && earlier != diagonal)
                result = seek_on(seeker, lane, s, earlier, error);
            if (!(s->flags & RD__STRETCH_FOUND))
                continue;
        }
        if (s->place - offset != diagonal) {
            earlier = diagonal;
            diagonal = s->place - offset;
        }
    }
    diagonal = lane->after;
    for (size_t i = ladder->count; i-- > 0 && result == RD_OK;) {
        rd__stretch *const s = &ladder->stretches[i];
        if (!stretch_is_placed(s) && (s->flags & RD__STRETCH_TESTED) && s->place != diagonal)
            result = seek_on(seeker, lane, s, diagonal, error);
        if (stretch_is_placed(s))
            diagonal = s->place - (lane->start + s->start);
    }
    return result;
}

/* ---- Near the diagonal ------------------------------------------------------------------------------------------- */

/* A stretch where it is expected. */
typedef struct spot {
    uint64_t place;
    uint32_t stretch;
    uint32_t rolling;
} spot;

static int spot_compare(const void *one, const void *other) {
    const spot *const a = one;
    const spot *const b = other;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return a->stretch < b->stretch ? -1 : a->stretch > b->stretch;
}

/* The places on both diagonals, sorted; those beyond the old file are moved to its end. */
static size_t seek_spots(const rd__seeker *seeker, const rd__seek_lane *lane, const uint32_t *rolling, spot *spots) {
    const rd__ladder *const ladder = lane->ladder;
    uint64_t diagonal = lane->before;
    size_t count = 0;
    size_t tested = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        const rd__stretch *const s = &ladder->stretches[i];
        const uint64_t offset = lane->start + s->start;
        if (s->state != RD__STRETCH_UNKNOWN)
            diagonal = s->place - offset;
        else if (s->flags & RD__STRETCH_TESTED)
            spots[count++] = (spot){.place = offset + diagonal, .stretch = (uint32_t)i, .rolling = rolling[tested++]};
    }
    diagonal = lane->after;
    for (size_t i = ladder->count; i-- > 0;) {
        const rd__stretch *const s = &ladder->stretches[i];
        const uint64_t offset = lane->start + s->start;
        if (s->state != RD__STRETCH_UNKNOWN) {
            diagonal = s->place - offset;
        } else if (s->flags & RD__STRETCH_TESTED) {
            tested--;
            if (offset + diagonal != spots[tested].place)
                spots[count++] = (spot){.place = offset + diagonal, .stretch = (uint32_t)i, .rolling = rolling[tested]};
        }
    }
    for (size_t i = 0; i < count; i++) {
        const bool before = spots[i].place > INT64_MAX;
        const uint64_t last = seeker->old_size;
        spots[i].place = before ? 0 : spots[i].place > last ? last : spots[i].place;
    }
    qsort(spots, count, sizeof *spots, spot_compare);
    return count;
}

void rd__seek_note(rd__stretch *stretch, const rd__wanted *wanted) {
    if (wanted->place == RD__NOWHERE)
        return;
    stretch->flags |= RD__STRETCH_FOUND;
    stretch->place = wanted->place;
    stretch->sum = wanted->sum;
}

/* Those of the spots' stretches that are not found yet. */
static size_t seek_batch_wanted(const rd__seek_lane *lane, const spot *spots, size_t count, rd__wanted *wanted) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const rd__stretch *const s = &lane->ladder->stretches[spots[i].stretch];
        if (s->flags & RD__STRETCH_FOUND)
            continue;
        wanted[n++] = (rd__wanted){.rolling = spots[i].rolling,
                                   .bits = s->bits,
                                   .known = s->sum,
                                   .offset = lane->start + s->start,
                                   .place = RD__NOWHERE,
                                   .stretch = spots[i].stretch};
    }
    return n;
}

/* Searches around the spots, which lie near each other in the old file. */
static rd_result seek_batch_search(rd__seeker *seeker, const rd__seek_lane *lane, const spot *spots, size_t count,
                                   unsigned bits, rd__wanted *wanted, rd_error *error) {
    rd__ladder *const ladder = lane->ladder;
    const uint32_t length = ladder->stretches[spots[0].stretch].length;
    const uint64_t reach = rd__min_u64(REACH_MAX, (uint64_t)REACH_LENGTHS * length);
    const uint64_t last = spots[count - 1].place;
    const uint64_t from = spots[0].place > reach ? spots[0].place - reach : 0;
    const uint64_t to = rd__min_u64(last + length + reach, seeker->old_size);
    const size_t n = seek_batch_wanted(lane, spots, count, wanted);
    if (n == 0 || to - from < length)
        return RD_OK;
    rd__search search;
    rd__search_room room = {0};
    const uint8_t *const data = rd__nearby_at(&seeker->nearby, from, (size_t)(to - from));
    if (!data) {
        *error = seeker->nearby.error;
        return seeker->nearby.result;
    }
    if (!rd__search_init(&search, wanted, n, length, bits, seeker->keys->rolling, &seeker->keys->stretch))
        return rd__fail_memory(error);
    bool good = rd__search_room_init(&room, &search);
    if (good) {
        rd__search_portion(&search, data, (size_t)(to - from), from, &room);
        rd__search_note(&search, &room);
        good = !room.failed;
    }
    for (size_t i = 0; good && i < n; i++)
        rd__seek_note(&ladder->stretches[wanted[i].stretch], &wanted[i]);
    rd__search_room_free(&room);
    rd__search_free(&search);
    return good ? RD_OK : rd__fail_memory(error);
}

rd_result rd__seek_nearby(rd__seeker *seeker, const rd__seek_lane *lane, const uint32_t *rolling, unsigned bits,
                          rd_error *error) {
    spot *const spots = rd__alloc_array(2 * (uint64_t)lane->ladder->count, sizeof *spots);
    const size_t count = spots ? seek_spots(seeker, lane, rolling, spots) : 0;
    rd__wanted *const wanted = rd__alloc_array((uint64_t)count + 1, sizeof *wanted);
    rd_result result = spots && wanted ? RD_OK : rd__fail_memory(error);
    for (size_t i = 0; wanted && i < count && result == RD_OK;) {
        size_t end = i + 1;
        while (end < count && spots[end].place - spots[i].place <= BATCH)
            end++;
        result = seek_batch_search(seeker, lane, spots + i, end - i, bits, wanted, error);
        i = end;
    }
    free(spots);
    free(wanted);
    return result;
}

/* ---- Everywhere -------------------------------------------------------------------------------------------------- */

typedef struct search_slot {
    rd__segment segment;
    rd__search_room room;
    bool made; /* the room */
} search_slot;

static void everywhere_work(const void *context, void *slot) {
    const rd__search *const search = context;
    search_slot *const it = slot;
    if (!it->made)
        it->made = rd__search_room_init(&it->room, search);
    if (it->made)
        rd__search_portion(search, it->segment.data, it->segment.got, it->segment.offset, &it->room);
    if (!it->made || it->room.failed)
        it->segment.result = rd__fail_memory(&it->segment.error);
}

static rd_result everywhere_finish(void *context, void *slot) {
    rd__search_note(context, &((search_slot *)slot)->room);
    return RD_OK;
}

static void everywhere_release(void *slot) {
    rd__search_room_free(&((search_slot *)slot)->room);
}

/*
 * Tries what was not found where others with its rolling sum were. A sender may announce any number of long blocks that
 * seem to be equal: so no more is summed for all of them than for a search of the old file, and of a lane besides.
 */
static rd_result seek_again(rd__seeker *seeker, rd__operation *operation, rd__search *search) {
    const uint64_t most = rd__min_u64(seeker->old_size, INT64_MAX / RD__SEARCH_EFFORT - LANE);
    uint64_t effort = RD__SEARCH_EFFORT * (most + LANE);
    size_t next = 0;
    uint64_t place = RD__NOWHERE;
    for (rd__wanted *w; effort >= search->length && (w = rd__search_again(search, &next, &place)) != NULL;) {
        bool found = false;
        uint64_t sum = 0;
        const rd_result result =
            rd__seek_try(seeker, w->offset, search->length, w->known, w->bits, place, &found, &sum, &operation->error);
        if (result != RD_OK)
            return result;
        effort -= search->length;
        if (!found)
            continue;
        w->place = place;
        w->sum = sum;
    }
    return RD_OK;
}

/*
 * Some times the length, which overlaps with the next one. Of stretches of up to 32 MiB, which a sender chooses, no
 * more than need be, and few at once: each thread has two.
 */
static size_t seek_segment_size(size_t length) {
    const size_t size = 4 * length > SEARCH_SEGMENT_MAX ? SEARCH_SEGMENT_MAX : 4 * length;
    return size < SEARCH_SEGMENT ? SEARCH_SEGMENT : size < length ? length : size;
}

rd_result rd__seek_everywhere(rd__seeker *seeker, rd__operation *operation, rd__wanted *wanted, size_t count,
                              uint32_t length, unsigned bits) {
    static const rd__segment_work work = {.slot_size = sizeof(search_slot),
                                          .work = everywhere_work,
                                          .finish = everywhere_finish,
                                          .release = everywhere_release};
    rd__search search;
    if (count == 0 || seeker->old_size < length)
        return RD_OK;
    if (!rd__search_init(&search, wanted, count, length, bits, seeker->keys->rolling, &seeker->keys->stretch))
        return rd__fail_memory(&operation->error);
    const size_t size = seek_segment_size(length);
    const unsigned most = (unsigned)(SEARCH_MEMORY / (2 * (size + length)));
    const unsigned threads = rd__operation_threads_for(operation, seeker->old_size);
    rd__segments segments = {.source = seeker->nearby.source,
                             .operation = operation,
                             .role = RD_ROLE_BASIS,
                             .size = size,
                             .overlap = length - 1,
                             .work = &work,
                             .context = &search};
    rd_result result = rd__segments_run(&segments, threads <= most ? threads : most);
    if (result == RD_OK)
        result = seek_again(seeker, operation, &search);
    rd__search_free(&search);
    return result;
}

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

/* Are most blocks where they are in the new file? Some of them tell. */
static rd_result seek_sample_places(rd__seeker *seeker, const rd__wanted *blocks, size_t count, uint32_t length,
                                    bool *in_place, rd_error *error) {
    const size_t step = count / PLACE_SAMPLE + 1;
    size_t tried = 0;
    size_t agree = 0;
    for (size_t i = 0; i < count; i += step, tried++) {
        const rd__wanted *const b = &blocks[i];
        bool found = false;
        uint64_t sum = 0;
        const rd_result result =
            rd__seek_try(seeker, b->offset, length, b->known, b->bits, b->offset, &found, &sum, error);
        if (result != RD_OK)
            return result;
        agree += found;
    }
    *in_place = agree > tried / 2;
    return RD_OK;
}

typedef struct place_run {
    const rd__session_keys *keys;
    rd__wanted *blocks;
    size_t count;
    uint32_t length;
} place_run;

/* The first block that lies at this offset or later. */
static size_t place_first(const place_run *run, uint64_t offset) {
    size_t low = 0;
    for (size_t high = run->count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (run->blocks[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What a segment of the old file has of the blocks that would lie in it, which no other thread has. */
static void place_work(const void *context, void *slot) {
    const place_run *const run = context;
    const rd__segment *const segment = slot;
    for (size_t i = place_first(run, segment->offset); i < run->count; i++) {
        rd__wanted *const b = &run->blocks[i];
        const uint64_t offset = b->offset;
        if (offset + run->length > segment->offset + segment->got)
            return;
        const uint8_t *const data = segment->data + (offset - segment->offset);
        const uint64_t sum = rd__stretch_sum(&run->keys->stretch, data, run->length, offset / RD__LEAF);
        if (rd__sum_bits(sum, b->bits) != b->known)
            continue;
        b->place = offset;
        b->sum = sum;
    }
}

static rd_result place_finish(void *context, void *slot) {
    (void)context, (void)slot;
    return RD_OK;
}

/* Looks at all blocks in their place, and moves those that are not there to the front: *left of them. */
static rd_result seek_in_place(rd__seeker *seeker, rd__operation *operation, rd__wanted *blocks, size_t count,
                               uint32_t length, size_t *left) {
    static const rd__segment_work work = {.slot_size = sizeof(rd__segment), .work = place_work, .finish = place_finish};
    place_run run = {.keys = seeker->keys, .blocks = blocks, .count = count, .length = length};
    rd__segments segments = {.source = seeker->nearby.source,
                             .operation = operation,
                             .role = RD_ROLE_BASIS,
                             .size = PLACE_SEGMENT,
                             .work = &work,
                             .context = &run};
    const rd_result result = rd__segments_run(&segments, rd__operation_threads_for(operation, seeker->old_size));
    *left = 0;
    for (size_t i = 0; i < count; i++) {
        if (blocks[i].place != RD__NOWHERE)
            continue;
        const rd__wanted other = blocks[*left];
        blocks[(*left)++] = blocks[i];
        blocks[i] = other;
    }
    return result;
}

rd_result rd__seek_blocks(rd__seeker *seeker, rd__operation *operation, rd__wanted *blocks, size_t count,
                          uint32_t length, unsigned bits) {
    bool in_place = false;
    size_t left = count;
    rd_result result = RD_OK;
    if (length <= PLACE_SEGMENT)
        result = seek_sample_places(seeker, blocks, count, length, &in_place, &operation->error);
    if (result == RD_OK && in_place)
        result = seek_in_place(seeker, operation, blocks, count, length, &left);
    if (result != RD_OK || (in_place && left < seeker->old_size / length / FEW_SHARE))
        return result;
    return rd__seek_everywhere(seeker, operation, blocks, left, length, bits);
}
