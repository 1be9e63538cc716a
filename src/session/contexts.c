/* See contexts.h. */
#include "session/contexts.h"

#include "base/memory.h"
#include "base/result.h"

#include <string.h>

static rd_result contexts_put(rd__context_fn *read, void *reader, uint32_t start, uint32_t size, rd__growing *prefix,
                              rd_error *error) {
    if (size == 0)
        return RD_OK;
    uint8_t *const room = rd__growing_add(prefix, size);
    return room ? read(reader, start, size, room) : rd__fail_memory(error);
}

rd_result rd__contexts_add(const rd__ladder *ladder, rd__context_fn *read, void *reader, rd__growing *prefix,
                           rd_error *error) {
    const size_t begin = prefix->size;
    uint32_t at = 0; /* the end of what was added last */
    for (size_t i = 0; i < ladder->count && prefix->size - begin < RD__CONTEXTS_MAX;) {
        const uint32_t start = ladder->stretches[i].start;
        if (ladder->stretches[i].state != RD__STRETCH_UNKNOWN) {
            i++;
            continue;
        }
        uint32_t end = start; /* of the literal */
        for (; i < ladder->count && ladder->stretches[i].state == RD__STRETCH_UNKNOWN; i++)
            end += ladder->stretches[i].length;
        uint32_t known = end; /* the end of what is known after it, as far as that matters */
        for (size_t k = i; k < ladder->count && ladder->stretches[k].state != RD__STRETCH_UNKNOWN; k++) {
            known += ladder->stretches[k].length;
            if (known - end >= RD__CONTEXT_AFTER)
                break;
        }
        const uint32_t from = start > at + RD__CONTEXT_BEFORE ? start - RD__CONTEXT_BEFORE : at;
        const uint32_t to = known - end < RD__CONTEXT_AFTER ? known : end + RD__CONTEXT_AFTER;
        rd_result result = contexts_put(read, reader, from, start - from, prefix, error);
        if (result == RD_OK)
            result = contexts_put(read, reader, end, to - end, prefix, error);
        if (result != RD_OK)
            return result;
        at = to;
    }
    return RD_OK;
}

void rd__history_add(rd__growing *history, const uint8_t *data, size_t size) {
    const size_t kept = rd__min_size(size, RD__HISTORY_MAX);
    if (history->size + kept > 2 * (size_t)RD__HISTORY_MAX)
        rd__history_trim(history);
    rd__growing_put(history, data + (size - kept), kept);
}

void rd__history_trim(rd__growing *history) {
    if (history->size <= RD__HISTORY_MAX)
        return;
    memmove(history->data, history->data + history->size - RD__HISTORY_MAX, RD__HISTORY_MAX);
    history->size = RD__HISTORY_MAX;
}
