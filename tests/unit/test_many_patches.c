/*
 * rd_patch_files: what each item makes is what rd_patch_apply makes of it, whatever the threads, and an item that fails
 * leaves nothing behind.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "many.h"

#include <errno.h>

static const size_t sizes[] = {0, 1, 300, 3000, 65536, 200000, 1048576, 1048577, 3000000};

enum { SMALL_FILES = 40, FILES = ITEMS(sizes) + SMALL_FILES };

typedef struct versions {
    folder folder;
    char old_names[FILES][16];
    char new_names[FILES][16];
    rd_memory new_files[FILES];
    rd_memory deltas[FILES];
    rd_patch_item items[FILES];
} versions;

static int make_versions(void **state) {
    versions *const all = calloc(1, sizeof *all);
    random_source r = random_from(6);
    assert_non_null(all);
    all->folder = folder_open();
    for (size_t i = 0; i < FILES; i++) {
        const size_t size = i < ITEMS(sizes) ? sizes[i] : random_below(&r, 6000);
        rd_memory old = bytes_random(&r, size, 256);
        all->new_files[i] = bytes_edited(&r, &old, size + random_below(&r, 100), 256);
        rd_signature *const signature = loaded_signature_of(&old, (rd_params){0});
        all->deltas[i] = delta_of(signature, &all->new_files[i], NULL);
        (void)snprintf(all->old_names[i], sizeof all->old_names[i], "old %zu \xff", i);
        (void)snprintf(all->new_names[i], sizeof all->new_names[i], "new %zu \xff", i);
        file_write(&all->folder, all->old_names[i], old.data, old.size);
        all->items[i] = (rd_patch_item){.basis = all->old_names[i],
                                        .output = all->new_names[i],
                                        .delta = all->deltas[i].data,
                                        .delta_size = all->deltas[i].size,
                                        .mode = RD_MODE_OF_BASIS,
                                        .mtime_ns = RD_TIME_NOW};
        rd_signature_free(signature);
        rd_memory_free(&old);
    }
    *state = all;
    return 0;
}

static int remove_versions(void **state) {
    versions *const all = *state;
    folder_close(&all->folder);
    for (size_t i = 0; i < FILES; i++) {
        rd_memory_free(&all->new_files[i]);
        rd_memory_free(&all->deltas[i]);
    }
    free(all);
    return 0;
}

/* ---- What is made ------------------------------------------------------------------------------------------------ */

static void check_made(const versions *all, size_t i, const rd_file_record *record) {
    rd_memory made = file_read(&all->folder, all->new_names[i]);
    uint8_t digest[RD_DIGEST_LEN];
    const rd_source source = bytes_source(&all->new_files[i]);
    assert_int_equal(rd_digest(&source, digest, NULL), RD_OK);
    check_equal(record->result, RD_OK, "item %zu", i);
    check_memory(made, all->new_files[i], "item %zu", i);
    check_record_is_of(record, &all->folder, all->new_names[i]);
    check_true(record->has_digest, "item %zu", i);
    check_bytes(record->digest, sizeof record->digest, digest, sizeof digest, "item %zu", i);
    rd_memory_free(&made);
}

static void each_new_file_is_made(void **state) {
    const versions *const all = *state;
    static const unsigned numbers[] = {1, 2, 8};
    rd_context *context = NULL;
    assert_int_equal(rd_context_new(&context), RD_OK);
    for (size_t t = 0; t < ITEMS(numbers); t++) {
        rd_file_record records[FILES];
        rd_stats stats = {.size = sizeof stats};
        const rd_options options = {OPTIONS, .threads = numbers[t], .context = t % 2 == 0 ? context : NULL,
                                    .stats = &stats};
        const int fd = all->folder.fd;
        assert_int_equal(rd_patch_files(fd, fd, all->items, FILES, 0, records, &options), RD_OK);
        uint64_t made = 0;
        for (size_t i = 0; i < FILES; i++) {
            check_made(all, i, &records[i]);
            made += all->new_files[i].size;
            assert_int_equal(unlinkat(fd, all->new_names[i], 0), 0);
        }
        check_equal(stats.out_bytes, made, "all");
    }
    rd_context_free(context);
}

