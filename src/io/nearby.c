/* See nearby.h. */
#include "io/nearby.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/source.h"

#include <string.h>

enum {
    ROOM = 2 * RD__NEARBY_MAX,
    AHEAD_MIN = 4 * 1024,
    AHEAD_MAX = ROOM / 2,
    ALIGNMENT = 4096,
    BACK_SHARE = 8,
    USED_SHARE = 3
};

bool rd__nearby_init(rd__nearby *nearby, const rd_source *source, rd_role role) {
    const uint8_t *const memory = source->memory;
    *nearby = (rd__nearby){
        .source = source, .role = role, .whole = memory ? memory + source->origin : NULL, .ahead = AHEAD_MIN};
    if (!nearby->whole)
        nearby->room = rd__alloc_buffer(ROOM, 1);
    return nearby->whole || nearby->room;
}

/*
 * Where the window is to be for these bytes: around them, ahead if it moves on, back if it moves back. It grows as long
 * as a good part of what was read is used.
 */
static void nearby_place(rd__nearby *nearby, uint64_t offset, size_t size, uint64_t *from, uint64_t *to) {
    const uint64_t end = offset + size;
    const uint64_t old_end = nearby->start + nearby->filled;
    const bool moves_on = offset >= nearby->start && offset <= old_end + nearby->ahead;
    const bool moves_back = offset < nearby->start && end + nearby->ahead >= nearby->start;
    const bool used = nearby->used >= nearby->filled / USED_SHARE;
    if (used && (moves_on || moves_back))
        nearby->ahead = rd__min_size(2 * nearby->ahead, AHEAD_MAX);
    else if (nearby->ahead > AHEAD_MIN)
        nearby->ahead /= 2;
    nearby->used = 0;
    const size_t wanted = size > nearby->ahead ? size : nearby->ahead;
    const uint64_t back = moves_back ? wanted - size : nearby->ahead / BACK_SHARE;
    *from = (offset > back ? offset - back : 0) / ALIGNMENT * ALIGNMENT;
    if (moves_on && *from < nearby->start) /* what lies before is not there, and will hardly be asked for */
        *from = nearby->start;
    *to = rd__min_u64(moves_back || *from + wanted < end ? end : *from + wanted, nearby->source->size);
}

/* Moves the window, and reads what it has not yet. */
static bool nearby_read(rd__nearby *nearby, uint64_t offset, size_t size) {
    rd__operation operation = rd__operation_none();
    const uint64_t old_end = nearby->start + nearby->filled;
    uint64_t from = 0;
    uint64_t to = 0;
    size_t got = 0;
    nearby_place(nearby, offset, size, &from, &to);
    const size_t kept = from >= nearby->start && from < old_end ? (size_t)(old_end - from) : 0;
    if (kept > 0)
        memmove(nearby->room, nearby->room + (from - nearby->start), kept);
    nearby->start = from;
    nearby->filled = 0;
    nearby->result = rd__source_read(nearby->source, &operation, nearby->role, from + kept, nearby->room + kept,
                                     (size_t)(to - from) - kept, &got);
    nearby->error = operation.error;
    if (nearby->result != RD_OK)
        return false;
    nearby->filled = kept + got;
    if (from + nearby->filled >= offset + size)
        return true;
    nearby->result =
        rd__fail(&nearby->error, RD_E_TRUNCATED, nearby->role, from + nearby->filled, "the file became shorter");
    return false;
}

const uint8_t *rd__nearby_at(rd__nearby *nearby, uint64_t offset, size_t size) {
    if (nearby->whole)
        return nearby->whole + offset;
    const bool there = offset >= nearby->start && offset + size <= nearby->start + nearby->filled;
    if (!there && !nearby_read(nearby, offset, size))
        return NULL;
    nearby->used += size;
    return nearby->room + (offset - nearby->start);
}

void rd__nearby_free(rd__nearby *nearby) {
    rd__free_buffer(nearby->room);
    nearby->room = NULL;
}
