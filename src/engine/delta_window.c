/* See delta_window.h. */
#include "engine/delta_window.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_MIN = 64 * 1024,
    PROMPT_LITERAL_MAX = 32 * 1024 /* librsync's */
};

void rd__delta_window_init(rd__delta_window *window, const rd_signature *signature, const rd__kernels *kernels) {
    *window = (rd__delta_window){.scanned = true};
    rd__scanner_init(&window->scanner, signature, kernels);
}

/* Are there blocks to find? */
static bool delta_window_searches(const rd__delta_window *window) {
    return window->scanner.signature && window->scanner.signature->sums.count > 0;
}

void rd__delta_window_set_prompt(rd__delta_window *window) {
    window->prompt = true;
    if (delta_window_searches(window))
        window->joiner.literal_max = PROMPT_LITERAL_MAX;
}

void rd__delta_window_free(rd__delta_window *window) {
    free(window->data);
    window->data = NULL;
}

uint8_t *rd__delta_window_room(rd__delta_window *window, size_t wanted, size_t *room) {
    rd__view *const view = &window->view;
    assert(!view->last);
    if (window->capacity - view->size >= wanted) {
        *room = window->capacity - view->size;
        return window->data + view->size;
    }

    /* Drop what no literal can need any more from the front. The scanner is never before that. */
    const uint64_t needed = rd__op_joiner_needs(&window->joiner);
    const size_t dropped = (size_t)(needed - view->offset);
    view->size -= dropped;
    view->offset = needed;
    if (view->size > 0)
        memmove(window->data, window->data + dropped, view->size);

    /* Grow by so much that what is kept is seldom moved. */
    const size_t left = window->capacity - view->size;
    if (left < wanted || left < view->size) {
        if (view->size > SIZE_MAX / 4 || wanted > SIZE_MAX / 4)
            return NULL;
        const size_t least = view->size < CAPACITY_MIN ? CAPACITY_MIN : 2 * view->size;
        const size_t capacity = least < view->size + wanted ? view->size + wanted : least;
        uint8_t *const data = rd__resize_array(window->data, capacity, 1);
        if (!data)
            return NULL;
        window->data = data;
        view->data = data;
        window->capacity = capacity;
    }
    *room = window->capacity - view->size;
    return window->data + view->size;
}

void rd__delta_window_add(rd__delta_window *window, size_t size) {
    assert(size <= window->capacity - window->view.size);
    window->view.size += size;
    window->scanned = false;
}

bool rd__delta_window_allowed(const rd_signature *signature, uint64_t taken, const rd_limits *limits) {
    if (limits->memory == 0 || !signature || signature->sums.count == 0)
        return true;
    const uint64_t sums = signature->sums.count * rd__signature_block_memory(signature);
    return sums <= limits->memory && 2 * rd__min_u64(signature->params.block_len, taken) <= limits->memory - sums;
}

rd_result rd__delta_window_check(const rd__delta_window *window, const rd_limits *limits, rd_error *error) {
    if (rd__delta_window_allowed(window->scanner.signature, window->view.offset + window->view.size, limits))
        return RD_OK;
    return rd__fail(error, RD_E_LIMIT, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                    "the signature and two of its blocks need more memory than is allowed");
}

void rd__delta_window_end(rd__delta_window *window) {
    window->view.last = true;
    window->scanned = false;
}

/* The part of the view in which blocks are found now. */
static rd__view delta_window_searched(const rd__delta_window *window) {
    rd__view searched = window->view;
    if (window->prompt && delta_window_searches(window) && !searched.last && searched.size > 0)
        searched.size--;
    return searched;
}

bool rd__delta_window_may_wait(rd__delta_window *window) {
    const rd__view searched = delta_window_searched(window);
    assert(!window->scanned && !window->view.last);
    return delta_window_searches(window) && rd__scanner_expects(&window->scanner, &searched);
}

bool rd__delta_window_pass_zeros(rd__delta_window *window, const rd__zero_block *zeros, uint64_t end) {
    const rd__scanner *const scanner = &window->scanner;
    assert(window->scanned && !window->view.last);
    if (!zeros->exists || end - scanner->at < scanner->signature->params.block_len)
        return false;
    window->zeros = zeros;
    window->zeros_stop = end - scanner->signature->params.block_len + 1;
    window->scanned = false;
    return true;
}

/* The next copy. False: the view, or what is passed, has been scanned. */
static bool delta_window_scan(rd__delta_window *window, const rd__view *searched, rd_op *copy) {
    rd__view *const view = &window->view;
    if (!window->zeros)
        return rd__scanner_next(&window->scanner, searched, UINT64_MAX, copy);
    if (rd__scanner_next_zeros(&window->scanner, window->zeros, window->zeros_stop, copy))
        return true;
    window->zeros = NULL;
    if (window->scanner.at > view->offset + view->size) /* all before it is in copies */
        *view = (rd__view){.data = window->data, .offset = window->scanner.at};
    return false;
}

bool rd__delta_window_next(rd__delta_window *window, rd_op *op, const uint8_t **literal) {
    const rd__view *const view = &window->view;
    const rd__view searched = delta_window_searched(window);
    rd_op copy;
    for (;;) {
        const bool last = window->scanned && (view->last || (window->prompt && !delta_window_searches(window)));
        /* Until the view is scanned, `at` is right after a copy that was added: nothing before it is unknown. */
        if (rd__op_joiner_next(&window->joiner, window->scanner.at, last, op))
            break;
        if (window->scanned)
            return false;
        if (delta_window_scan(window, &searched, &copy))
            rd__op_joiner_add(&window->joiner, &copy);
        else
            window->scanned = true;
    }
    if (op->kind == RD_LITERAL)
        *literal = view->data + (op->target_offset - view->offset);
    return true;
}
