/*
 * Every allocation fails once. Each scenario runs again and again, and in run n its allocation n gives NULL, until a
 * run needs fewer: each failed one must end in RD_E_MEMORY, with nothing made, and under AddressSanitizer nothing
 * leaks.
 *
 * The linker leads the library's calls of malloc, calloc and realloc here (--wrap). In a second series all allocations
 * from n on fail, as they do when memory is short for good.
 */
#define _GNU_SOURCE
#include "support.h"

#include <stdatomic.h>
#include <unistd.h>

/* ---- The allocator that fails ------------------------------------------------------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* Workers allocate too, so the counts are atomic. */
static struct {
    atomic_bool armed;
    bool for_good;
    size_t first; /* the allocation that fails */
    atomic_size_t calls;
    atomic_size_t failed;
} faults;

static bool must_fail(void) {
    if (!atomic_load(&faults.armed))
        return false;
    const size_t call = atomic_fetch_add(&faults.calls, 1);
    if (call < faults.first || (call > faults.first && !faults.for_good))
        return false;
    atomic_fetch_add(&faults.failed, 1);
    return true;
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return must_fail() ? NULL : __real_realloc(old, size);
}

/* ---- Scenarios --------------------------------------------------------------------------------------------------- */

/* What scenarios work on, made before allocations fail. */
typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_signature *loaded;
    unsigned threads;
    char directory[32];
    char path[64];
} material;

static rd_result keep_nothing(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_result make_signature(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {
        .size = sizeof options, .params = {.block_len = 100}, .error = error, .threads = m->threads};
    return rd_signature_make(&basis, &sink, &options);
}

static rd_result load_signature(const material *m, rd_error *error) {
    rd_signature *signature = (rd_signature *)&signature;
    const rd_source in = bytes_source(&m->signature);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads};
    const rd_result result = rd_signature_load(&signature, &in, &options);
    assert_true((result == RD_OK) == (signature != NULL));
    rd_signature_free(signature);
    return result;
}

static rd_result make_delta(const material *m, rd_error *error) {
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads};
    return rd_delta_make(m->loaded, &new_file, &sink, &options);
}

static rd_result apply_patch(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = bytes_source(&m->delta);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads};
    return rd_patch_apply(&basis, &delta, &sink, &options);
}

static bool count_op(void *context, const rd_op *op) {
    (void)op;
    ++*(size_t *)context;
    return true;
}

static rd_result walk_ops(const material *m, rd_error *error) {
    size_t count = 0;
    const rd_source delta = bytes_source(&m->delta);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads};
    return rd_delta_each_op(&delta, count_op, &count, &options);
}

/* A sink that grows: what it holds when it fails is what it held before. */
static rd_result grow_memory(const material *m, rd_error *error) {
    rd_memory made = {0};
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = bytes_source(&m->delta);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads};
    const rd_result result = rd_patch_apply(&basis, &delta, &sink, &options);
    assert_true(made.size <= m->new_file.size);
    check_bytes(made.data, made.size, m->new_file.data, made.size, "what was written before the failure");
    rd_memory_free(&made);
    return result;
}

/* Drives a stream, if it was made, to its end and frees it. */
static rd_result run_stream(rd_result made, rd_stream *stream, const rd_memory *bytes, rd_error *error) {
    static uint8_t room[1000];
    rd_in in = {.data = bytes->data, .size = bytes->size};
    rd_result result = RD_MORE;
    if (made != RD_OK) {
        assert_null(stream);
        *error = (rd_error){.result = made, .reason = ""};
        return made;
    }
    while (result == RD_MORE) {
        rd_out out = {.data = room, .size = sizeof room};
        result = rd_stream_step(stream, &in, &out, true);
    }
    *error = *rd_stream_error(stream);
    rd_stream_free(stream);
    return result;
}

static rd_result stream_signature(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result made = rd_signature_stream_new(&stream, NULL);
    return run_stream(made, stream, &m->basis, error);
}

static rd_result stream_loadsig(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result made = rd_loadsig_stream_new(&stream, NULL);
    return run_stream(made, stream, &m->signature, error);
}

static rd_result stream_delta(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result made = rd_delta_stream_new(&stream, m->loaded, NULL);
    return run_stream(made, stream, &m->new_file, error);
}

