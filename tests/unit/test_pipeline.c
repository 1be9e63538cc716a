/*
 * The pipeline against its promise: whatever the number of threads, of slots and of segments, the calling thread
 * fetches and finishes all segments in order, each is worked on once in between, and the result is that of a plain
 * loop.
 *
 * The three functions only record what they see, because a failing check must not leave a run while workers use its
 * memory; the checks come after it. Segments differ widely in their work, so that they are done out of order. The
 * linker redirects the pipeline's calls of pthread_create here (--wrap): threads are counted, and some cannot be
 * created.
 */
#define _GNU_SOURCE
#include "support.h"

#include "base/pipeline.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

static const unsigned thread_counts[] = {1, 2, 3, 7, 64, UINT_MAX};

/* ---- Threads that are counted, or cannot be had ------------------------------------------------------------------ */

typedef void *thread_main(void *argument);

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *start, void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *start, void *argument);

typedef struct thread_start {
    thread_main *start;
    void *argument;
} thread_start;

static struct {
    unsigned asked;      /* calls of pthread_create, which only the calling thread makes */
    unsigned most;       /* so many of them succeed */
    atomic_uint running; /* started and not yet returned */
} workers;

static void *counted_main(void *given) {
    const thread_start it = *(thread_start *)given;
    free(given);
    void *const result = it.start(it.argument);
    atomic_fetch_sub(&workers.running, 1);
    return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *start, void *argument) {
    if (workers.asked++ >= workers.most)
        return EAGAIN;
    thread_start *const given = malloc(sizeof *given);
    if (!given)
        return EAGAIN;
    *given = (thread_start){.start = start, .argument = argument};
    atomic_fetch_add(&workers.running, 1);
    return __real_pthread_create(thread, attributes, counted_main, given);
}

/* ---- A run that is watched --------------------------------------------------------------------------------------- */

typedef struct piece {
    uint64_t number;
    uint64_t result;
    unsigned times;   /* it was worked on since it was fetched */
    bool in_use;      /* fetched, not finished */
    bool by_caller;   /* the calling thread worked on it */
    bool undisturbed; /* signals were blocked in the thread that did */
} piece;

typedef struct trial {
    /* What is asked for: */
    unsigned threads;
    size_t slot_count;
    uint64_t pieces;
    uint64_t fails_at;          /* finish fails at this segment ... */
    rd_result failure;          /* ... with this result */
    pthread_barrier_t *barrier; /* if not NULL: each work waits there */
    rd__pool *pool;             /* or NULL */
    const void *owner;          /* or NULL */
    struct trial *inner;        /* if not NULL: is run, as it is here, by each finish */
    /* What came of it: */
    rd_result result;
    pthread_t caller;
    uint64_t fetched;
    uint64_t finished;
    uint64_t ends;   /* times that fetch found nothing */
    uint64_t digest; /* of all results in the order in which they were finished */
    uint64_t by_workers;
    uint64_t by_workers_inside; /* in inner runs */
    uint64_t disturbed;         /* segments that a worker did with signals not blocked */
    const char *fault;          /* the first thing that must not happen */
} trial;

/* The number of threads that are in `work`, and the most there were at once. */
static struct {
    atomic_uint now;
    atomic_uint most;
} working;

static void expect(trial *t, bool condition, const char *fault) {
    if (!condition && !t->fault)
        t->fault = fault;
}

/* Some segments take a thousand times as long as others. */
static uint64_t result_of(uint64_t number) {
    random_source r = random_from(number);
    const size_t rounds = random_below(&r, 4) == 0 ? 20000 : 20;
    uint64_t result = 0;
    for (size_t i = 0; i < rounds; i++)
        result ^= random_u64(&r);
    return result;
}

static uint64_t digest_with(uint64_t digest, uint64_t result) {
    random_source r = random_from(digest ^ result);
    return random_u64(&r);
}

static bool fetch(void *context, void *slot) {
    trial *const t = context;
    piece *const p = slot;
    expect(t, pthread_equal(pthread_self(), t->caller), "fetch on another thread");
    expect(t, !p->in_use, "fetch into a slot in use");
    expect(t, t->ends == 0, "fetch after the end");
    expect(t, t->fetched - t->finished < t->slot_count, "more pieces than slots");
    if (t->fetched == t->pieces) {
        t->ends++;
        return false;
    }
    *p = (piece){.number = t->fetched++, .in_use = true};
    return true;
}

