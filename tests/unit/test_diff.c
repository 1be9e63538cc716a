/*
 * Deltas between two files at hand: what a patch makes of them is the new file, whatever the files, and their bytes
 * depend on the files alone. The runs that the index promises are found. Failures of either file are told.
 */
#include "support.h"

#include "engine/matcher.h"

enum { SEGMENT = 2 * 1024 * 1024 }; /* of src/file/make_diff.c: what is special happens where one ends */

static rd_memory diff_with(const rd_source *old_file, const rd_source *new_file, rd_options options, rd_stats *stats) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_error error = {0};
    *stats = (rd_stats){.size = sizeof *stats};
    options.size = sizeof options;
    options.stats = stats;
    options.error = &error;
    const rd_result result = rd_diff_make(old_file, new_file, &sink, &options);
    check_equal(result, RD_OK, "%s", error.reason ? error.reason : "");
    return made;
}

static rd_memory diff_of(const rd_memory *old_file, const rd_memory *new_file, rd_options options, rd_stats *stats) {
    const rd_source old_source = bytes_source(old_file);
    const rd_source new_source = bytes_source(new_file);
    return diff_with(&old_source, &new_source, options, stats);
}

static rd_result read_bytes(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_memory *const bytes = context;
    *got = offset < bytes->size ? (size_t)(bytes->size - offset) : 0;
    *got = *got < size ? *got : size;
    if (*got > 0)
        memcpy(data, bytes->data + offset, *got);
    return RD_OK;
}

/* The same bytes from sources of every kind, and with any number of threads. */
static void check_sources(rd_memory *old_file, const rd_memory *new_file, const rd_memory *expected, size_t run) {
    static const unsigned threads[] = {1, 2, 5};
    for (unsigned kind = 0; kind < 3; kind++) {
        in_order pipe = {.bytes = new_file};
        const rd_source old_source = kind == 0
                                         ? bytes_source(old_file)
                                         : rd_source_callback(read_bytes, old_file, old_file->size,
                                                              kind == 1 ? RD_SEEKABLE : RD_SEEKABLE | RD_CONCURRENT);
        const rd_source new_source = kind == 0 ? in_order_source(&pipe) : bytes_source(new_file);
        rd_stats stats;
        rd_memory made =
            diff_with(&old_source, &new_source, (rd_options){.threads = threads[(run + kind) % 3]}, &stats);
        check_memory(made, *expected, "run %zu, sources %u", run, kind);
        rd_memory_free(&made);
    }
}

/* The statistics of a dense delta are those of what it is expanded to. */
static void check_expansion(const rd_memory *old_file, const rd_memory *dense, const rd_stats *stats, size_t run) {
    rd_memory plain = {0};
    rd_stats expanded = {.size = sizeof expanded};
    const rd_source basis = bytes_source(old_file);
    const rd_source delta = bytes_source(dense);
    const rd_sink sink = rd_sink_memory(&plain);
    assert_int_equal(rd_delta_expand(&basis, &delta, &sink, &(rd_options){OPTIONS, .stats = &expanded}), RD_OK);
    check_equal(rd_stats_delta_size(stats), plain.size, "run %zu", run);
    check_equal(stats->literal_commands, expanded.literal_commands, "run %zu", run);
    check_equal(stats->literal_bytes, expanded.literal_bytes, "run %zu", run);
    check_equal(stats->literal_command_bytes, expanded.literal_command_bytes, "run %zu", run);
    check_equal(stats->copy_commands, expanded.copy_commands, "run %zu", run);
    check_equal(stats->copy_bytes, expanded.copy_bytes, "run %zu", run);
    check_equal(stats->identical, expanded.identical, "run %zu", run);
    rd_memory_free(&plain);
}

