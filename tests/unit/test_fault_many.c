/*
 * Operations on many files, with each allocation failing once, and with all failing from one on: each failed run ends
 * in RD_E_MEMORY, with no signatures and no new files, and under AddressSanitizer nothing leaks.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "failing_memory.h"
#include "many.h"

enum { FILES = 30, LARGE = 2000000 };

typedef struct material {
    folder folder;
    char names[FILES][16];
    char outputs[FILES][16];
    const char *paths[FILES];
    rd_memory delta;
    rd_patch_item items[FILES];
} material;

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(8);
    assert_non_null(m);
    m->folder = folder_open();
    for (size_t i = 0; i < FILES; i++) {
        const size_t size = i == FILES / 2 ? (size_t)LARGE : i == 3 ? 200000 : 3000; /* one is read in many parts */
        rd_memory bytes = bytes_random(&r, size, 256);
        (void)snprintf(m->names[i], sizeof m->names[i], "old %zu", i);
        (void)snprintf(m->outputs[i], sizeof m->outputs[i], "new %zu", i);
        m->paths[i] = m->names[i];
        file_write(&m->folder, m->names[i], bytes.data, size);
        rd_memory_free(&bytes);
    }
    const rd_memory none = {0};
    rd_memory new_file = bytes_random(&r, 4000, 256);
    rd_signature *const signature = loaded_signature_of(&none, (rd_params){0});
    m->delta = delta_of(signature, &new_file, NULL);
    rd_signature_free(signature);
    rd_memory_free(&new_file);
    for (size_t i = 0; i < FILES; i++)
        m->items[i] = (rd_patch_item){.basis = m->names[i],
                                      .output = m->outputs[i],
                                      .delta = m->delta.data,
                                      .delta_size = m->delta.size,
                                      .mode = RD_MODE_OF_BASIS,
                                      .mtime_ns = RD_TIME_NOW};
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    folder_close(&m->folder);
    rd_memory_free(&m->delta);
    free(m);
    return 0;
}

static rd_result sign(const material *m, const rd_options *options) {
    rd_file_record records[FILES];
    rd_memory signatures = {0};
    const rd_result result =
        rd_sign_files(m->folder.fd, m->paths, FILES, RD_WANT_SIGNATURE | RD_WANT_DIGEST, records, &signatures, options);
    if (result != RD_OK)
        assert_int_equal(signatures.size, 0);
    for (size_t i = 0; result == RD_OK && i < FILES; i++)
        assert_int_equal(records[i].result, RD_OK);
    rd_memory_free(&signatures);
    return result;
}

static rd_result patch(const material *m, const rd_options *options) {
    rd_file_record records[FILES];
    const rd_result result = rd_patch_files(m->folder.fd, m->folder.fd, m->items, FILES, 0, records, options);
    for (size_t i = 0; i < FILES; i++) {
        if (result == RD_OK)
            assert_int_equal(records[i].result, RD_OK);
        assert_int_equal(unlinkat(m->folder.fd, m->outputs[i], 0), result == RD_OK ? 0 : -1);
    }
    return result;
}

/* Until a run needs no more than n allocations: then at least `least` failed. */
static void fail_each(const material *m, rd_result (*scenario)(const material *, const rd_options *), unsigned threads,
                      bool for_good, size_t least) {
    for (size_t n = 0;; n++) {
        rd_error error = {0};
        const rd_options options = {OPTIONS, .threads = threads, .error = &error};
        faults_begin(n, for_good);
        const rd_result result = scenario(m, &options);
        if (faults_end() == 0) {
            assert_int_equal(result, RD_OK);
            assert_true(n >= least);
            return;
        }
        check_equal(result, RD_E_MEMORY, "allocation %zu of %u threads", n, threads);
        check_equal(error.result, RD_E_MEMORY, "allocation %zu of %u threads", n, threads);
    }
}

static void each_both_ways(const material *m, rd_result (*scenario)(const material *, const rd_options *),
                           size_t least) {
    for (unsigned threads = 1; threads <= 3; threads++) {
        fail_each(m, scenario, threads, false, least);
        fail_each(m, scenario, threads, true, least);
    }
}

static void signing_files_survives_every_failed_allocation(void **state) {
    each_both_ways(*state, sign, 8);
}

static void patching_files_survives_every_failed_allocation(void **state) {
    each_both_ways(*state, patch, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signing_files_survives_every_failed_allocation),
        cmocka_unit_test(patching_files_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