static bool signals_are_blocked(void) {
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGCHLD, SIGWINCH};
    sigset_t blocked;
    bool all = pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0;
    for (size_t i = 0; i < ITEMS(numbers); i++)
        all = all && sigismember(&blocked, numbers[i]) == 1;
    return all;
}

static void work(const void *context, void *slot) {
    const trial *const t = context;
    piece *const p = slot;
    const unsigned now = atomic_fetch_add(&working.now, 1) + 1;
    unsigned most = atomic_load(&working.most);
    while (most < now && !atomic_compare_exchange_weak(&working.most, &most, now)) {
    }
    p->times++;
    p->by_caller = pthread_equal(pthread_self(), t->caller);
    p->undisturbed = signals_are_blocked();
    p->result = result_of(p->number);
    if (t->barrier)
        (void)pthread_barrier_wait(t->barrier);
    atomic_fetch_sub(&working.now, 1);
}

static void run(trial *t);

static rd_result finish(void *context, void *slot) {
    trial *const t = context;
    piece *const p = slot;
    expect(t, pthread_equal(pthread_self(), t->caller), "finish on another thread");
    expect(t, p->in_use, "finish of a slot that is not in use");
    expect(t, p->times == 1, "finish of a piece that was not worked on once");
    expect(t, p->number == t->finished, "finish out of order");
    expect(t, t->result == RD_OK, "finish after a failure");
    p->in_use = false;
    t->finished++;
    t->digest = digest_with(t->digest, p->result);
    t->by_workers += p->by_caller ? 0 : 1;
    t->disturbed += p->by_caller || p->undisturbed ? 0 : 1;
    if (t->inner) {
        trial inner = *t->inner;
        run(&inner);
        expect(t, inner.finished == inner.pieces || inner.result != RD_OK, "an inner run did not end");
        t->by_workers_inside += inner.by_workers;
    }
    t->result = p->number == t->fails_at ? t->failure : RD_OK;
    return t->result;
}

static uint64_t digest_of_a_loop(uint64_t pieces) {
    uint64_t digest = 0;
    for (uint64_t i = 0; i < pieces; i++)
        digest = digest_with(digest, result_of(i));
    return digest;
}

/* Runs it, and checks what must hold for every run. */
static void run(trial *t) {
    const unsigned long long pieces = t->pieces;
    const rd_error untouched = {.result = RD_OK, .reason = "untouched"};
    rd_error error = untouched;
    void **const slots = calloc(t->slot_count, sizeof *slots);
    piece *const room = calloc(t->slot_count, sizeof *room);
    assert_true(slots && room);
    for (size_t i = 0; i < t->slot_count; i++)
        slots[i] = &room[i];
    t->caller = pthread_self();
    workers.asked = 0;
    atomic_store(&working.most, 0);
    const rd__pipeline pipeline = {.fetch = fetch,
                                   .work = work,
                                   .finish = finish,
                                   .context = t,
                                   .slots = slots,
                                   .slot_count = t->slot_count,
                                   .threads = t->threads,
                                   .pool = t->pool,
                                   .owner = t->owner};
    const rd_result result = rd__pipeline_run(&pipeline, &error);
    if (!t->pool)
        check_equal(atomic_load(&workers.running), 0, "threads left");
    if (t->fault)
        fail_msg("%u threads, %zu slots, %llu pieces: %s", t->threads, t->slot_count, pieces, t->fault);
    check_equal(result, t->result, "%u threads, %zu slots, %llu pieces", t->threads, t->slot_count, pieces);
    check_true(atomic_load(&working.most) <= t->threads, "%u threads", t->threads);
    check_true(workers.asked < t->threads, "%u threads", t->threads);
    check_true(workers.asked <= workers.most + 1, "no thread is asked for after one that could not be had");
    check_true(error.result == untouched.result && error.reason == untouched.reason, "error is left alone");
    check_equal(t->digest, digest_of_a_loop(t->finished), "%u threads, %llu pieces", t->threads, pieces);
    free(room);
    free(slots);
}

static void run_to_the_end(unsigned threads, size_t slot_count, uint64_t pieces) {
    trial t = {.threads = threads, .slot_count = slot_count, .pieces = pieces, .fails_at = UINT64_MAX};
    run(&t);
    check_equal(t.result, RD_OK, "%u threads, %zu slots", threads, slot_count);
    check_equal(t.fetched, pieces, "%u threads, %zu slots", threads, slot_count);
    check_equal(t.finished, pieces, "%u threads, %zu slots", threads, slot_count);
    check_equal(t.ends, 1, "%u threads, %zu slots", threads, slot_count);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static int all_threads_can_be_had(void **state) {
    (void)state;
    workers.most = UINT_MAX - 1;
    return 0;
}

static void pieces_come_out_in_order_for_any_number_of_threads(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(thread_counts); i++) {
        run_to_the_end(thread_counts[i], 1, 50);
        run_to_the_end(thread_counts[i], 2, 100);
        run_to_the_end(thread_counts[i], 5, 300);
        run_to_the_end(thread_counts[i], 128, 700);
    }
}