static void check_pair(rd_memory *old_file, const rd_memory *new_file, size_t run) {
    rd_stats stats;
    rd_memory plain = diff_of(old_file, new_file, (rd_options){.threads = 1}, &stats);
    rd_memory made = patched(old_file, &plain);
    check_memory(made, *new_file, "run %zu", run);
    check_equal(stats.copy_bytes + stats.literal_bytes, new_file->size, "run %zu", run);
    check_equal(stats.out_bytes, plain.size, "run %zu", run);
    check_equal(stats.identical,
                old_file->size == new_file->size &&
                    support_first_difference(old_file->data, new_file->data, new_file->size) == new_file->size,
                "run %zu", run);
    check_equal(rd_stats_delta_size(&stats), plain.size, "run %zu", run);
    check_equal(stats.has_basis_digest && stats.basis_size == old_file->size, true, "run %zu", run);
    /* Never much more than the new file: no copy costs more than its bytes do. */
    check_true(plain.size <= new_file->size + 3 * (new_file->size / 65535 + 1) + 5 + RD_TRAILER_BASIS_LEN, "run %zu",
               run);
    check_sources(old_file, new_file, &plain, run);
    rd_memory_free(&made);

    /* With next to no memory for the index it is another delta of the same file. */
    rd_memory coarse = diff_of(old_file, new_file, (rd_options){.limits.memory = 1, .verify = RD_VERIFY_NEVER}, &stats);
    made = patched(old_file, &coarse);
    check_memory(made, *new_file, "run %zu, coarse", run);
    rd_memory_free(&made);
    rd_memory_free(&coarse);
    if (rd_compression_max() > 0) {
        rd_memory packed = diff_of(old_file, new_file, (rd_options){.compression = 1}, &stats);
        made = patched(old_file, &packed);
        check_memory(made, *new_file, "run %zu, compressed", run);
        rd_memory_free(&made);
        rd_memory_free(&packed);

        /* A dense delta has both digests, whatever is asked for. */
        const rd_options dense = {.form = RD_FORM_DENSE, .compression = 1, .verify = RD_VERIFY_NEVER};
        packed = diff_of(old_file, new_file, dense, &stats);
        check_true(stats.has_digest && stats.has_basis_digest && stats.out_bytes == packed.size, "run %zu", run);
        made = patched(old_file, &packed);
        check_memory(made, *new_file, "run %zu, dense", run);
        check_expansion(old_file, &packed, &stats, run);
        rd_memory_free(&made);
        rd_memory_free(&packed);
    }
    rd_memory_free(&plain);
}

static void any_files_round_trip(void **state) {
    (void)state;
    static const unsigned alphabets[] = {256, 2, 1, 20};
    random_source r = random_from(11);
    for (size_t run = 0; run < 240; run++) {
        const size_t most = run % 8 == 0 ? 200000 : run % 2 == 0 ? 3000 : 100;
        const unsigned alphabet = alphabets[run / 3 % ITEMS(alphabets)];
        rd_memory old_file = bytes_random(&r, random_below(&r, most), alphabet);
        rd_memory new_file = run % 3 == 0 ? bytes_random(&r, random_below(&r, most), alphabet)
                                          : bytes_edited(&r, &old_file, random_below(&r, most), alphabet);
        check_pair(&old_file, &new_file, run);
        rd_memory_free(&old_file);
        rd_memory_free(&new_file);
    }
}

static void segments_join(void **state) {
    (void)state;
    random_source r = random_from(12);
    rd_stats stats;
    rd_memory old_file = bytes_random(&r, 2 * SEGMENT + 12345, 256);
    memset(old_file.data + SEGMENT / 2, 0, SEGMENT); /* zeros over the place where a segment ends */
    rd_memory made = diff_of(&old_file, &old_file, (rd_options){0}, &stats);
    check_equal(stats.copy_commands, 1, "one copy");
    assert_true(stats.identical);
    rd_memory_free(&made);

    rd_memory new_file = bytes_edited(&r, &old_file, 3 * SEGMENT + 77, 256);
    check_pair(&old_file, &new_file, 0);
    rd_memory_free(&new_file);

    /* A literal over the place where a segment ends is cut nowhere else than other literals. */
    new_file = bytes_random(&r, SEGMENT + 100, 256);
    memcpy(new_file.data, old_file.data, SEGMENT - 100);
    made = diff_of(&old_file, &new_file, (rd_options){0}, &stats);
    check_equal(stats.literal_commands, 1, "one literal");
    check_equal(stats.literal_bytes, 200, "one literal");
    rd_memory_free(&made);
    rd_memory_free(&new_file);
    rd_memory_free(&old_file);
}

