/*
 * See pipeline.h. The slots are a ring: finished <= claimed <= fetched, each a count of segments, and segment i is in
 * slot i mod slot_count. Workers claim segments; the calling thread fetches, finishes, and claims when it has nothing
 * better to do. One mutex, the pool's, guards the counts; it is never held while any of the three functions runs.
 */
#define _GNU_SOURCE
#include "base/pipeline.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* One run of a pipeline. The pool's mutex guards all but `finished`, which is the calling thread's own. */
typedef struct pipeline_run {
    const rd__pipeline *pipeline;
    uint64_t fetched;
    uint64_t claimed;
    uint64_t finished;
    bool *done;                 /* of each slot: it was worked on */
    unsigned workers;           /* that are at work in this run */
    unsigned workers_max;       /* that may be, in this run and those around it */
    struct pipeline_run *outer; /* of the same owner, which started this one in it, or NULL */
} pipeline_run;

typedef struct rd__pool_state {
    pthread_mutex_t mutex;
    pthread_cond_t work_ready; /* a segment was fetched, or all is over */
    pthread_cond_t work_done;  /* a segment was worked on */
    pipeline_run *run;         /* the innermost run under way, or NULL */
    bool over;                 /* the workers shall return */
    unsigned worker_count;
    unsigned worker_limit; /* that can be had, as far as this run knows */
    pthread_t workers[RD__THREADS_MAX];
} pool_state;

/* ---- The pool ---------------------------------------------------------------------------------------------------- */

static pool_state *pool_start(void) {
    pool_state *const pool = rd__alloc_zeroed(1, sizeof *pool);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work_ready, NULL);
    pthread_cond_init(&pool->work_done, NULL);
    return pool;
}

void rd__pool_free(rd__pool *pool) {
    pool_state *const state = pool->state;
    if (!state)
        return;
    assert(!state->run);
    pthread_mutex_lock(&state->mutex);
    state->over = true;
    pthread_cond_broadcast(&state->work_ready);
    pthread_mutex_unlock(&state->mutex);
    for (unsigned i = 0; i < state->worker_count; i++)
        pthread_join(state->workers[i], NULL);
    pthread_cond_destroy(&state->work_done);
    pthread_cond_destroy(&state->work_ready);
    pthread_mutex_destroy(&state->mutex);
    free(state);
    pool->state = NULL;
}

/* Its threads still wait at its conditions, as far as the child knows, so these cannot be destroyed. */
void rd__pool_forget(rd__pool *pool) {
    free(pool->state);
    pool->state = NULL;
}

/* Claims a segment and works on it. The mutex is held before and after, not in between. */
static void pipeline_work_on_one(pool_state *pool, pipeline_run *run) {
    const rd__pipeline *const p = run->pipeline;
    assert(run->claimed < run->fetched);
    const size_t slot = (size_t)(run->claimed++ % p->slot_count);
    pthread_mutex_unlock(&pool->mutex);
    p->work(p->context, p->slots[slot]);
    pthread_mutex_lock(&pool->mutex);
    run->done[slot] = true;
    pthread_cond_signal(&pool->work_done);
}

/* May one more work in this run? */
static bool pipeline_has_room(const pipeline_run *run) {
    unsigned workers = 0;
    for (const pipeline_run *r = run; r; r = r->outer)
        workers += r->workers;
    return workers < run->workers_max;
}

/* The run whose segment a worker takes next, or NULL: the innermost is what its caller waits for. */
static pipeline_run *pool_next_run(const pool_state *pool) {
    pipeline_run *run = pool->run;
    if (run && !pipeline_has_room(run))
        return NULL;
    while (run && run->claimed == run->fetched)
        run = run->outer;
    return run && run->workers < run->workers_max ? run : NULL;
}

