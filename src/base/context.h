/*
 * What is worth keeping from one operation to the next: threads, buffers, and states of libraries that are costly to
 * make. Every operation has a context: the caller's, which keeps these, or one of its own, which keeps nothing.
 *
 * For one thread at a time: the worker threads of an operation never touch it.
 */
#ifndef RD_BASE_CONTEXT_H
#define RD_BASE_CONTEXT_H

#include "base/pipeline.h"

/* What other rooms may leave here, one of each kind. */
typedef enum rd__kept { RD__KEPT_COMPRESSOR, RD__KEPT_DECOMPRESSOR, RD__KEPT_KINDS } rd__kept;

typedef void rd__kept_free_fn(void *state);

enum { RD__KEPT_BUFFERS = 32 };

struct rd_context {
    rd__pool pool;
    bool keeps;                      /* it is a caller's */
    int64_t process;                 /* if it keeps: the process that its threads belong to */
    void *buffers[RD__KEPT_BUFFERS]; /* that nobody uses now, in the order in which they were given back */
    size_t buffer_count;
    uint64_t buffer_bytes;
    void *states[RD__KEPT_KINDS];
    rd__kept_free_fn *free_state[RD__KEPT_KINDS];
};

/*
 * Before a caller's context is used: in a child process of fork, forgets the threads of the parent, and what has some.
 */
void rd__context_enter(rd_context *context);

/* Frees all that the context holds, but not the context. */
void rd__context_release(rd_context *context);

/*
 * A buffer (memory.h) of `count` elements of `size` bytes, uninitialised, or NULL. It is given back by
 * rd__context_give: a context that keeps buffers has it ready for the next request of about that size.
 */
void *rd__context_take(rd_context *context, uint64_t count, size_t size);
/* NULL is allowed. */
void rd__context_give(rd_context *context, void *buffer);

/* The state of this kind that was left here, for the caller to own, or NULL. */
void *rd__context_take_state(rd_context *context, rd__kept kind);
/*
 * Leaves a state of `size` bytes here; it is freed by `free_state`, at once if the context does not keep, or has one
 * already, or if it is large. NULL is allowed.
 */
void rd__context_give_state(rd_context *context, rd__kept kind, void *state, size_t size, rd__kept_free_fn *free_state);

#endif
