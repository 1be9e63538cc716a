/* Whether two files have the same bytes. Where both have a hole, nothing is read. */
#include "base/memory.h"
#include "base/result.h"
#include "io/holes.h"
#include "io/source.h"
#include "io/watch.h"

#include <string.h>

enum { CHUNK = 256 * 1024 };

/* The length of what is a hole in both from `offset` on; 0: one of them has data there. */
static uint64_t compare_common_hole(rd__holes *one, rd__holes *other, uint64_t offset) {
    uint64_t length = 0;
    uint64_t length_of_other = 0;
    if (!rd__holes_at(one, offset, &length) || !rd__holes_at(other, offset, &length_of_other))
        return 0;
    return rd__min_u64(length, length_of_other);
}

static rd_result compare_bytes(rd__operation *operation, const rd_source *one, const rd_source *other, uint8_t *buffers,
                               bool *equal) {
    rd__holes holes = rd__holes_open(one);
    rd__holes other_holes = rd__holes_open(other);
    rd_result result = RD_OK;
    bool more = true;
    *equal = true;
    for (uint64_t offset = 0; result == RD_OK && *equal && more;) {
        const uint64_t skipped = compare_common_hole(&holes, &other_holes, offset);
        size_t got[2] = {0, 0};
        if (skipped == 0)
            result = rd__holes_read(&holes, one, operation, RD_ROLE_BASIS, offset, buffers, CHUNK, &got[0]);
        if (result == RD_OK && skipped == 0)
            result =
                rd__holes_read(&other_holes, other, operation, RD_ROLE_NEW, offset, buffers + CHUNK, CHUNK, &got[1]);
        if (result != RD_OK)
            break;
        *equal = got[0] == got[1] && memcmp(buffers, buffers + CHUNK, got[0]) == 0;
        more = skipped > 0 || got[0] == CHUNK;
        offset += skipped + got[0];
        result = rd__operation_progress_read(operation, offset);
    }
    rd__holes_close(&other_holes);
    rd__holes_close(&holes);
    return result;
}

rd_result rd_compare(const rd_source *one, const rd_source *other, bool *equal, const rd_options *options) {
    rd__operation operation;
    const rd__watch watch = rd__watch_begin(one, RD_ROLE_BASIS);
    const rd__watch other_watch = rd__watch_begin(other, RD_ROLE_NEW);
    rd_result result = rd__operation_start(&operation, options, one->size);
    *equal = false;
    if (result == RD_OK) {
        uint8_t *const buffers = rd__context_take(operation.context, 2, CHUNK);
        result = buffers ? compare_bytes(&operation, one, other, buffers, equal) : rd__fail_memory(&operation.error);
        rd__context_give(operation.context, buffers);
    }
    result = rd__watch_end(&watch, &operation, result);
    return rd__operation_end(&operation, rd__watch_end(&other_watch, &operation, result));
}