static void few_pieces_leave_slots_and_threads_unused(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(thread_counts); i++) {
        for (uint64_t pieces = 1; pieces < 12; pieces++) {
            run_to_the_end(thread_counts[i], 12, pieces);
            check_true(workers.asked < pieces, "%u threads, %d pieces", thread_counts[i], (int)pieces);
        }
    }
}

static void no_pieces_are_no_work(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(thread_counts); i++) {
        run_to_the_end(thread_counts[i], 4, 0);
        check_equal(atomic_load(&working.most), 0, "%u threads", thread_counts[i]);
        check_equal(workers.asked, 0, "%u threads", thread_counts[i]);
    }
}

/* No thread gets past the barrier before all of them are in `work`: with fewer, this would never end. */
static void all_threads_work_at_once(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads++) {
        pthread_barrier_t barrier;
        assert_int_equal(pthread_barrier_init(&barrier, NULL, threads), 0);
        trial t = {.threads = threads, .slot_count = 2 * (size_t)threads, .pieces = 20 * (uint64_t)threads};
        t.fails_at = UINT64_MAX;
        t.barrier = &barrier;
        run(&t);
        assert_int_equal(pthread_barrier_destroy(&barrier), 0);
        check_equal(t.finished, t.pieces, "%u threads", threads);
        check_equal(workers.asked, threads - 1, "%u threads", threads);
        check_equal(atomic_load(&working.most), threads, "%u threads", threads);
        check_equal(t.by_workers == 0, threads == 1, "%u threads", threads);
        check_equal(t.disturbed, 0, "workers take no signals, %u threads", threads);
        check_true(!signals_are_blocked(), "the calling thread takes signals as before, %u threads", threads);
    }
}

static void failure_of_finish_ends_the_run(void **state) {
    (void)state;
    static const rd_result failures[] = {RD_E_IO, RD_E_CANCELLED, RD_E_MEMORY, RD_MORE};
    static const uint64_t places[] = {0, 1, 2, 5, 6, 30, 99};
    for (size_t i = 0; i < ITEMS(thread_counts) * ITEMS(failures) * ITEMS(places); i++) {
        trial t = {.threads = thread_counts[i % ITEMS(thread_counts)], .slot_count = 6, .pieces = 100};
        t.failure = failures[i / ITEMS(thread_counts) % ITEMS(failures)];
        t.fails_at = places[i / ITEMS(thread_counts) / ITEMS(failures)];
        run(&t);
        check_equal(t.result, t.failure, "%u threads", t.threads);
        check_equal(t.finished, t.fails_at + 1, "%u threads", t.threads);
        check_true(t.fetched <= t.finished + t.slot_count, "%u threads", t.threads);
    }
}

static void threads_that_cannot_be_had_are_done_without(void **state) {
    (void)state;
    for (workers.most = 0; workers.most < 5; workers.most++) {
        for (size_t i = 0; i < ITEMS(thread_counts); i++) {
            run_to_the_end(thread_counts[i], 16, 200);
            check_true(atomic_load(&working.most) <= workers.most + 1, "%u threads", thread_counts[i]);
        }
    }
}

/* What cannot be had now may be had later. */
static void a_pool_asks_again_for_threads_in_each_run(void **state) {
    (void)state;
    rd__pool pool = {0};
    for (unsigned most = 0; most < 4; most++) {
        trial t = {.threads = 4, .slot_count = 16, .pieces = 200, .fails_at = UINT64_MAX, .pool = &pool};
        workers.most = most > 0 ? 1 : 0; /* more in each run */
        run(&t);
        check_equal(atomic_load(&workers.running), most, "%u runs before", most);
    }
    rd__pool_free(&pool);
    check_equal(atomic_load(&workers.running), 0, "threads left");
}

/* A run of fewer threads than a pool has. */
static void a_pool_lends_as_many_threads_as_are_allowed(void **state) {
    (void)state;
    rd__pool pool = {0};
    for (unsigned threads = 8; threads > 0; threads--) {
        trial t = {.threads = threads, .slot_count = 16, .pieces = 300, .fails_at = UINT64_MAX, .pool = &pool};
        run(&t);
        check_equal(workers.asked, threads == 8 ? 7 : 0, "%u threads", threads);
        check_true(threads > 1 || t.by_workers == 0, "%u threads", threads);
    }
    rd__pool_free(&pool);
    check_equal(atomic_load(&workers.running), 0, "threads left");
}

