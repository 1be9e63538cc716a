/*
 * Work in parallel on pieces of a stream, with input and output in order.
 *
 * A piece lives in a slot. The calling thread fetches pieces into free slots, in order; any thread works on them; the
 * calling thread finishes them, in order again. So whatever talks to the outside (sources, sinks, progress) is called
 * by the calling thread only, and the result does not depend on how many threads there are.
 *
 * Threads are started as pieces come up for them, so that a short stream starts none. Where no more can be had, the
 * work is done by those that there are.
 */
#ifndef RD_BASE_PIPELINE_H
#define RD_BASE_PIPELINE_H

#include "redelta.h"

typedef struct rd__pipeline {
    /* Fills a slot with the next piece. False: there is none. */
    bool (*fetch)(void *context, void *slot);
    /* Does what can be done without the pieces before. Failures are noted in the slot. */
    void (*work)(const void *context, void *slot);
    /* Does the rest. RD_OK: go on. Anything else ends the run, and is its result. */
    rd_result (*finish)(void *context, void *slot);
    void *context;
    void *const *slots;
    size_t slot_count;
    unsigned threads; /* in all, the calling one included; at least 1 */
} rd__pipeline;

/* Runs until fetch finds no more and all is finished: RD_OK; or until finish gives another result; or RD_E_MEMORY. */
rd_result rd__pipeline_run(const rd__pipeline *pipeline, rd_error *error);

/* The number of processors that this process may use. */
unsigned rd__processor_count(void);

#endif
