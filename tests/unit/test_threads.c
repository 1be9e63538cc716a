/*
 * Several threads of the caller's in the library at once: each with objects of its own, and all with one signature.
 * The first test makes the process's first calls, so that what is found out once is found out by all at the same time.
 * Under ThreadSanitizer this shows what they share.
 */
#include "support.h"

#include <pthread.h>

enum { CALLERS = 4, SIZE = 700000, BLOCK = 1000 };

typedef struct caller {
    pthread_t thread;
    const rd_signature *shared; /* NULL: each makes its own */
    rd_memory basis;
    rd_memory new_file;
    rd_memory delta;
    rd_memory made;
    rd_result result;
} caller;

static rd_options options_of(rd_params params) {
    return (rd_options){OPTIONS, .params = params, .threads = 2};
}

/* All that is done before the delta. */
static rd_result own_signature(const caller *c, rd_signature **signature) {
    rd_memory bytes = {0};
    const rd_source basis = bytes_source(&c->basis);
    const rd_sink sink = rd_sink_memory(&bytes);
    const rd_options options = options_of((rd_params){.block_len = BLOCK});
    rd_result result = rd_signature_make(&basis, &sink, &options);
    const rd_source source = bytes_source(&bytes);
    if (result == RD_OK)
        result = rd_signature_load(signature, &source, &options);
    rd_memory_free(&bytes);
    return result;
}

static rd_result delta_and_patch(caller *c, const rd_signature *signature) {
    const rd_source basis = bytes_source(&c->basis);
    const rd_source new_file = bytes_source(&c->new_file);
    const rd_sink delta_sink = rd_sink_memory(&c->delta);
    const rd_sink made_sink = rd_sink_memory(&c->made);
    const rd_options options = options_of((rd_params){0});
    const rd_result result = rd_delta_make(signature, &new_file, &delta_sink, &options);
    const rd_source delta = bytes_source(&c->delta);
    return result == RD_OK ? rd_patch_apply(&basis, &delta, &made_sink, &options) : result;
}

/* The assertions of cmocka are for its own thread. */
static void *work(void *context) {
    caller *const c = context;
    rd_signature *own = NULL;
    c->result = c->shared ? RD_OK : own_signature(c, &own);
    if (c->result == RD_OK)
        c->result = delta_and_patch(c, c->shared ? c->shared : own);
    rd_signature_free(own);
    return NULL;
}

static void run_at_once(caller callers[CALLERS]) {
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&callers[i].thread, NULL, work, &callers[i]), 0);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
}

/* Frees what the caller has. */
static void check_caller(caller *c) {
    rd_signature *const alone = loaded_signature_of(&c->basis, (rd_params){.block_len = BLOCK});
    rd_memory delta = delta_of(alone, &c->new_file, NULL);
    assert_int_equal(c->result, RD_OK);
    check_memory(c->delta, delta, "delta");
    check_memory(c->made, c->new_file, "patch");
    rd_memory_free(&delta);
    rd_signature_free(alone);
    rd_memory_free(&c->basis);
    rd_memory_free(&c->new_file);
    rd_memory_free(&c->delta);
    rd_memory_free(&c->made);
}

static void first_calls_may_come_from_several_threads(void **state) {
    caller callers[CALLERS] = {0};
    (void)state;
    for (size_t i = 0; i < CALLERS; i++) {
        random_source r = random_from(i);
        callers[i].basis = bytes_random(&r, SIZE, 256);
        callers[i].new_file = bytes_edited(&r, &callers[i].basis, SIZE, 256);
    }
    run_at_once(callers);
    for (size_t i = 0; i < CALLERS; i++)
        check_caller(&callers[i]);
}

static void one_signature_serves_several_threads(void **state) {
    caller callers[CALLERS] = {0};
    random_source r = random_from(CALLERS);
    rd_memory basis = bytes_random(&r, SIZE, 256);
    rd_signature *const shared = loaded_signature_of(&basis, (rd_params){.block_len = BLOCK});
    (void)state;
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i].shared = shared;
        callers[i].basis = bytes_copy(basis.data, basis.size);
        callers[i].new_file = bytes_edited(&r, &basis, SIZE, 256);
    }
    run_at_once(callers);
    for (size_t i = 0; i < CALLERS; i++)
        check_caller(&callers[i]);
    rd_signature_free(shared);
    rd_memory_free(&basis);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_calls_may_come_from_several_threads),
        cmocka_unit_test(one_signature_serves_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
