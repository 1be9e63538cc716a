/*
 * Work in parallel on the segments of a stream, with input and output in order.
 *
 * A segment lives in a slot. The calling thread fetches segments into free slots, in order; any thread works on them;
 * the calling thread finishes them, in order again. So whatever talks to the outside (sources, sinks, progress) is
 * called by the calling thread alone, and the result does not depend on how many threads there are.
 *
 * The threads belong to a pool. It starts one whenever a segment has nobody to work on it, so that a short stream
 * starts none, and keeps them until it is freed. Where no more threads can be had, those that there are do the work.
 */
#ifndef RD_BASE_PIPELINE_H
#define RD_BASE_PIPELINE_H

#include "redelta.h"

#include <pthread.h>

/* At most so many work in one run, including the calling thread. */
enum { RD__THREADS_MAX = 256 };

/* Threads that wait for work. All zero: none yet. For one calling thread at a time. */
typedef struct rd__pool {
    struct rd__pool_state *state; /* NULL until the first run */
} rd__pool;

/* Ends and joins the threads. No run may be under way. The pool is then as at the start. */
void rd__pool_free(rd__pool *pool);
/* Like rd__pool_free, in a child process of fork: the threads, which only the parent has, are forgotten. */
void rd__pool_forget(rd__pool *pool);

typedef struct rd__pipeline {
    /* Fills a slot with the next segment. False: there is none. */
    bool (*fetch)(void *context, void *slot);
    /* Does what can be done without the segments before. Notes failures in the slot. */
    void (*work)(const void *context, void *slot);
    /* Does the rest. RD_OK: continue. Any other result ends the run, and is the run's result. */
    rd_result (*finish)(void *context, void *slot);
    void *context;
    void *const *slots;
    size_t slot_count; /* at least 1 */
    unsigned threads;  /* in all, including the calling one; at least 1 */
    rd__pool *pool;    /* NULL: threads of this run alone */
    const void *owner; /* the operation that may start a run within a run, or NULL */
} rd__pipeline;

/*
 * Runs until fetch finds no more and all is finished: RD_OK; or until finish gives another result; or RD_E_MEMORY. A
 * pool that has a run under way lends its threads to another one only if both have the same owner, whose calling thread
 * starts the second in a function of the first: the threads then work in the second, and in the first while there is
 * nothing to do, `threads` in all. Else, as when a callback starts another operation, the calling thread works alone.
 */
rd_result rd__pipeline_run(const rd__pipeline *pipeline, rd_error *error);

/* The number of processors that this process may use. */
unsigned rd__processor_count(void);

#endif