/* No more threads than are allowed work in both runs together (see run), and all of them in the inner one. */
static void a_run_within_a_run_of_its_owner_has_the_threads(void **state) {
    (void)state;
    const int owner = 0;
    for (unsigned threads = 1; threads <= 6; threads++) {
        rd__pool pool = {0};
        pthread_barrier_t barrier;
        assert_int_equal(pthread_barrier_init(&barrier, NULL, threads), 0);
        trial inner = {.threads = threads, .slot_count = 2 * (size_t)threads, .pieces = 4 * (uint64_t)threads};
        inner.fails_at = UINT64_MAX;
        inner.barrier = &barrier;
        inner.pool = &pool;
        inner.owner = &owner;
        trial t = {.threads = threads, .slot_count = 16, .pieces = 60, .fails_at = UINT64_MAX, .pool = &pool};
        t.owner = &owner;
        t.inner = &inner;
        run(&t);
        check_equal(t.finished, t.pieces, "%u threads", threads);
        check_equal(t.by_workers_inside >= t.pieces * (threads - 1), true, "%u threads", threads);
        rd__pool_free(&pool);
        assert_int_equal(pthread_barrier_destroy(&barrier), 0);
    }
}

/* A failure inside ends the run inside alone. */
static void a_run_within_a_run_may_fail(void **state) {
    (void)state;
    const int owner = 0;
    rd__pool pool = {0};
    trial inner = {.threads = 4, .slot_count = 6, .pieces = 50, .fails_at = 7, .failure = RD_E_IO, .pool = &pool};
    inner.owner = &owner;
    trial t = {.threads = 4, .slot_count = 16, .pieces = 60, .fails_at = UINT64_MAX, .pool = &pool, .owner = &owner};
    t.inner = &inner;
    run(&t);
    check_equal(t.finished, t.pieces, "the run around it");
    rd__pool_free(&pool);
}

/* Another owner's run, or one of nobody, does its work alone. */
static void a_run_within_a_run_of_another_is_alone(void **state) {
    (void)state;
    const int owners[2] = {0};
    const void *const others[] = {&owners[1], NULL};
    for (size_t i = 0; i < ITEMS(others); i++) {
        rd__pool pool = {0};
        trial inner = {.threads = 4, .slot_count = 8, .pieces = 50, .fails_at = UINT64_MAX, .pool = &pool};
        inner.owner = others[i];
        trial t = {.threads = 4, .slot_count = 16, .pieces = 60, .fails_at = UINT64_MAX, .pool = &pool};
        t.owner = i == 0 ? &owners[0] : NULL;
        t.inner = &inner;
        run(&t);
        check_equal(t.finished, t.pieces, "owner %zu", i);
        check_equal(t.by_workers_inside, 0, "owner %zu", i);
        rd__pool_free(&pool);
    }
}

static void processors_are_those_that_the_process_may_use(void **state) {
    (void)state;
    cpu_set_t before;
    cpu_set_t one;
    size_t first = 0;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(rd__processor_count(), CPU_COUNT(&before));
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    const unsigned count = rd__processor_count();
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_come_out_in_order_for_any_number_of_threads, all_threads_can_be_had),
        cmocka_unit_test_setup(few_pieces_leave_slots_and_threads_unused, all_threads_can_be_had),
        cmocka_unit_test_setup(no_pieces_are_no_work, all_threads_can_be_had),
        cmocka_unit_test_setup(all_threads_work_at_once, all_threads_can_be_had),
        cmocka_unit_test_setup(failure_of_finish_ends_the_run, all_threads_can_be_had),
        cmocka_unit_test(threads_that_cannot_be_had_are_done_without),
        cmocka_unit_test(a_pool_asks_again_for_threads_in_each_run),
        cmocka_unit_test_setup(a_pool_lends_as_many_threads_as_are_allowed, all_threads_can_be_had),
        cmocka_unit_test_setup(a_run_within_a_run_of_its_owner_has_the_threads, all_threads_can_be_had),
        cmocka_unit_test_setup(a_run_within_a_run_may_fail, all_threads_can_be_had),
        cmocka_unit_test_setup(a_run_within_a_run_of_another_is_alone, all_threads_can_be_had),
        cmocka_unit_test(processors_are_those_that_the_process_may_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
