/* See dense_walk.h. Pure functions over memory. */
#include "format/dense_walk.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { AROUND = 16, NEAR = 64, FAR = 4096 };

/* ---- Places ------------------------------------------------------------------------------------------------------ */

void rd__dense_places_init(rd__dense_places *places) {
    *places = (rd__dense_places){.count = 1};
}

/* Moves what is at `index`, or what falls out, to the front, and makes it `diagonal`. */
static void places_to_front(rd__dense_places *places, size_t index, uint64_t diagonal) {
    memmove(places->latest + 1, places->latest, index * sizeof *places->latest);
    places->latest[0] = diagonal;
}

/* Adds a diagonal. */
static void places_add(rd__dense_places *places, uint64_t diagonal) {
    if (places->count < RD__DENSE_PLACES_KEPT)
        places->count++;
    places_to_front(places, places->count - 1, diagonal);
}

uint64_t rd__dense_places_find(rd__dense_places *places, uint64_t diagonal) {
    const uint64_t difference = diagonal - places->latest[0];
    for (size_t i = 0; i < places->count; i++) {
        if (places->latest[i] == diagonal) {
            places_to_front(places, i, diagonal);
            return i;
        }
    }
    places_add(places, diagonal);
    return RD__DENSE_PLACES_KEPT + rd__zigzag(difference);
}

bool rd__dense_places_take(rd__dense_places *places, uint64_t number, uint64_t *diagonal) {
    if (number < RD__DENSE_PLACES_KEPT) {
        if (number >= places->count)
            return false;
        *diagonal = places->latest[number];
        places_to_front(places, (size_t)number, *diagonal);
        return true;
    }
    *diagonal = places->latest[0] + rd__unzigzag(number - RD__DENSE_PLACES_KEPT);
    places_add(places, *diagonal);
    return true;
}

/* ---- Neighbourhoods ---------------------------------------------------------------------------------------------- */

/* Adds [from - before, to + after), cut to the old file. */
static void neighbours_add(rd__dense_range *range, uint64_t from, uint64_t before, uint64_t to, uint64_t after,
                           uint64_t old_size) {
    const uint64_t start = from - rd__min_u64(from, before);
    const uint64_t end = to + rd__min_u64(old_size - to, after);
    *range = (rd__dense_range){.offset = start, .size = (size_t)(end - start)};
}

/* Cuts the ranges to what there is room for. */
static size_t neighbours_cut(rd__dense_range ranges[2], size_t count, size_t room) {
    for (size_t i = 0; i < count; i++) {
        ranges[i].size = rd__min_size(ranges[i].size, room);
        room -= ranges[i].size;
    }
    return count;
}

size_t rd__dense_neighbours(const rd__dense_gap *gap, uint64_t old_size, size_t filled, rd__dense_range ranges[2]) {
    assert(gap->length > 0 && filled <= RD__DENSE_PREFIX_MAX);
    const bool has_end = gap->end != RD_UNKNOWN;
    const bool has_start = gap->start != RD_UNKNOWN;
    const uint64_t wide = rd__min_u64(2 * gap->length + NEAR, gap->length + FAR);
    size_t count = 0;
    if (has_end && has_start && gap->start >= gap->end && gap->start - gap->end <= wide) {
        neighbours_add(&ranges[count++], gap->end, AROUND, gap->start, AROUND, old_size);
        return neighbours_cut(ranges, count, RD__DENSE_PREFIX_MAX - filled);
    }
    if (has_end)
        neighbours_add(&ranges[count++], gap->end, AROUND, gap->end, wide / 2, old_size);
    if (has_start)
        neighbours_add(&ranges[count++], gap->start, wide / 2, gap->start, AROUND, old_size);
    return neighbours_cut(ranges, count, RD__DENSE_PREFIX_MAX - filled);
}

/* ---- The walk ---------------------------------------------------------------------------------------------------- */

/* Reads where the next difference is. */
static bool walk_next_difference(rd__dense_walk *walk) {
    walk->same = RD_UNKNOWN;
    walk->looked = true;
    if (walk->differences == 0)
        return true;
    walk->differences--;
    return rd__numbers_next(&walk->numbers[RD__DENSE_SKIPS / 2], &walk->same) && walk->same <= RD__DENSE_SIZE_MAX;
}

/* Reads the next cover and the gap before it, or, after the last cover, the gap at the end. */
static bool walk_next_cover(rd__dense_walk *walk) {
    uint64_t gap = walk->literals;
    uint64_t length = 0;
    uint64_t place = 0;
    uint64_t diagonal = 0;
    walk->gap = (rd__dense_gap){
        .length = gap, .end = walk->gap.start == RD_UNKNOWN ? RD_UNKNOWN : walk->offset, .start = RD_UNKNOWN};
    if (walk->covers == 0) {
        walk->literals = 0;
        return true;
    }
    if (!rd__numbers_next(&walk->numbers[RD__DENSE_LENGTHS / 2], &length) ||
        !rd__numbers_next(&walk->numbers[RD__DENSE_GAPS / 2], &gap) ||
        !rd__numbers_next(&walk->numbers[RD__DENSE_PLACES / 2], &place) || gap > walk->literals ||
        length >= walk->old_size || !rd__dense_places_take(&walk->places, place, &diagonal))
        return false;
    walk->covers--;
    walk->literals -= gap;
    walk->cover = length + 1;
    walk->offset = walk->target + gap + diagonal;
    if (walk->offset > walk->old_size - walk->cover)
        return false;
    walk->gap.length = gap;
    walk->gap.start = walk->offset;
    return true;
}