/* The old file is indexed in segments of 256 KiB, with a key more: a last one may be all in that. */
static void the_end_of_the_old_file_counts(void **state) {
    (void)state;
    enum { INDEXED = 256 * 1024 };
    static const size_t more[] = {0, 1, 31, 32, 33, 64, 65536};
    random_source r = random_from(18);
    for (size_t i = 0; i < 2 * ITEMS(more); i++) {
        rd_memory old_file = bytes_random(&r, INDEXED * (1 + i % 2) + more[i / 2], 256);
        rd_stats stats;
        rd_memory made = diff_of(&old_file, &old_file, (rd_options){0}, &stats);
        check_equal(stats.copy_commands, 1, "%zu bytes", old_file.size);
        check_bytes(stats.basis_digest, RD_DIGEST_LEN, stats.digest, RD_DIGEST_LEN, "%zu bytes", old_file.size);
        check_pair(&old_file, &old_file, i);
        rd_memory_free(&made);
        rd_memory_free(&old_file);
    }
}

/*
 * Runs of a key and a stride, wherever they come from, are found, unless their keys have no place in the table; here
 * between bytes that are nowhere else. Runs of eight strides more are.
 */
static void check_runs(size_t run_size, unsigned found_of_100) {
    enum { OLD = 300000, BETWEEN = 100, RUNS = 500 };
    random_source r = random_from(13);
    rd_memory old_file = bytes_random(&r, OLD, 256);
    rd_memory new_file = bytes_random(&r, RUNS * (run_size + BETWEEN), 256);
    for (size_t i = 0; i < RUNS; i++)
        memcpy(new_file.data + i * (run_size + BETWEEN) + BETWEEN, old_file.data + random_below(&r, OLD - run_size),
               run_size);
    rd_stats stats;
    rd_memory made = diff_of(&old_file, &new_file, (rd_options){0}, &stats);
    check_true(stats.copy_bytes * 100 >= RUNS * run_size * found_of_100, "%zu: %llu bytes copied", run_size,
               (unsigned long long)stats.copy_bytes);
    rd_memory_free(&made);
    rd_memory_free(&new_file);
    rd_memory_free(&old_file);
}

static void runs_are_found(void **state) {
    (void)state;
    enum { STRIDE = 4 }; /* of so small a file */
    check_runs(RD__MATCH_KEY + STRIDE - 1, 80);
    check_runs(RD__MATCH_KEY + 9 * STRIDE - 1, 100);
}

/*
 * Equal records after one that differs: a long match where the last copy goes on is not left for each short one before
 * it, or the records would be compared again and again, and copied one by one.
 */
static void a_long_match_nearby_is_kept(void **state) {
    (void)state;
    enum { RECORD = 32, RECORDS = 100000 };
    random_source r = random_from(19);
    rd_memory old_file = bytes_random(&r, 3 * RECORD + RECORD * RECORDS, 256);
    rd_memory new_file = bytes_random(&r, (size_t)2 * RECORD * RECORDS, 256);
    for (size_t i = 0; i < new_file.size; i++)
        new_file.data[i] = old_file.data[i % RECORD];
    memcpy(old_file.data + RECORD + 16, old_file.data, RECORD); /* 32, 16 others, 32, 48 others in all */
    for (size_t i = 3 * (size_t)RECORD; i < old_file.size; i++)
        old_file.data[i] = old_file.data[i % RECORD];
    rd_stats stats;
    rd_memory made = diff_of(&old_file, &new_file, (rd_options){0}, &stats);
    check_true(stats.copy_commands < 100, "%llu copies", (unsigned long long)stats.copy_commands);
    rd_memory_free(&made);
    rd_memory_free(&new_file);
    rd_memory_free(&old_file);
}

