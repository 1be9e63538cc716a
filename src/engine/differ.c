/* See differ.h. */
#include "engine/differ.h"

#include "base/memory.h"
#include "base/result.h"
#include "engine/count.h"
#include "format/delta.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64 * 1024 };

void rd__differ_init(rd__differ *differ, const rd_signature *signature, const rd__kernels *kernels, rd_stats *stats) {
    *differ = (rd__differ){.scanned = true, .stats = stats};
    rd__scanner_init(&differ->scanner, signature, kernels);
}

void rd__differ_free(rd__differ *differ) {
    free(differ->window);
    differ->window = NULL;
}

/* Drops what no literal can need any more from the front of the window. The scanner is never behind that. */
static void compact(rd__differ *differ) {
    rd__view *const view = &differ->view;
    const uint64_t needed = rd__op_joiner_needs(&differ->joiner);
    const size_t dropped = (size_t)(needed - view->offset);
    view->size -= dropped;
    view->offset = needed;
    if (view->size > 0)
        memmove(differ->window, differ->window + dropped, view->size);
}

/* Makes room for `wanted` bytes, and for so many that what is kept is seldom moved. */
static bool grow(rd__differ *differ, size_t wanted) {
    const size_t least = differ->view.size < CAPACITY_MIN ? CAPACITY_MIN : 2 * differ->view.size;
    if (differ->view.size > SIZE_MAX / 4 || wanted > SIZE_MAX / 4)
        return false;
    const size_t capacity = least < differ->view.size + wanted ? differ->view.size + wanted : least;
    uint8_t *const window = rd__resize_array(differ->window, capacity, 1);
    if (!window)
        return false;
    differ->window = window;
    differ->view.data = window;
    differ->capacity = capacity;
    return true;
}

uint8_t *rd__differ_room(rd__differ *differ, size_t wanted, size_t *room) {
    if (differ->capacity - differ->view.size < wanted) {
        compact(differ);
        const size_t free_space = differ->capacity - differ->view.size;
        if ((free_space < wanted || free_space < differ->view.size) && !grow(differ, wanted))
            return NULL;
    }
    *room = differ->capacity - differ->view.size;
    return differ->window + differ->view.size;
}

void rd__differ_add(rd__differ *differ, size_t size) {
    differ->view.size += size;
    differ->scanned = false;
}

bool rd__window_allowed(const rd_signature *signature, uint64_t taken, const rd_limits *limits) {
    if (limits->memory == 0 || !signature || signature->sums.count == 0)
        return true;
    const uint64_t sums = signature->sums.count * rd__signature_block_memory(signature);
    return sums <= limits->memory && 2 * rd__min_u64(signature->params.block_len, taken) <= limits->memory - sums;
}

rd_result rd__differ_check(const rd__differ *differ, const rd_limits *limits, rd_error *error) {
    if (rd__window_allowed(differ->scanner.signature, differ->view.offset + differ->view.size, limits))
        return RD_OK;
    return rd__fail(error, RD_E_LIMIT, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                    "the signature and two of its blocks need more memory than is allowed");
}

void rd__differ_end(rd__differ *differ) {
    differ->view.last = true;
    differ->scanned = false;
}

bool rd__differ_next(rd__differ *differ, rd_op *op, const uint8_t **literal) {
    const rd__view *const view = &differ->view;
    rd_op copy;
    for (;;) {
        const bool last = view->last && differ->scanned;
        /* Until the view is scanned, `at` is behind a copy that was added: nothing before it is unknown. */
        if (rd__op_joiner_next(&differ->joiner, differ->scanner.at, last, op))
            break;
        if (differ->scanned)
            return false;
        if (rd__scanner_next(&differ->scanner, view, UINT64_MAX, &copy))
            rd__op_joiner_add(&differ->joiner, &copy);
        else
            differ->scanned = true;
        differ->stats->false_matches = differ->scanner.false_matches;
    }
    rd__count_op(differ->stats, op, rd__delta_op_size(op));
    if (op->kind == RD_LITERAL)
        *literal = view->data + (op->target_offset - view->offset);
    return true;
}