/* Where a column ends; an empty one may have no place. */
static const uint8_t *dense_walk_end(const rd__dense_columns *columns, size_t column) {
    const uint8_t *const data = columns->data[column];
    return data ? data + columns->size[column] : NULL;
}

void rd__dense_walk_init(rd__dense_walk *walk, const rd__dense_frame *frame, const rd__dense_columns *columns,
                         uint64_t old_size, uint64_t target) {
    *walk = (rd__dense_walk){.old_size = old_size,
                             .target = target,
                             .covers = frame->covers,
                             .differences = frame->differences,
                             .literals = columns->size[RD__DENSE_LITERALS],
                             .values = columns->data[RD__DENSE_DIFFERENCES],
                             .addresses = columns->data[RD__DENSE_ADDRESSES],
                             .gap = {.end = RD_UNKNOWN, .start = RD_UNKNOWN}};
    walk->addresses_end = dense_walk_end(columns, RD__DENSE_ADDRESSES);
    for (size_t i = 0; i < RD__DENSE_NUMBERS; i++)
        walk->numbers[i] = (rd__numbers){.heads = columns->data[2 * i],
                                         .heads_end = dense_walk_end(columns, 2 * i),
                                         .tails = columns->data[2 * i + 1],
                                         .tails_end = dense_walk_end(columns, 2 * i + 1)};
    rd__dense_places_init(&walk->places);
}

/* Was everything used? */
static bool walk_is_complete(const rd__dense_walk *walk) {
    bool used =
        walk->differences == 0 && walk->addresses == walk->addresses_end && (!walk->looked || walk->same == RD_UNKNOWN);
    for (size_t i = 0; i < RD__DENSE_NUMBERS; i++)
        used = used && walk->numbers[i].heads == walk->numbers[i].heads_end &&
               walk->numbers[i].tails == walk->numbers[i].tails_end;
    return used;
}

/* The difference that comes now, of a byte, or of an address. False: corrupt. */
static bool walk_difference(rd__dense_walk *walk, rd__dense_piece *piece) {
    walk->looked = false;
    *piece =
        (rd__dense_piece){.kind = RD__DENSE_DIFFERENT, .length = 1, .offset = walk->offset, .value = *walk->values++};
    if (piece->value != 0)
        return true;
    if (walk->cover < RD__DENSE_WORD || walk->addresses == walk->addresses_end)
        return false;
    piece->kind = RD__DENSE_ADDRESS;
    piece->length = RD__DENSE_WORD;
    piece->value = *walk->addresses++;
    return piece->value < RD__DENSE_ADDRESS_KINDS;
}

/* The next piece of the present cover, which has bytes left. False: corrupt. */
static bool walk_cover(rd__dense_walk *walk, rd__dense_piece *piece) {
    if (!walk->looked && !walk_next_difference(walk))
        return false;
    if (walk->same == 0) {
        if (!walk_difference(walk, piece))
            return false;
    } else {
        *piece = (rd__dense_piece){
            .kind = RD__DENSE_SAME, .length = rd__min_u64(walk->cover, walk->same), .offset = walk->offset};
        walk->same -= walk->same != RD_UNKNOWN ? piece->length : 0;
    }
    walk->cover -= piece->length;
    walk->offset += piece->length;
    walk->target += piece->length;
    return true;
}

rd_result rd__dense_walk_next(rd__dense_walk *walk, rd__dense_piece *piece) {
    while (walk->cover == 0 && walk->gap.length == 0) {
        if (walk->covers == 0 && walk->literals == 0)
            return walk_is_complete(walk) ? RD_OK : RD_E_CORRUPT;
        if (!walk_next_cover(walk))
            return RD_E_CORRUPT;
    }
    if (walk->gap.length > 0) {
        *piece = (rd__dense_piece){.kind = RD__DENSE_LITERAL, .length = walk->gap.length};
        walk->target += walk->gap.length;
        walk->gap.length = 0;
        return RD_MORE;
    }
    return walk_cover(walk, piece) ? RD_MORE : RD_E_CORRUPT;
}

/* Leaves what is left of the present cover, and the gap before it. */
static void walk_leave(rd__dense_walk *walk) {
    walk->target += walk->gap.length + walk->cover;
    walk->offset += walk->cover;
    walk->gap.length = walk->cover = 0;
}

rd_result rd__dense_walk_cover(rd__dense_walk *walk, uint64_t *offset, uint64_t *target) {
    walk_leave(walk);
    if (walk->covers == 0)
        return RD_OK;
    if (!walk_next_cover(walk))
        return RD_E_CORRUPT;
    *offset = walk->offset;
    *target = walk->target + walk->gap.length;
    return RD_MORE;
}

rd_result rd__dense_walk_gap(rd__dense_walk *walk, rd__dense_gap *gap) {
    do {
        walk_leave(walk);
        if (walk->covers == 0 && walk->literals == 0)
            return RD_OK;
        if (!walk_next_cover(walk))
            return RD_E_CORRUPT;
    } while (walk->gap.length == 0);
    *gap = walk->gap;
    return RD_MORE;
}
