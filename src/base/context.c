/* See context.h. */
#include "base/context.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

/* Larger buffers are rare, and go back to the system. */
enum { KEPT_BUFFER_MAX = 16 * 1024 * 1024 };

rd_result rd_context_new(rd_context **context) {
    *context = rd__alloc_zeroed(1, sizeof **context);
    if (!*context)
        return RD_E_MEMORY;
    (*context)->keeps = true;
    return RD_OK;
}

void rd_context_free(rd_context *context) {
    if (!context)
        return;
    rd__context_release(context);
    free(context);
}

void rd__context_release(rd_context *context) {
    rd__pool_free(&context->pool);
    while (context->buffer_count > 0)
        rd__free_buffer(context->buffers[--context->buffer_count]);
    for (size_t kind = 0; kind < RD__KEPT_KINDS; kind++) {
        if (context->states[kind])
            context->free_state[kind](context->states[kind]);
        context->states[kind] = NULL;
    }
}

void *rd__context_take(rd_context *context, uint64_t count, size_t size) {
    /* Buffers that fit, and are not more than twice as large: the one given back last is likeliest in cache. */
    for (size_t i = context->buffer_count; i-- > 0;) {
        if (count <= context->sizes[i] / size && context->sizes[i] / 2 <= count * size) {
            void *const found = context->buffers[i];
            context->buffer_count--;
            context->buffers[i] = context->buffers[context->buffer_count];
            context->sizes[i] = context->sizes[context->buffer_count];
            return found;
        }
    }
    return rd__alloc_buffer(count, size);
}

void rd__context_give(rd_context *context, void *memory, uint64_t count, size_t size) {
    if (!memory)
        return;
    if (!context->keeps || context->buffer_count == RD__KEPT_BUFFERS || count > KEPT_BUFFER_MAX / size) {
        rd__free_buffer(memory);
        return;
    }
    context->buffers[context->buffer_count] = memory;
    context->sizes[context->buffer_count++] = (size_t)count * size;
}

void *rd__context_take_state(rd_context *context, rd__kept kind) {
    assert(kind < RD__KEPT_KINDS);
    void *const state = context->states[kind];
    context->states[kind] = NULL;
    return state;
}

void rd__context_give_state(rd_context *context, rd__kept kind, void *state, rd__kept_free_fn *free_state) {
    assert(kind < RD__KEPT_KINDS);
    if (!state)
        return;
    if (!context->keeps || context->states[kind]) {
        free_state(state);
        return;
    }
    context->states[kind] = state;
    context->free_state[kind] = free_state;
}