static void *pool_worker_main(void *argument) {
    pool_state *const pool = argument;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->over) {
        pipeline_run *const run = pool_next_run(pool);
        if (run) {
            run->workers++;
            pipeline_work_on_one(pool, run);
            run->workers--;
        } else {
            pthread_cond_wait(&pool->work_ready, &pool->mutex);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Starts one more worker. It takes no signals: they are for the calling thread, which does what can block. */
static void pool_start_worker(pool_state *pool) {
#if defined(_WIN32) /* it has no signals */
    const bool started = pthread_create(&pool->workers[pool->worker_count], NULL, pool_worker_main, pool) == 0;
#else
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&pool->workers[pool->worker_count], NULL, pool_worker_main, pool) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
#endif
    if (started)
        pool->worker_count++;
    else
        pool->worker_limit = pool->worker_count;
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

/*
 * Offers a fetched segment to the workers. A segment with no other before it that is unfinished is the calling thread's
 * own: to wake another for it would cost more than it saves. Workers at work look for the next one themselves. If a
 * second segment waits, one more worker is started.
 */
static void pipeline_offer(pool_state *pool, pipeline_run *run) {
    pthread_mutex_lock(&pool->mutex);
    run->done[run->fetched % run->pipeline->slot_count] = false;
    run->fetched++;
    const bool more = run->fetched - run->claimed > 1;
    if (run->fetched - run->finished > 1 && pipeline_has_room(run))
        pthread_cond_signal(&pool->work_ready);
    pthread_mutex_unlock(&pool->mutex);
    if (more && pool->worker_count < run->workers_max && pool->worker_count < pool->worker_limit)
        pool_start_worker(pool);
}

static rd_result pipeline_run_segments(pool_state *pool, pipeline_run *run) {
    const rd__pipeline *const p = run->pipeline;
    bool more = true;
    for (;;) {
        while (more && run->fetched - run->finished < p->slot_count) {
            more = p->fetch(p->context, p->slots[run->fetched % p->slot_count]);
            if (more)
                pipeline_offer(pool, run);
        }
        if (run->finished == run->fetched)
            return RD_OK;

        /* Work, or wait, until the oldest segment is done. */
        const size_t oldest = (size_t)(run->finished % p->slot_count);
        pthread_mutex_lock(&pool->mutex);
        while (!run->done[oldest]) {
            if (run->claimed < run->fetched)
                pipeline_work_on_one(pool, run);
            else
                pthread_cond_wait(&pool->work_done, &pool->mutex);
        }
        pthread_mutex_unlock(&pool->mutex);

        const rd_result result = p->finish(p->context, p->slots[oldest]);
        if (result != RD_OK)
            return result;
        run->finished++;
    }
}

/* Does the pool lend its threads to a run of this owner? */
static bool pool_lends(pool_state *pool, const void *owner) {
    pthread_mutex_lock(&pool->mutex);
    const bool lends = !pool->run || (owner && pool->run->pipeline->owner == owner);
    pthread_mutex_unlock(&pool->mutex);
    return lends;
}

static void pool_set_run(pool_state *pool, pipeline_run *run) {
    pthread_mutex_lock(&pool->mutex);
    run->outer = pool->run;
    pool->run = run;
    pool->worker_limit = RD__THREADS_MAX;
    pthread_mutex_unlock(&pool->mutex);
}

/* Takes the run from the workers, and waits for those that are still at work in it. */
static void pool_end_run(pool_state *pool, pipeline_run *run) {
    pthread_mutex_lock(&pool->mutex);
    run->claimed = run->fetched;
    while (run->workers > 0)
        pthread_cond_wait(&pool->work_done, &pool->mutex);
    pool->run = run->outer;
    pthread_mutex_unlock(&pool->mutex);
}

rd_result rd__pipeline_run(const rd__pipeline *pipeline, rd_error *error) {
    assert(pipeline->threads >= 1 && pipeline->slot_count >= 1);
    const unsigned threads = pipeline->threads < RD__THREADS_MAX ? pipeline->threads : RD__THREADS_MAX;
    pipeline_run run = {.pipeline = pipeline, .workers_max = threads - 1};
    rd__pool own = {0};
    rd__pool *const pool =
        pipeline->pool && (!pipeline->pool->state || pool_lends(pipeline->pool->state, pipeline->owner))
            ? pipeline->pool
            : &own;
    if (pool == &own && pipeline->pool) /* the pool's threads are at work elsewhere */
        run.workers_max = 0;
    if (!pool->state)
        pool->state = pool_start();
    run.done = rd__alloc_zeroed(pipeline->slot_count, sizeof *run.done);
    rd_result result = RD_OK;
    if (pool->state && run.done) {
        pool_set_run(pool->state, &run);
        result = pipeline_run_segments(pool->state, &run);
        pool_end_run(pool->state, &run);
    } else {
        result = rd__fail_memory(error);
    }
    free(run.done);
    rd__pool_free(&own);
    return result;
}

unsigned rd__processor_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
#endif
#if defined(_WIN32)
    const long online = pthread_num_processors_np();
#else
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return online > 0 ? (unsigned)online : 1;
}
