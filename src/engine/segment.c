/* See segment.h. */
#include "engine/segment.h"

#include "base/memory.h"
#include "engine/op_joiner.h"

#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

static bool append(rd__segment *segment, const rd_op *copy) {
    if (segment->count > 0 && rd__copies_join(&segment->copies[segment->count - 1], copy))
        return true;
    if (segment->count == segment->capacity) {
        const size_t capacity = segment->capacity < CAPACITY_MIN ? CAPACITY_MIN : 2 * segment->capacity;
        rd_op *const copies = rd__resize_array(segment->copies, capacity, sizeof *copies);
        if (!copies)
            return false;
        segment->copies = copies;
        segment->capacity = capacity;
    }
    segment->copies[segment->count++] = *copy;
    return true;
}

bool rd__segment_scan(rd__segment *segment, const rd_signature *signature, const rd__kernels *kernels,
                      const rd__view *view, uint64_t stop) {
    rd_op copy;
    segment->count = 0;
    rd__scanner_init(&segment->end, signature, kernels);
    segment->end.at = view->offset;
    while (rd__scanner_next(&segment->end, view, stop, &copy)) {
        if (!append(segment, &copy))
            return false;
    }
    return true;
}

void rd__segment_free(rd__segment *segment) {
    free(segment->copies);
    *segment = (rd__segment){0};
}