static void mode_and_time_are_those_that_are_asked_for(void **state) {
    const versions *const all = *state;
    static const struct {
        const char *basis;
        uint32_t given;
        int64_t time;
        uint32_t mode;
    } cases[] = {
        {"basis", RD_MODE_OF_BASIS, RD_TIME_NOW, 0751},
        {"basis", 0666, 1234567890123456789, 0666},
        {"basis", 0, -1, 0},
        {NULL, RD_MODE_OF_BASIS, 999999999, 0640},
        {NULL, 0777, -INT64_C(86400000000000) + 1, 0777},
    };
    rd_patch_item items[ITEMS(cases)];
    rd_file_record records[ITEMS(cases)];
    char names[ITEMS(cases)][8];
    static const rd_memory none = {0};
    const rd_memory new_file = {.data = (uint8_t *)"new", .size = 3};
    rd_signature *const signature = loaded_signature_of(&none, (rd_params){0});
    rd_memory delta = delta_of(signature, &new_file, NULL);
    file_write(&all->folder, "basis", "", 0);
    assert_int_equal(fchmodat(all->folder.fd, "basis", 0751, 0), 0);
    for (size_t i = 0; i < ITEMS(cases); i++) {
        (void)snprintf(names[i], sizeof names[i], "made %zu", i);
        items[i] = (rd_patch_item){.basis = cases[i].basis,
                                   .output = names[i],
                                   .delta = delta.data,
                                   .delta_size = delta.size,
                                   .mode = cases[i].given,
                                   .mtime_ns = cases[i].time};
    }
    const mode_t before = umask(026);
    const rd_result result = rd_patch_files(all->folder.fd, all->folder.fd, items, ITEMS(cases), 0, records, NULL);
    (void)umask(before);
    assert_int_equal(result, RD_OK);
    for (size_t i = 0; i < ITEMS(cases); i++) {
        check_equal(records[i].result, RD_OK, "case %zu", i);
        check_equal(records[i].mode & 07777, cases[i].mode, "case %zu", i);
        check_record_is_of(&records[i], &all->folder, names[i]);
        if (cases[i].time != RD_TIME_NOW)
            check_equal(records[i].mtime_ns, cases[i].time, "case %zu", i);
        assert_int_equal(unlinkat(all->folder.fd, names[i], 0), 0);
    }
    assert_int_equal(unlinkat(all->folder.fd, "basis", 0), 0);
    rd_signature_free(signature);
    rd_memory_free(&delta);
}

/* A delta of a few bytes that makes more than is small: it is made nevertheless, and a limit is heeded. */
static void few_bytes_may_make_a_large_file(void **state) {
    const versions *const all = *state;
    enum { COPIES = 20, BASIS = 1000000 };
    rd_memory delta = {0};
    rd_delta_writer *writer = NULL;
    random_source r = random_from(7);
    rd_memory old = bytes_random(&r, BASIS, 256);
    const rd_source basis = bytes_source(&old);
    const rd_sink sink = rd_sink_memory(&delta);
    file_write(&all->folder, "basis", old.data, old.size);
    assert_int_equal(rd_delta_writer_new(&writer, &sink, &basis, NULL), RD_OK);
    for (size_t i = 0; i < COPIES; i++)
        assert_int_equal(rd_delta_writer_copy(writer, 0, BASIS), RD_OK);
    assert_int_equal(rd_delta_writer_finish(writer, NULL), RD_OK);
    rd_delta_writer_free(writer);
    const rd_patch_item item = {.basis = "basis",
                                .output = "made",
                                .delta = delta.data,
                                .delta_size = delta.size,
                                .mode = RD_MODE_OF_BASIS,
                                .mtime_ns = RD_TIME_NOW};
    rd_file_record record;
    for (unsigned threads = 1; threads <= 3; threads++) {
        rd_options options = {OPTIONS, .threads = threads};
        const size_t before = folder_count(&all->folder);
        assert_int_equal(rd_patch_files(all->folder.fd, all->folder.fd, &item, 1, 0, &record, &options), RD_OK);
        assert_int_equal(record.result, RD_OK);
        assert_int_equal(record.size, COPIES * BASIS);
        assert_int_equal(unlinkat(all->folder.fd, "made", 0), 0);
        options.limits.output = COPIES * BASIS - 1;
        assert_int_equal(rd_patch_files(all->folder.fd, all->folder.fd, &item, 1, 0, &record, &options), RD_OK);
        assert_int_equal(record.result, RD_E_LIMIT);
        assert_int_equal(folder_count(&all->folder), before);
    }
    assert_int_equal(unlinkat(all->folder.fd, "basis", 0), 0);
    rd_memory_free(&delta);
    rd_memory_free(&old);
}

/* ---- What fails -------------------------------------------------------------------------------------------------- */

enum { GOOD = 5, CASES = 10 };

/* A delta of the good item without a digest; to be freed. */
static rd_memory delta_without_digest(const versions *all) {
    rd_memory without = {0};
    rd_memory old = file_read(&all->folder, all->items[GOOD].basis);
    rd_signature *const signature = loaded_signature_of(&old, (rd_params){0});
    rd_memory_free(&old);
    const rd_source new_file = bytes_source(&all->new_files[GOOD]);
    const rd_sink sink = rd_sink_memory(&without);
    const rd_options plain = {OPTIONS, .verify = RD_VERIFY_NEVER};
    assert_int_equal(rd_delta_make(signature, &new_file, &sink, &plain), RD_OK);
    rd_signature_free(signature);
    return without;
}

