/*
 * Every allocation fails once while parts are made and joined, and while a file is read from basis and delta, as in
 * test_fault_memory.c.
 */
#define _GNU_SOURCE
#include "failing_memory.h"
#include "support.h"

enum { PARTS = 3 };

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory delta;
    rd_signature *signature;
    rd_memory delta_parts[PARTS];
    unsigned threads;
} material;

static rd_result keep_nothing(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_options options_of(const material *m, rd_error *error) {
    return (rd_options){OPTIONS, .error = error, .threads = m->threads};
}

static uint64_t grid_of(const material *m) {
    return rd_delta_part_grid(m->signature);
}

static rd_result make_delta_part(const material *m, rd_error *error) {
    const rd_source source = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = options_of(m, error);
    return rd_delta_part_make(m->signature, &source, grid_of(m), 5 * grid_of(m), &sink, &options);
}

/* Without blocks, by one scanner. */
static rd_result make_plain_delta_part(const material *m, rd_error *error) {
    const rd_source source = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = options_of(m, error);
    return rd_delta_part_make(NULL, &source, 0, RD_UNKNOWN, &sink, &options);
}

static rd_result join_delta(const material *m, rd_error *error) {
    rd_source records[PARTS];
    const rd_source source = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = options_of(m, error);
    for (size_t i = 0; i < PARTS; i++)
        records[i] = bytes_source(&m->delta_parts[i]);
    return rd_delta_join(m->signature, records, PARTS, &source, &sink, &options);
}

static rd_result inspect_delta_part(const material *m, rd_error *error) {
    rd_part part;
    const rd_source record = bytes_source(&m->delta_parts[1]);
    const rd_options options = options_of(m, error);
    return rd_delta_part_inspect(&record, &part, &options);
}

static rd_result make_digest_part(const material *m, rd_error *error) {
    const rd_source source = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = options_of(m, error);
    return rd_digest_part_make(&source, 1024, 10240, &sink, &options);
}

static rd_result read_patched(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = bytes_source(&m->delta);
    rd_filter *filter = (rd_filter *)&filter;
    uint8_t bytes[100];
    size_t got = 0;
    const rd_options options = options_of(m, error);
    rd_result result = rd_filter_patched_new(&filter, &basis, &delta, &options);
    assert_true((result == RD_OK) == (filter != NULL));
    if (result != RD_OK)
        return result;
    const rd_source source = rd_filter_source(filter);
    result = rd_source_read(&source, 5000, bytes, sizeof bytes, &got, error);
    if (result == RD_OK)
        assert_memory_equal(bytes, m->new_file.data + 5000, sizeof bytes);
    rd_filter_free(filter);
    return result;
}

static void fail_each(material *m, rd_result (*scenario)(const material *, rd_error *), size_t least, bool for_good) {
    for (size_t n = 0;; n++) {
        rd_error error = {.result = RD_OK};
        faults_begin(n, for_good);
        const rd_result result = scenario(m, &error);
        if (faults_end() == 0) {
            check_equal(result, RD_OK, "after %zu allocations", n);
            check_true(n >= least, "%zu allocations", n);
            return;
        }
        check_equal(result, RD_E_MEMORY, "allocation %zu, %u threads", n, m->threads);
        check_equal(error.result, RD_E_MEMORY, "allocation %zu", n);
        check_true(error.reason != NULL, "allocation %zu", n);
    }
}

static void fail_all_ways(void **state, rd_result (*scenario)(const material *, rd_error *), size_t least) {
    material *const m = *state;
    for (m->threads = 1; m->threads <= 2; m->threads++) {
        fail_each(m, scenario, least, false);
        fail_each(m, scenario, least, true);
    }
}

static void making_a_delta_part_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, make_delta_part, 5);
    fail_all_ways(state, make_plain_delta_part, 3);
}

static void joining_delta_parts_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, join_delta, 6);
    fail_all_ways(state, inspect_delta_part, 3);
}

static void making_a_digest_part_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, make_digest_part, 2);
}

static void reading_a_patched_file_survives_every_failed_allocation(void **state) {
    fail_all_ways(state, read_patched, 3);
}

static int set_up(void **state) {
    random_source r = random_from(1);
    material *const m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->threads = 1;
    m->basis = bytes_random(&r, 50000, 256);
    m->new_file = bytes_edited(&r, &m->basis, 60000, 256);
    m->signature = loaded_signature_of(&m->basis, (rd_params){.block_len = 64});
    m->delta = delta_of(m->signature, &m->new_file, NULL);
    const rd_source source = bytes_source(&m->new_file);
    for (uint64_t i = 0; i < PARTS; i++) {
        const rd_sink delta_sink = rd_sink_memory(&m->delta_parts[i]);
        const uint64_t length = i + 1 == PARTS ? RD_UNKNOWN : 4 * grid_of(m);
        assert_int_equal(rd_delta_part_make(m->signature, &source, i * 4 * grid_of(m), length, &delta_sink, NULL),
                         RD_OK);
    }
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    for (size_t i = 0; i < PARTS; i++)
        rd_memory_free(&m->delta_parts[i]);
    rd_signature_free(m->signature);
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->delta);
    free(m);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_a_delta_part_survives_every_failed_allocation),
        cmocka_unit_test(joining_delta_parts_survives_every_failed_allocation),
        cmocka_unit_test(making_a_digest_part_survives_every_failed_allocation),
        cmocka_unit_test(reading_a_patched_file_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