static rd_result stream_patch(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_source basis = bytes_source(&m->basis);
    const rd_result made = rd_patch_stream_new(&stream, &basis, NULL);
    return run_stream(made, stream, &m->delta, error);
}

static rd_result write_destination(const material *m, rd_error *error) {
    rd_destination *destination = (rd_destination *)&destination;
    rd_result result = rd_destination_open(&destination, m->path, RD_REPLACE_NEVER, error);
    if (result != RD_OK) {
        assert_null(destination);
        assert_int_equal(access(m->path, F_OK), -1);
        return result;
    }
    result = rd_destination_commit(destination, error);
    assert_int_equal(unlink(m->path), result == RD_OK ? 0 : -1);
    return result;
}

/* ---- Running them ------------------------------------------------------------------------------------------------ */

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(1);
    assert_non_null(m);
    m->basis = bytes_random(&r, 1200000, 256);
    m->new_file = bytes_edited(&r, &m->basis, 1500000, 256);
    m->signature = signature_of(&m->basis, (rd_params){.block_len = 1000});
    m->loaded = loaded(&m->signature);
    m->delta = delta_of(m->loaded, &m->new_file, NULL);
    (void)snprintf(m->directory, sizeof m->directory, "/tmp/redelta-test-XXXXXX");
    assert_non_null(mkdtemp(m->directory));
    (void)snprintf(m->path, sizeof m->path, "%s/output", m->directory);
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    assert_int_equal(rmdir(m->directory), 0);
    rd_signature_free(m->loaded);
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->signature);
    rd_memory_free(&m->delta);
    free(m);
    return 0;
}

/* Runs the scenario until it needs no more than n allocations. There must be at least `least`. */
static void fail_each(const material *m, rd_result (*scenario)(const material *, rd_error *), size_t least,
                      bool for_good) {
    size_t n = 0;
    for (;; n++) {
        rd_error error = {.result = RD_OK};
        faults.for_good = for_good;
        faults.first = n;
        atomic_store(&faults.calls, 0);
        atomic_store(&faults.failed, 0);
        atomic_store(&faults.armed, true);
        const rd_result result = scenario(m, &error);
        atomic_store(&faults.armed, false);
        if (atomic_load(&faults.failed) == 0) {
            check_equal(result, RD_OK, "after %zu allocations", n);
            break;
        }
        check_equal(result, RD_E_MEMORY, "allocation %zu", n);
        check_equal(error.result, RD_E_MEMORY, "allocation %zu", n);
        check_true(error.reason != NULL, "allocation %zu", n);
    }
    check_true(n >= least, "%zu allocations", n);
}

static void fail_each_both_ways(void **state, rd_result (*scenario)(const material *, rd_error *), size_t least) {
    material *const m = *state;
    for (m->threads = 1; m->threads <= 3; m->threads++) {
        fail_each(m, scenario, least, false);
        fail_each(m, scenario, least, true);
    }
}

static void making_a_signature_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_signature, 3);
}

static void loading_a_signature_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, load_signature, 8);
}

static void making_a_delta_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_delta, 2);
}

static void applying_a_patch_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, apply_patch, 2);
}

static void walking_over_ops_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, walk_ops, 1);
}

static void memory_sink_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, grow_memory, 4);
}

static void signature_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_signature, 1);
}

static void loadsig_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_loadsig, 8);
}

static void delta_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_delta, 2);
}

static void patch_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_patch, 1);
}

static void destination_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, write_destination, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_a_signature_survives_every_failed_allocation),
        cmocka_unit_test(loading_a_signature_survives_every_failed_allocation),
        cmocka_unit_test(making_a_delta_survives_every_failed_allocation),
        cmocka_unit_test(applying_a_patch_survives_every_failed_allocation),
        cmocka_unit_test(walking_over_ops_survives_every_failed_allocation),
        cmocka_unit_test(memory_sink_survives_every_failed_allocation),
        cmocka_unit_test(signature_stream_survives_every_failed_allocation),
        cmocka_unit_test(loadsig_stream_survives_every_failed_allocation),
        cmocka_unit_test(delta_stream_survives_every_failed_allocation),
        cmocka_unit_test(patch_stream_survives_every_failed_allocation),
        cmocka_unit_test(destination_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