/* Zeros of another number than in the old file are copied from its longest run of them. */
static void runs_of_one_byte_are_copied(void **state) {
    (void)state;
    random_source r = random_from(14);
    rd_stats stats;
    for (size_t zeros = 40; zeros < 2000000; zeros = zeros * 3 + 1) {
        rd_memory old_file = bytes_random(&r, 1000000, 255);
        for (size_t i = 0; i < old_file.size; i++)
            old_file.data[i]++; /* no zeros yet */
        memset(old_file.data + 300001, 0, 500000);
        rd_memory new_file = bytes_random(&r, zeros + 2000, 255);
        memset(new_file.data + 1000, 0, zeros);
        rd_memory made = diff_of(&old_file, &new_file, (rd_options){0}, &stats);
        check_true(stats.copy_bytes >= zeros, "%zu zeros", zeros);
        check_true(stats.copy_commands <= 2 + zeros / 400000, "%zu zeros: %llu", zeros,
                   (unsigned long long)stats.copy_commands);
        rd_memory_free(&made);
        rd_memory_free(&new_file);
        rd_memory_free(&old_file);
    }
}

/* The first bytes of the second segment are others when they are read with it, and not with the end of the first. */
static rd_result read_changing(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_result result = read_bytes(context, offset, data, size, got);
    if (offset == SEGMENT && *got > 0)
        memset(data, 'x', *got < 5000 ? *got : 5000);
    return result;
}

/* What was read first counts: the delta makes that file, and its digest is that of it. */
static void bytes_that_change_between_two_segments_count_once(void **state) {
    (void)state;
    random_source r = random_from(17);
    rd_memory old_file = bytes_random(&r, 2 * SEGMENT, 256);
    for (size_t size = SEGMENT + 3000; size < 2 * SEGMENT; size += SEGMENT / 3) {
        rd_memory new_file = bytes_edited(&r, &old_file, size, 256);
        const rd_source old_source = bytes_source(&old_file);
        const rd_source new_source = rd_source_callback(read_changing, &new_file, size, RD_SEEKABLE | RD_CONCURRENT);
        rd_stats stats;
        rd_memory delta = diff_with(&old_source, &new_source, (rd_options){.threads = 2}, &stats);
        rd_memory made = patched(&old_file, &delta);
        check_memory(made, new_file, "%zu", size);
        rd_memory_free(&made);
        rd_memory_free(&delta);
        rd_memory_free(&new_file);
    }
    rd_memory_free(&old_file);
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

/* A file that cannot be read from some byte on, or that ends there, in its second reading. */
typedef struct failing {
    rd_memory *bytes;
    uint64_t from;
    rd_result result; /* RD_OK: it ends */
    bool again;       /* what fails is not the first reading */
    uint64_t highest;
} failing;

static rd_result failing_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    failing *const f = context;
    const bool first = offset >= f->highest;
    f->highest = offset + size > f->highest ? offset + size : f->highest;
    const rd_result result = read_bytes(f->bytes, offset, data, size, got);
    if ((f->again && first) || offset + *got <= f->from)
        return result;
    *got = offset < f->from && f->result == RD_OK ? (size_t)(f->from - offset) : 0;
    return f->result;
}

static void check_failure(const rd_source *old_file, const rd_source *new_file, rd_options options, rd_result result,
                          rd_role role) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_error error = {0};
    options.size = sizeof options;
    options.error = &error;
    assert_int_equal(rd_diff_make(old_file, new_file, &sink, &options), result);
    assert_int_equal(error.result, result);
    assert_int_equal(error.role, role);
    assert_non_null(error.reason);
    rd_memory_free(&made);
}