/* The good item, and what is made of it by one change each. */
static void spoil_items(const versions *all, const rd_memory *without, rd_patch_item items[CASES],
                        char names[CASES][16]) {
    items[0] = all->items[GOOD];
    for (size_t i = 1; i < CASES; i++) {
        (void)snprintf(names[i], sizeof names[i], "made %zu", i);
        items[i] = all->items[GOOD];
        items[i].output = names[i];
    }
    items[1].basis = "missing";
    items[2].basis = "fifo";
    items[3].basis = "link";
    items[4].output = "exists";
    items[5].output = "missing/made";
    items[6].basis = all->old_names[GOOD + 1];
    items[7].delta_size /= 2;
    items[8].delta = without->data;
    items[8].delta_size = without->size;
    items[9].delta = "no delta";
    items[9].delta_size = 8;
}

static void what_fails_leaves_nothing(void **state) {
    versions *const all = *state;
    static const struct {
        rd_result result;
        rd_role role;
        int system_error;
    } expected[CASES] = {
        {RD_OK, RD_ROLE_NONE, 0},           {RD_E_IO, RD_ROLE_BASIS, ENOENT},   {RD_E_PARAMETER, RD_ROLE_BASIS, 0},
        {RD_E_PARAMETER, RD_ROLE_BASIS, 0}, {RD_E_EXISTS, RD_ROLE_OUTPUT, 0},   {RD_E_IO, RD_ROLE_OUTPUT, ENOENT},
        {RD_E_MISMATCH, RD_ROLE_NONE, 0},   {RD_E_TRUNCATED, RD_ROLE_DELTA, 0}, {RD_E_UNVERIFIED, RD_ROLE_DELTA, 0},
        {RD_E_MAGIC, RD_ROLE_DELTA, 0},
    };
    char names[CASES][16];
    rd_patch_item items[CASES];
    rd_file_record records[CASES];
    rd_memory without = delta_without_digest(all);
    assert_int_equal(mkfifoat(all->folder.fd, "fifo", 0600), 0);
    assert_int_equal(symlinkat(all->items[GOOD].basis, all->folder.fd, "link"), 0);
    file_write(&all->folder, "exists", "kept", 4);
    spoil_items(all, &without, items, names);
    const size_t before = folder_count(&all->folder);
    const rd_options options = {OPTIONS, .threads = 2, .verify = RD_VERIFY_ALWAYS};
    assert_int_equal(rd_patch_files(all->folder.fd, all->folder.fd, items, CASES, 0, records, &options), RD_OK);
    for (size_t i = 0; i < CASES; i++) {
        check_equal(records[i].result, expected[i].result, "case %zu", i);
        check_equal(records[i].system_error, expected[i].system_error, "case %zu", i);
        if (expected[i].role != RD_ROLE_NONE)
            check_equal(records[i].role, expected[i].role, "case %zu", i);
    }
    check_equal(folder_count(&all->folder), before + 1, "names");
    rd_memory kept = file_read(&all->folder, "exists");
    check_bytes(kept.data, kept.size, (const uint8_t *)"kept", 4, "what was there");
    rd_memory_free(&kept);
    rd_memory_free(&without);
    static const char *const extra[] = {"fifo", "link", "exists"};
    for (size_t i = 0; i < ITEMS(extra); i++)
        assert_int_equal(unlinkat(all->folder.fd, extra[i], 0), 0);
    assert_int_equal(unlinkat(all->folder.fd, all->items[GOOD].output, 0), 0);
}

static bool stop_late(void *context, uint64_t done, uint64_t total) {
    assert_int_equal(total, FILES);
    return done < *(const uint64_t *)context;
}

static void a_call_that_is_cancelled_leaves_nothing(void **state) {
    const versions *const all = *state;
    const size_t before = folder_count(&all->folder);
    rd_file_record records[FILES];
    for (uint64_t stop = 1; stop < FILES; stop += 9) {
        const rd_options options = {OPTIONS, .threads = 2, .progress = stop_late, .progress_context = &stop};
        assert_int_equal(rd_patch_files(all->folder.fd, all->folder.fd, all->items, FILES, 0, records, &options),
                         RD_E_CANCELLED);
        check_equal(folder_count(&all->folder), before, "stop at %zu", (size_t)stop);
    }
}

static void what_makes_no_sense_is_refused(void **state) {
    const versions *const all = *state;
    rd_patch_item item = all->items[0];
    rd_file_record record;
    item.mode = 04755;
    assert_int_equal(rd_patch_files(-1, -1, &item, 1, 0, &record, NULL), RD_E_PARAMETER);
    assert_int_equal(rd_patch_files(-1, -1, &all->items[0], 1, RD_WANT_DIGEST, &record, NULL), RD_E_PARAMETER);
    assert_int_equal(rd_patch_files(-1, -1, NULL, 0, 0, NULL, NULL), RD_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_new_file_is_made),
        cmocka_unit_test(mode_and_time_are_those_that_are_asked_for),
        cmocka_unit_test(few_bytes_may_make_a_large_file),
        cmocka_unit_test(what_fails_leaves_nothing),
        cmocka_unit_test(a_call_that_is_cancelled_leaves_nothing),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, make_versions, remove_versions);
}
