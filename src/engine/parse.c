/* See parse.h. */
#include "engine/parse.h"

#include "base/memory.h"
#include "engine/op_joiner.h"

#include <stdlib.h>

enum { PARSE_CAPACITY_MIN = 64 };

static bool parse_append(rd__parse *parse, const rd_op *copy) {
    if (parse->count > 0 && rd__copies_join(&parse->copies[parse->count - 1], copy))
        return true;
    if (parse->count == parse->capacity) {
        const size_t capacity = parse->capacity < PARSE_CAPACITY_MIN ? PARSE_CAPACITY_MIN : 2 * parse->capacity;
        rd_op *const copies = rd__resize_array(parse->copies, capacity, sizeof *copies);
        if (!copies)
            return false;
        parse->copies = copies;
        parse->capacity = capacity;
    }
    parse->copies[parse->count++] = *copy;
    return true;
}

bool rd__parse_scan(rd__parse *parse, const rd_signature *signature, const rd__kernels *kernels, const rd__view *view,
                    uint64_t stop) {
    rd_op copy;
    parse->count = 0;
    rd__scanner_init(&parse->end, signature, kernels);
    parse->end.at = view->offset;
    while (rd__scanner_next(&parse->end, view, stop, &copy)) {
        if (!parse_append(parse, &copy))
            return false;
    }
    return true;
}

void rd__parse_free(rd__parse *parse) {
    free(parse->copies);
    *parse = (rd__parse){0};
}
