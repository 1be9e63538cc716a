/* See context.h. */
#include "base/context.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In all: enough for the segments of some threads. */
enum { KEPT_BYTES_MAX = 64 * 1024 * 1024 };

/* Of each state: enough for zstd's at the lower levels. At the higher ones, or with a hostile frame's window, it takes
 * hundreds of MiB, which it would keep even if all that follows is small. */
enum { KEPT_STATE_MAX = 64 * 1024 * 1024 };

/* The process that is running. Windows has no fork. */
static int64_t context_process(void) {
#if defined(_WIN32)
    return 0;
#else
    return getpid();
#endif
}

void rd__context_enter(rd_context *context) {
    const int64_t process = context_process();
    if (context->process == process)
        return;
    context->process = process;
    rd__pool_forget(&context->pool);
    context->states[RD__KEPT_COMPRESSOR] = NULL; /* to free it would be to wait for its threads */
}

rd_result rd_context_new(rd_context **context) {
    *context = rd__alloc_zeroed(1, sizeof **context);
    if (!*context)
        return RD_E_MEMORY;
    (*context)->keeps = true;
    (*context)->process = context_process();
    return RD_OK;
}

void rd_context_free(rd_context *context) {
    if (!context)
        return;
    rd__context_enter(context);
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

/* Takes a buffer out of those that are kept. */
static void *context_remove(rd_context *context, size_t at) {
    void *const buffer = context->buffers[at];
    context->buffer_count--;
    context->buffer_bytes -= rd__buffer_size(buffer);
    memmove(&context->buffers[at], &context->buffers[at + 1], (context->buffer_count - at) * sizeof *context->buffers);
    return buffer;
}

void *rd__context_take(rd_context *context, uint64_t count, size_t size) {
    /* One that fits, and is not more than twice as large: the one given back last is likeliest in cache. */
    for (size_t i = context->buffer_count; i-- > 0;) {
        const size_t kept = rd__buffer_size(context->buffers[i]);
        if (count <= kept / size && kept / 2 <= count * size)
            return context_remove(context, i);
    }
    return rd__alloc_buffer(count, size);
}

void rd__context_give(rd_context *context, void *buffer) {
    if (!buffer)
        return;
    if (!context->keeps || rd__buffer_size(buffer) > KEPT_BYTES_MAX) {
        rd__free_buffer(buffer);
        return;
    }
    /* Those given back first make room. */
    while (context->buffer_count == RD__KEPT_BUFFERS ||
           context->buffer_bytes > KEPT_BYTES_MAX - rd__buffer_size(buffer))
        rd__free_buffer(context_remove(context, 0));
    context->buffers[context->buffer_count++] = buffer;
    context->buffer_bytes += rd__buffer_size(buffer);
}

void *rd__context_take_state(rd_context *context, rd__kept kind) {
    assert(kind < RD__KEPT_KINDS);
    void *const state = context->states[kind];
    context->states[kind] = NULL;
    return state;
}

void rd__context_give_state(rd_context *context, rd__kept kind, void *state, size_t size,
                            rd__kept_free_fn *free_state) {
    assert(kind < RD__KEPT_KINDS);
    if (!state)
        return;
    if (!context->keeps || context->states[kind] || size > KEPT_STATE_MAX) {
        free_state(state);
        return;
    }
    context->states[kind] = state;
    context->free_state[kind] = free_state;
}
