/* See dense_map.h. Pure functions over memory. */
#include "format/dense_map.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

static const uint64_t map_bases[RD__DENSE_ADDRESS_KINDS] = {0, 0, 0x400000};

bool rd__dense_map_init(rd__dense_map *map, size_t covers, uint64_t old_size) {
    if (covers > map->room) {
        rd__dense_moved *const more = rd__resize_array(map->covers, covers, sizeof *more);
        if (!more)
            return false;
        map->covers = more;
        map->room = covers;
    }
    map->count = 0;
    map->old_size = old_size;
    return true;
}

void rd__dense_map_add(rd__dense_map *map, uint64_t offset, uint64_t target) {
    assert(map->count < map->room);
    map->covers[map->count] = (rd__dense_moved){.offset = offset, .by = target - offset, .number = map->count};
    map->count++;
}

static int map_compare(const void *a, const void *b) {
    const rd__dense_moved *const x = a;
    const rd__dense_moved *const y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

void rd__dense_map_sort(rd__dense_map *map) {
    if (map->count > 1)
        qsort(map->covers, map->count, sizeof *map->covers, map_compare);
}

/* The last cover that starts at the offset or before it, or NULL. */
static const rd__dense_moved *map_find(const rd__dense_map *map, uint64_t offset) {
    size_t before = 0;
    size_t after = map->count;
    while (before < after) {
        const size_t middle = before + (after - before) / 2;
        if (map->covers[middle].offset <= offset)
            before = middle + 1;
        else
            after = middle;
    }
    return before > 0 ? &map->covers[before - 1] : NULL;
}

void rd__dense_map_word(const rd__dense_map *map, unsigned kind, const uint8_t *old_word, uint64_t offset,
                        uint64_t target, uint8_t new_word[RD__DENSE_WORD]) {
    const uint32_t word = rd__load_le32(old_word);
    const uint64_t distance = (uint64_t)word - ((uint64_t)(word >> 31) << 32);
    const uint64_t leads_to = kind == 0 ? offset + RD__DENSE_WORD + distance : word - map_bases[kind];
    const rd__dense_moved *const cover = leads_to < map->old_size ? map_find(map, leads_to) : NULL;
    uint64_t made = word;
    if (cover && kind == 0)
        made = leads_to + cover->by - target - RD__DENSE_WORD;
    else if (cover)
        made = leads_to + cover->by + map_bases[kind];
    rd__store_le32(new_word, (uint32_t)made);
}

void rd__dense_map_free(rd__dense_map *map) {
    free(map->covers);
    *map = (rd__dense_map){0};
}
