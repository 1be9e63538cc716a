/* See nearby.h. */
#include "io/nearby.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/source.h"

enum { ROOM = 2 * RD__NEARBY_MAX, AHEAD_MIN = 16 * 1024, AHEAD_MAX = ROOM / 2, ALIGNMENT = 4096 };

bool rd__nearby_init(rd__nearby *nearby, const rd_source *source, rd_role role) {
    const uint8_t *const memory = source->memory;
    *nearby = (rd__nearby){
        .source = source, .role = role, .whole = memory ? memory + source->origin : NULL, .ahead = AHEAD_MIN};
    if (!nearby->whole)
        nearby->room = rd__alloc_buffer(ROOM, 1);
    return nearby->whole || nearby->room;
}

/* Reads the window anew around these bytes: ahead if it moves on, back if it moves back. */
static bool nearby_read(rd__nearby *nearby, uint64_t offset, size_t size) {
    rd__operation operation = rd__operation_none();
    const uint64_t end = offset + size;
    const uint64_t old_end = nearby->start + nearby->filled;
    const bool moves_on = offset >= nearby->start && offset <= old_end + nearby->ahead;
    const bool moves_back = offset < nearby->start && end + nearby->ahead >= nearby->start;
    nearby->ahead = moves_on || moves_back ? rd__min_size(2 * nearby->ahead, AHEAD_MAX) : AHEAD_MIN;
    const size_t wanted = size > nearby->ahead ? size : nearby->ahead;
    const uint64_t back = moves_back ? wanted - size : nearby->ahead / 8;
    const uint64_t from = (offset > back ? offset - back : 0) / ALIGNMENT * ALIGNMENT;
    const uint64_t to = moves_back || from + wanted < end ? end : from + wanted;
    const size_t length = (size_t)(rd__min_u64(to, nearby->source->size) - from);
    nearby->filled = 0;
    nearby->start = from;
    nearby->result =
        rd__source_read(nearby->source, &operation, nearby->role, from, nearby->room, length, &nearby->filled);
    if (nearby->result == RD_OK && from + nearby->filled < end)
        nearby->result =
            rd__fail(&operation.error, RD_E_TRUNCATED, nearby->role, from + nearby->filled, "the file became shorter");
    nearby->error = operation.error;
    return nearby->result == RD_OK;
}

const uint8_t *rd__nearby_at(rd__nearby *nearby, uint64_t offset, size_t size) {
    if (nearby->whole)
        return nearby->whole + offset;
    const bool there = offset >= nearby->start && offset + size <= nearby->start + nearby->filled;
    if (!there && !nearby_read(nearby, offset, size))
        return NULL;
    return nearby->room + (offset - nearby->start);
}

void rd__nearby_free(rd__nearby *nearby) {
    rd__free_buffer(nearby->room);
    nearby->room = NULL;
}