static void failures_are_told(void **state) {
    (void)state;
    enum { SIZE = 3000000 };
    random_source r = random_from(15);
    rd_memory old_file = bytes_random(&r, SIZE, 256);
    rd_memory new_file = bytes_edited(&r, &old_file, SIZE, 256);
    const rd_source old_source = bytes_source(&old_file);
    const rd_source new_source = bytes_source(&new_file);
    in_order pipe = {.bytes = &old_file};
    const rd_source old_pipe = in_order_source(&pipe);
    check_failure(&old_pipe, &new_source, (rd_options){0}, RD_E_IO, RD_ROLE_BASIS);
    check_failure(&old_source, &new_source, (rd_options){.limits.output = 100}, RD_E_LIMIT, RD_ROLE_OUTPUT);

    for (unsigned which = 0; which < 8; which++) {
        failing f = {.bytes = which % 2 == 0 ? &old_file : &new_file,
                     .from = which < 4 ? 0 : SIZE / 2,
                     .result = which / 2 % 2 == 0 ? RD_E_IO : RD_E_CANCELLED};
        const rd_source source = rd_source_callback(failing_read, &f, SIZE, RD_SEEKABLE);
        check_failure(which % 2 == 0 ? &source : &old_source, which % 2 == 0 ? &new_source : &source,
                      (rd_options){.threads = 1 + which / 4}, f.result, which % 2 == 0 ? RD_ROLE_BASIS : RD_ROLE_NEW);
    }

    /* An old file that is longer than it says. */
    const rd_source longer = rd_source_callback(read_bytes, &old_file, 1000, RD_SEEKABLE);
    const rd_source none = rd_source_callback(read_bytes, &old_file, 0, RD_SEEKABLE | RD_CONCURRENT);
    check_failure(&longer, &new_source, (rd_options){0}, RD_E_IO, RD_ROLE_BASIS);
    check_failure(&none, &new_source, (rd_options){0}, RD_E_IO, RD_ROLE_BASIS);

    /* The old file, too large to be kept, fails or has become shorter when it is read again. */
    for (unsigned which = 0; which < 3; which++) {
        failing f = {.bytes = &old_file, .from = 100000, .again = which < 2, .result = which == 0 ? RD_E_IO : RD_OK};
        const rd_source source = rd_source_callback(failing_read, &f, SIZE, RD_SEEKABLE);
        check_failure(&source, &new_source, (rd_options){.threads = 2, .limits.memory = 1000000},
                      which == 0 ? RD_E_IO : RD_E_TRUNCATED, RD_ROLE_BASIS);
    }
    rd_memory_free(&old_file);
    rd_memory_free(&new_file);
}

static bool count_down(void *context, uint64_t done, uint64_t total) {
    uint64_t *const left = context;
    assert_true(done <= total);
    return (*left)-- > 0;
}

static void it_can_be_cancelled(void **state) {
    (void)state;
    random_source r = random_from(16);
    rd_memory old_file = bytes_random(&r, 1000000, 256);
    const rd_source source = bytes_source(&old_file);
    for (uint64_t calls = 0; calls < 4; calls++) {
        uint64_t left = calls;
        check_failure(&source, &source, (rd_options){.progress = count_down, .progress_context = &left}, RD_E_CANCELLED,
                      RD_ROLE_NONE);
    }
    rd_memory_free(&old_file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_files_round_trip),
        cmocka_unit_test(segments_join),
        cmocka_unit_test(the_end_of_the_old_file_counts),
        cmocka_unit_test(runs_are_found),
        cmocka_unit_test(runs_of_one_byte_are_copied),
        cmocka_unit_test(a_long_match_nearby_is_kept),
        cmocka_unit_test(bytes_that_change_between_two_segments_count_once),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(it_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
