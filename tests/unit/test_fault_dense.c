/*
 * Every allocation fails once, and all from one on, while dense deltas are made and read: each such run ends in
 * RD_E_MEMORY, with nothing given as whole, and under AddressSanitizer nothing leaks. As test_fault_memory.c.
 */
#include "failing_memory.h"
#include "support.h"

typedef struct material {
    rd_memory old;
    rd_memory new_file;
    rd_memory dense;
    unsigned threads;
} material;

static rd_result keep_nothing(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

/* By a function, so that its pages are kept. */
static rd_result read_old(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_source source = bytes_source(context);
    return rd_source_read(&source, offset, data, size, got, NULL);
}

static rd_options options_of(const material *m, rd_error *error) {
    return (rd_options){OPTIONS, .error = error, .threads = m->threads, .form = RD_FORM_DENSE, .compression = 1};
}

static rd_source old_source(const material *m) {
    return rd_source_callback(read_old, (void *)(uintptr_t)&m->old, m->old.size, RD_SEEKABLE | RD_CONCURRENT);
}

static rd_result make(const material *m, rd_error *error) {
    const rd_source old = old_source(m);
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = options_of(m, error);
    return rd_diff_make(&old, &new_file, &sink, &options);
}

static rd_result apply(const material *m, rd_error *error) {
    const rd_source old = old_source(m);
    const rd_source delta = bytes_source(&m->dense);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = options_of(m, error);
    return rd_patch_apply(&old, &delta, &sink, &options);
}

static rd_result expand(const material *m, rd_error *error) {
    const rd_source old = old_source(m);
    const rd_source delta = bytes_source(&m->dense);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = options_of(m, error);
    return rd_delta_expand(&old, &delta, &sink, &options);
}

static rd_result verify(const material *m, rd_error *error) {
    const rd_source delta = bytes_source(&m->dense);
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_options options = options_of(m, error);
    return rd_delta_verify(&delta, &new_file, &options);
}

static void fail_each(material *m, rd_result (*scenario)(const material *, rd_error *), bool for_good) {
    for (size_t n = 0;; n++) {
        rd_error error = {.result = RD_OK};
        faults_begin(n, for_good);
        const rd_result result = scenario(m, &error);
        if (faults_end() == 0) {
            check_equal(result, RD_OK, "after %zu allocations", n);
            check_true(n > 10, "%zu allocations", n);
            return;
        }
        check_equal(result, RD_E_MEMORY, "allocation %zu, %u threads", n, m->threads);
        check_equal(error.result, RD_E_MEMORY, "allocation %zu", n);
        check_true(error.reason != NULL, "allocation %zu", n);
    }
}

static void fail_all_ways(void **state, rd_result (*scenario)(const material *, rd_error *)) {
    material *const m = *state;
    for (m->threads = 1; m->threads <= 2; m->threads++) {
        fail_each(m, scenario, false);
        fail_each(m, scenario, true);
    }
}

static void making_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, make);
}

static void applying_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, apply);
}

static void expanding_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, expand);
}

static void verifying_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, verify);
}

static int set_up(void **state) {
    random_source r = random_from(1);
    material *const m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->old = bytes_random(&r, 20000, 16);
    m->new_file = bytes_edited(&r, &m->old, 20000, 16);
    for (size_t at = 30; at < m->new_file.size; at += 1 + random_below(&r, 300))
        m->new_file.data[at] ^= 1;
    const rd_source old = bytes_source(&m->old);
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_memory(&m->dense);
    const rd_options options = options_of(m, NULL);
    assert_int_equal(rd_diff_make(&old, &new_file, &sink, &options), RD_OK);
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    rd_memory_free(&m->old);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->dense);
    free(m);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_survives_every_failed_allocation),
        cmocka_unit_test(applying_survives_every_failed_allocation),
        cmocka_unit_test(expanding_survives_every_failed_allocation),
        cmocka_unit_test(verifying_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
