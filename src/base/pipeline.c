/*
 * See pipeline.h. The slots are a ring: finished <= claimed <= fetched, each a count of pieces, and piece i is in slot
 * i mod slot_count. Workers claim pieces; the calling thread fetches, finishes, and claims when it has nothing better
 * to do. One mutex guards the counts; it is never held while any of the three functions runs.
 */
#define _GNU_SOURCE
#include "base/pipeline.h"

#include "base/memory.h"
#include "base/result.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 256 };

typedef struct run {
    const rd__pipeline *pipeline;
    pthread_mutex_t mutex;
    pthread_cond_t work_ready; /* a piece was fetched, or all is over */
    pthread_cond_t work_done;  /* a piece was worked on */
    uint64_t fetched;
    uint64_t claimed;
    uint64_t finished;
    bool over;  /* workers may go */
    bool *done; /* of each slot: it was worked on */
    pthread_t *workers;
    unsigned worker_count;
    unsigned worker_most;
} run;

static void *slot_of(const run *r, uint64_t piece) {
    return r->pipeline->slots[piece % r->pipeline->slot_count];
}

/* Claims a piece and works on it. The mutex is held before and after, not between. */
static void work_on_one(run *r) {
    const uint64_t piece = r->claimed++;
    pthread_mutex_unlock(&r->mutex);
    r->pipeline->work(r->pipeline->context, slot_of(r, piece));
    pthread_mutex_lock(&r->mutex);
    r->done[piece % r->pipeline->slot_count] = true;
    pthread_cond_signal(&r->work_done);
}

static void *worker_main(void *argument) {
    run *const r = argument;
    pthread_mutex_lock(&r->mutex);
    while (!r->over) {
        if (r->claimed < r->fetched)
            work_on_one(r);
        else
            pthread_cond_wait(&r->work_ready, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

/* Starts a worker that takes no signals: they are for the calling thread, which does what can block. */
static bool start_worker(run *r) {
#if defined(_WIN32) /* it has none */
    return pthread_create(&r->workers[r->worker_count], NULL, worker_main, r) == 0;
#else
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&r->workers[r->worker_count], NULL, worker_main, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
#endif
}

/* Offers a fetched piece to the workers, and starts one more if that leaves the calling thread with a second piece. */
static void offer(run *r) {
    pthread_mutex_lock(&r->mutex);
    r->done[r->fetched % r->pipeline->slot_count] = false;
    r->fetched++;
    const bool start = r->fetched - r->claimed > 1 && r->worker_count < r->worker_most;
    pthread_cond_signal(&r->work_ready);
    pthread_mutex_unlock(&r->mutex);
    if (!start)
        return;
    if (start_worker(r))
        r->worker_count++;
    else
        r->worker_most = r->worker_count;
}

/* Works or waits until the oldest piece is done. */
static void help(run *r) {
    pthread_mutex_lock(&r->mutex);
    while (!r->done[r->finished % r->pipeline->slot_count]) {
        if (r->claimed < r->fetched)
            work_on_one(r);
        else
            pthread_cond_wait(&r->work_done, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
}

static rd_result run_pieces(run *r) {
    const rd__pipeline *const p = r->pipeline;
    bool more = true;
    for (;;) {
        while (more && r->fetched - r->finished < p->slot_count) {
            more = p->fetch(p->context, slot_of(r, r->fetched));
            if (more)
                offer(r);
        }
        if (r->finished == r->fetched)
            return RD_OK;
        help(r);
        const rd_result result = p->finish(p->context, slot_of(r, r->finished));
        if (result != RD_OK)
            return result;
        r->finished++;
    }
}

static void end_workers(run *r) {
    pthread_mutex_lock(&r->mutex);
    r->over = true;
    pthread_cond_broadcast(&r->work_ready);
    pthread_mutex_unlock(&r->mutex);
    for (unsigned i = 0; i < r->worker_count; i++)
        pthread_join(r->workers[i], NULL);
}

rd_result rd__pipeline_run(const rd__pipeline *pipeline, rd_error *error) {
    const unsigned threads = pipeline->threads < THREADS_MAX ? pipeline->threads : THREADS_MAX;
    run r = {.pipeline = pipeline, .worker_most = threads - 1};
    r.done = rd__alloc_zeroed(pipeline->slot_count, sizeof *r.done);
    r.workers = rd__alloc_array(threads, sizeof *r.workers);
    rd_result result = RD_OK;
    if (!r.done || !r.workers) {
        result = rd__fail_memory(error);
    } else {
        pthread_mutex_init(&r.mutex, NULL);
        pthread_cond_init(&r.work_ready, NULL);
        pthread_cond_init(&r.work_done, NULL);
        result = run_pieces(&r);
        end_workers(&r);
        pthread_cond_destroy(&r.work_done);
        pthread_cond_destroy(&r.work_ready);
        pthread_mutex_destroy(&r.mutex);
    }
    free(r.workers);
    free(r.done);
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
