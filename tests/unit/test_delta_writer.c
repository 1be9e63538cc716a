/*
 * rd_delta_writer against a second encoder: the same bytes, whatever the amounts in which copies and literals are
 * given; and what a patch makes of them is what the plain model makes.
 */
#define _GNU_SOURCE
#include "chunks.h"
#include "plain_delta.h"

/* Who makes the digest for the trailer. */
typedef enum digesting { BY_WRITER, BY_CALLER, BY_NOBODY, DIGESTINGS } digesting;

/* Gives the ops of the delta to a writer, each in amounts of at most `most` bytes. */
static rd_result give_ops(rd_delta_writer *writer, const plain_delta *d, size_t most, random_source *r) {
    rd_result result = RD_OK;
    for (size_t i = 0; i < d->count && result == RD_OK; i++) {
        const rd_op *const op = &d->ops[i];
        for (uint64_t at = 0; at < op->length && result == RD_OK;) {
            uint64_t size = random_below(r, most + 1); /* perhaps none */
            size = size < op->length - at ? size : op->length - at;
            if (op->kind == RD_COPY) {
                result = rd_delta_writer_copy(writer, op->basis_offset + at, size);
            } else {
                /* Of exactly that size, so that a sanitizer sees what is read too much. */
                rd_memory literal = bytes_copy(d->new_file.data + op->target_offset + at, (size_t)size);
                result = rd_delta_writer_literal(writer, literal.data, literal.size);
                rd_memory_free(&literal);
            }
            at += size;
        }
    }
    return result;
}

/* What the writer makes of the ops; to be freed. */
static rd_memory written(const plain_delta *d, rd_options options, digesting how, size_t most, rd_stats *stats,
                         random_source *r) {
    rd_memory made = {0};
    uint8_t digest[RD_DIGEST_LEN];
    const rd_sink sink = rd_sink_memory(&made);
    const rd_source basis = bytes_source(&d->basis);
    const rd_source new_file = bytes_source(&d->new_file);
    rd_delta_writer *writer = NULL;
    assert_int_equal(rd_digest(&new_file, digest, NULL), RD_OK);
    options.size = sizeof options;
    assert_int_equal(rd_delta_writer_new(&writer, &sink, how == BY_WRITER ? &basis : NULL, &options), RD_OK);
    assert_int_equal(give_ops(writer, d, most, r), RD_OK);
    assert_int_equal(rd_delta_writer_finish(writer, how == BY_CALLER ? digest : NULL), RD_OK);
    assert_int_equal(rd_delta_writer_error(writer)->result, RD_OK);
    assert_int_equal(rd_delta_writer_copy(writer, 0, 1), RD_E_STATE);
    assert_int_equal(rd_delta_writer_literal(writer, "x", 1), RD_E_STATE);
    assert_int_equal(rd_delta_writer_finish(writer, NULL), RD_E_STATE);
    *stats = (rd_stats){.size = sizeof *stats};
    assert_int_equal(rd_delta_writer_stats(writer, stats), RD_OK);
    assert_int_equal(stats->out_bytes, made.size);
    rd_delta_writer_free(writer);
    return made;
}

static void the_bytes_do_not_depend_on_the_amounts(void **state) {
    (void)state;
    static const rd_verify verifies[] = {RD_VERIFY_DEFAULT, RD_VERIFY_NEVER, RD_VERIFY_ALWAYS};
    random_source r = random_from(1);
    for (size_t run = 0; run < 150; run++) {
        const size_t longest = run % 10 == 0 ? 300000 : run % 3 == 0 ? 3000 : 60;
        plain_delta given = plain_random(&r, random_below(&r, 2 * longest), random_below(&r, 40), longest);
        plain_delta normal = given;
        normal.ops = malloc((given.count + 1) * sizeof *normal.ops);
        normal.literal_at = malloc(sizeof *normal.literal_at);
        normal.bytes = (rd_memory){0};
        assert_non_null(normal.ops);
        memcpy(normal.ops, given.ops, given.count * sizeof *given.ops);
        plain_normalise(&normal);
        plain_encode(&normal, NULL);
        const digesting how = (digesting)(run % DIGESTINGS);
        const rd_verify verify = verifies[how == BY_NOBODY ? run / DIGESTINGS % 2 : run / DIGESTINGS % 3];
        if (verify != RD_VERIFY_NEVER && how != BY_NOBODY)
            plain_seal(&normal);

        const size_t amounts[] = {1 + longest / 50, longest / 3 + 1, 2 * longest};
        for (size_t i = 0; i < ITEMS(amounts); i++) {
            rd_stats stats;
            rd_memory made = written(&given, (rd_options){.verify = verify}, how, amounts[i], &stats, &r);
            check_memory(made, normal.bytes, "run %zu, amounts up to %zu", run, amounts[i]);
            check_op_stats(stats, normal.stats, "run %zu, amounts up to %zu", run, amounts[i]);
            assert_int_equal(rd_stats_delta_size(&stats), made.size);
            rd_memory new_file = patched(&given.basis, &made);
            check_memory(new_file, given.new_file, "run %zu", run);
            rd_memory_free(&new_file);
            rd_memory_free(&made);
        }
        free(normal.ops);
        free(normal.literal_at);
        rd_memory_free(&normal.bytes);
        plain_free(&given);
    }
}

/* The trailer gets the basis that the caller has set; what does not fit is refused before it is written. */
static void the_basis_that_was_set_is_in_the_trailer(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 9, 10, 11, INT64_MAX};
    const uint8_t digest[RD_DIGEST_LEN] = {1, 2, 3};
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        for (int with = 0; with < 2; with++) {
            rd_memory made = {0};
            const rd_sink sink = rd_sink_memory(&made);
            rd_delta_writer *writer = NULL;
            rd_stats stats = {.size = sizeof stats};
            assert_int_equal(rd_delta_writer_new(&writer, &sink, NULL, NULL), RD_OK);
            assert_int_equal(rd_delta_writer_set_basis(writer, sizes[i], digest), RD_OK);
            assert_int_equal(rd_delta_writer_copy(writer, 3, 7), RD_OK);
            const rd_result result = rd_delta_writer_finish(writer, with ? digest : NULL);
            assert_int_equal(rd_delta_writer_stats(writer, &stats), RD_OK);
            check_equal(result, sizes[i] < 10 ? RD_E_PARAMETER : RD_OK, "size %zu", i);
            if (result == RD_OK) {
                check_equal(made.size, 4 + 3 + 1 + (with ? RD_TRAILER_BASIS_LEN : 0), "size %zu", i);
                check_equal(rd_stats_delta_size(&stats), made.size, "size %zu", i);
                check_equal(stats.has_basis_digest, with, "size %zu", i);
                check_equal(stats.basis_size, with ? sizes[i] : 0, "size %zu", i);
                assert_int_equal(rd_delta_writer_set_basis(writer, 10, digest), RD_E_STATE);
            } else {
                assert_int_equal(rd_delta_writer_error(writer)->role, RD_ROLE_BASIS);
            }
            rd_delta_writer_free(writer);
            rd_memory_free(&made);
        }
    }
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_delta_writer *writer = NULL;
    assert_int_equal(rd_delta_writer_new(&writer, &sink, NULL, NULL), RD_OK);
    assert_int_equal(rd_delta_writer_set_basis(writer, (uint64_t)INT64_MAX + 1, digest), RD_E_PARAMETER);
    assert_int_equal(rd_delta_writer_finish(writer, digest), RD_E_STATE);
    rd_delta_writer_free(writer);
    rd_memory_free(&made);
}

/* Reads a delta by rd_ops and writes it again. */
static rd_memory rewritten(const rd_memory *delta, size_t most, random_source *r) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    const rd_source source = bytes_source(delta);
    uint8_t *const data = bytes_new(most);
    rd_delta_writer *writer = NULL;
    rd_ops *ops = NULL;
    rd_op op;
    rd_stats stats = {.size = sizeof stats};
    assert_int_equal(rd_ops_open(&ops, &source, NULL), RD_OK);
    assert_int_equal(rd_delta_writer_new(&writer, &sink, NULL, NULL), RD_OK);
    while (rd_ops_next(ops, &op) == RD_MORE) {
        if (op.kind == RD_COPY)
            assert_int_equal(rd_delta_writer_copy(writer, op.basis_offset, op.length), RD_OK);
        for (size_t got = 1; op.kind == RD_LITERAL && got > 0;) {
            assert_int_equal(rd_ops_read(ops, data, 1 + random_below(r, most), &got), RD_OK);
            assert_int_equal(rd_delta_writer_literal(writer, data, got), RD_OK);
        }
    }
    assert_int_equal(rd_ops_error(ops)->result, RD_OK);
    assert_int_equal(rd_ops_stats(ops, &stats), RD_OK);
    assert_int_equal(rd_delta_writer_finish(writer, stats.has_digest ? stats.digest : NULL), RD_OK);
    rd_delta_writer_free(writer);
    rd_ops_close(ops);
    free(data);
    return made;
}

static void a_delta_of_the_library_is_written_again(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (size_t run = 0; run < 40; run++) {
        rd_memory old = bytes_random(&r, random_below(&r, 100000), run % 2 == 0 ? 256 : 2);
        rd_memory new_file = bytes_edited(&r, &old, random_below(&r, 200000), 256);
        const rd_params params = {.block_len = 1 + (uint32_t)random_below(&r, 700)};
        rd_signature *const signature = loaded_signature_of(&old, params);
        rd_memory delta = delta_of(run % 7 == 0 ? NULL : signature, &new_file, NULL);
        rd_memory again = rewritten(&delta, 1 + random_below(&r, 100000), &r);
        check_memory(again, delta, "run %zu", run);
        rd_memory_free(&again);
        rd_memory_free(&delta);
        rd_signature_free(signature);
        rd_memory_free(&new_file);
        rd_memory_free(&old);
    }
}

static void a_compressed_delta_is_the_plain_one_compressed(void **state) {
    (void)state;
    random_source r = random_from(3);
    if (rd_compression_max() == 0)
        skip();
    for (unsigned threads = 1; threads <= 3; threads++) {
        plain_delta d = plain_random(&r, 500000, 100, 100000);
        rd_stats stats;
        rd_memory plain = written(&d, (rd_options){.threads = threads}, BY_WRITER, 5000, &stats, &r);
        rd_memory expected = plain_compressed(&plain);
        rd_memory made = written(&d, (rd_options){.compression = RD_COMPRESSION_DEFAULT, .threads = threads}, BY_WRITER,
                                 70000, &stats, &r);
        check_memory(made, expected, "%u threads", threads);
        rd_memory new_file = patched(&d.basis, &made);
        check_memory(new_file, d.new_file, "%u threads", threads);
        rd_memory_free(&new_file);
        rd_memory_free(&made);
        rd_memory_free(&expected);
        rd_memory_free(&plain);
        plain_free(&d);
    }
}

/* ---- What is refused, and what fails ----------------------------------------------------------------------------- */

static rd_result write_nothing(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_delta_writer *writer_to_nowhere(const rd_source *basis, rd_verify verify) {
    const rd_sink sink = rd_sink_callback(write_nothing, NULL);
    rd_delta_writer *writer = NULL;
    assert_int_equal(rd_delta_writer_new(&writer, &sink, basis, &(rd_options){OPTIONS, .verify = verify}), RD_OK);
    return writer;
}

static void check_failed(rd_delta_writer *writer, rd_result result, rd_role role) {
    assert_int_equal(rd_delta_writer_error(writer)->result, result);
    assert_int_equal(rd_delta_writer_error(writer)->role, role);
    assert_non_null(rd_delta_writer_error(writer)->reason);
    assert_int_equal(rd_delta_writer_copy(writer, 0, 1), RD_E_STATE);
    assert_int_equal(rd_delta_writer_literal(writer, "x", 1), RD_E_STATE);
    assert_int_equal(rd_delta_writer_finish(writer, NULL), RD_E_STATE);
    assert_int_equal(rd_delta_writer_error(writer)->result, result);
    rd_delta_writer_free(writer);
}

static void a_trailer_that_is_wanted_needs_a_digest(void **state) {
    (void)state;
    rd_delta_writer *const writer = writer_to_nowhere(NULL, RD_VERIFY_ALWAYS);
    assert_int_equal(rd_delta_writer_literal(writer, "abc", 3), RD_OK);
    assert_int_equal(rd_delta_writer_finish(writer, NULL), RD_E_UNVERIFIED);
    check_failed(writer, RD_E_UNVERIFIED, RD_ROLE_DELTA);
}

/* Without a basis nobody reads what is copied, so it may lie anywhere below 2^63. */
static void ops_must_fit_into_the_format(void **state) {
    (void)state;
    static const struct {
        uint64_t offset;
        uint64_t length;
        rd_result result;
    } copies[] = {
        {0, INT64_MAX, RD_OK},           {INT64_MAX - 1, 1, RD_OK},      {0, (uint64_t)INT64_MAX + 1, RD_E_PARAMETER},
        {1, INT64_MAX, RD_E_PARAMETER},  {INT64_MAX, 1, RD_E_PARAMETER}, {UINT64_MAX, 1, RD_E_PARAMETER},
        {1, UINT64_MAX, RD_E_PARAMETER}, {UINT64_MAX, 0, RD_OK},
    };
    for (size_t i = 0; i < ITEMS(copies); i++) {
        rd_delta_writer *const writer = writer_to_nowhere(NULL, RD_VERIFY_DEFAULT);
        check_equal(rd_delta_writer_copy(writer, copies[i].offset, copies[i].length), copies[i].result, "%zu", i);
        if (copies[i].result != RD_OK)
            check_failed(writer, RD_E_PARAMETER, RD_ROLE_DELTA);
        else
            rd_delta_writer_free(writer);
    }
    for (int i = 0; i < 2; i++) { /* all together */
        rd_delta_writer *const writer = writer_to_nowhere(NULL, RD_VERIFY_DEFAULT);
        assert_int_equal(rd_delta_writer_copy(writer, 0, INT64_MAX - 2), RD_OK);
        assert_int_equal(rd_delta_writer_literal(writer, "ab", 2), RD_OK);
        assert_int_equal(i == 0 ? rd_delta_writer_copy(writer, 0, 1) : rd_delta_writer_literal(writer, "c", 1),
                         RD_E_PARAMETER);
        check_failed(writer, RD_E_PARAMETER, RD_ROLE_DELTA);
    }
}

static void a_basis_that_ends_before_is_reported(void **state) {
    (void)state;
    const rd_source basis = rd_source_memory("0123456789", 10);
    rd_delta_writer *writer = writer_to_nowhere(&basis, RD_VERIFY_DEFAULT);
    assert_int_equal(rd_delta_writer_copy(writer, 3, 7), RD_OK);
    assert_int_equal(rd_delta_writer_copy(writer, 3, 8), RD_E_TRUNCATED);
    assert_int_equal(rd_delta_writer_error(writer)->offset, 10);
    check_failed(writer, RD_E_TRUNCATED, RD_ROLE_BASIS);
    writer = writer_to_nowhere(&basis, RD_VERIFY_NEVER); /* also if nobody reads it */
    assert_int_equal(rd_delta_writer_copy(writer, 3, 8), RD_E_TRUNCATED);
    check_failed(writer, RD_E_TRUNCATED, RD_ROLE_BASIS);
}

/* The size of a function's source is only what is expected: what is read tells. */
static void a_basis_may_be_longer_than_expected(void **state) {
    static const uint64_t sizes[] = {0, 5, 999};
    (void)state;
    random_source r = random_from(6);
    rd_memory bytes = bytes_random(&r, 1000, 256);
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        chunks reader = chunks_of(&bytes, 100, false);
        const rd_source basis = rd_source_callback(chunks_read, &reader, sizes[i], RD_SEEKABLE);
        rd_delta_writer *const writer = writer_to_nowhere(&basis, RD_VERIFY_DEFAULT);
        check_equal(rd_delta_writer_copy(writer, 0, 1000), RD_OK, "%zu", i);
        check_equal(rd_delta_writer_copy(writer, 1, 1000), RD_E_TRUNCATED, "%zu", i);
        check_equal(rd_delta_writer_error(writer)->offset, 1000, "%zu", i);
        check_failed(writer, RD_E_TRUNCATED, RD_ROLE_BASIS);
    }
    rd_memory_free(&bytes);
}

static void a_basis_that_fails_is_reported(void **state) {
    (void)state;
    random_source r = random_from(5);
    rd_memory bytes = bytes_random(&r, 1000, 256);
    chunks reader = chunks_of(&bytes, 7, false);
    reader.fails = true;
    reader.fails_at = 500;
    reader.failure = RD_E_IO;
    reader.error_number = EISDIR;
    const rd_source basis = chunks_source(&reader);
    rd_delta_writer *const writer = writer_to_nowhere(&basis, RD_VERIFY_DEFAULT);
    assert_int_equal(rd_delta_writer_copy(writer, 100, 300), RD_OK);
    assert_int_equal(rd_delta_writer_copy(writer, 400, 300), RD_E_IO);
    assert_int_equal(rd_delta_writer_error(writer)->system_error, EISDIR);
    check_failed(writer, RD_E_IO, RD_ROLE_BASIS);
    rd_memory_free(&bytes);
}

/* A sink that takes so many bytes. */
typedef struct small_sink {
    size_t room;
    size_t taken;
} small_sink;

static rd_result write_small(void *context, const void *data, size_t size) {
    small_sink *const s = context;
    (void)data;
    if (size > s->room - s->taken) {
        errno = ENOSPC;
        return RD_E_IO;
    }
    s->taken += size;
    return RD_OK;
}

/* Wherever the sink or the limit ends, one of the calls says so, and the rest RD_E_STATE. */
static void a_sink_that_fails_and_a_limit_are_reported(void **state) {
    (void)state;
    random_source r = random_from(6);
    plain_delta d = plain_random(&r, 100000, 60, 60000);
    rd_stats stats;
    rd_memory whole = written(&d, (rd_options){0}, BY_WRITER, 9000, &stats, &r);
    const rd_source basis = bytes_source(&d.basis);
    assert_true(whole.size > 200000);
    for (size_t room = 0; room <= whole.size; room += room + 50 < whole.size ? 1 + random_below(&r, 20000) : 1) {
        for (unsigned limited = 0; limited < 2; limited++) {
            rd_delta_writer *writer = NULL;
            small_sink small = {.room = limited ? SIZE_MAX : room};
            const rd_sink sink = rd_sink_callback(write_small, &small);
            const rd_options options = {OPTIONS, .limits.output = limited ? room : 0};
            if (limited && room == 0)
                continue;
            assert_int_equal(rd_delta_writer_new(&writer, &sink, &basis, &options), RD_OK);
            rd_result result = give_ops(writer, &d, 9000, &r);
            if (result == RD_OK)
                result = rd_delta_writer_finish(writer, NULL);
            check_equal(result, room == whole.size ? RD_OK : limited ? RD_E_LIMIT : RD_E_IO, "room %zu", room);
            check_true(small.taken <= room, "room %zu: %zu bytes", room, small.taken);
            check_equal(rd_delta_writer_error(writer)->system_error, result == RD_E_IO ? ENOSPC : 0, "room %zu", room);
            if (result != RD_OK)
                check_failed(writer, result, RD_ROLE_OUTPUT);
            else
                rd_delta_writer_free(writer);
        }
    }
    rd_memory_free(&whole);
    plain_free(&d);
}

static void opening_refuses_wrong_arguments(void **state) {
    (void)state;
    rd_memory none = {0};
    chunks reader = chunks_of(&none, 1, true);
    const rd_source pipe = chunks_source(&reader);
    const rd_sink sink = rd_sink_callback(write_nothing, NULL);
    rd_error error = {.result = RD_OK};
    const rd_options wrong[] = {{OPTIONS, .error = &error, .verify = (rd_verify)77},
                                {OPTIONS, .error = &error, .compression = 1000},
                                {OPTIONS, .error = &error, .compression = -2}};
    rd_delta_writer *writer = (rd_delta_writer *)&none;
    for (size_t i = 0; i < ITEMS(wrong); i++) {
        error.result = RD_OK;
        check_equal(rd_delta_writer_new(&writer, &sink, NULL, &wrong[i]), RD_E_PARAMETER, "%zu", i);
        check_equal(error.result, RD_E_PARAMETER, "%zu", i);
        assert_non_null(error.reason);
        assert_null(writer);
        writer = (rd_delta_writer *)&none;
    }
    assert_int_equal(rd_delta_writer_new(&writer, &sink, &pipe, &(rd_options){OPTIONS, .error = &error}),
                     RD_E_PARAMETER);
    assert_int_equal(error.role, RD_ROLE_BASIS);
    assert_null(writer);
    rd_delta_writer_free(NULL);
}

static void nothing_at_all_is_an_empty_file(void **state) {
    (void)state;
    const rd_source basis = rd_source_memory("", 0);
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_delta_writer *writer = NULL;
    assert_int_equal(rd_delta_writer_new(&writer, &sink, &basis, NULL), RD_OK);
    assert_int_equal(rd_delta_writer_literal(writer, NULL, 0), RD_OK);
    assert_int_equal(rd_delta_writer_copy(writer, 0, 0), RD_OK);
    assert_int_equal(rd_delta_writer_finish(writer, NULL), RD_OK);
    rd_delta_writer_free(writer);
    rd_memory expected = delta_of(NULL, &(rd_memory){0}, NULL);
    check_memory(made, expected, "an empty file");
    rd_memory_free(&expected);
    rd_memory_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_do_not_depend_on_the_amounts),
        cmocka_unit_test(the_basis_that_was_set_is_in_the_trailer),
        cmocka_unit_test(a_delta_of_the_library_is_written_again),
        cmocka_unit_test(a_compressed_delta_is_the_plain_one_compressed),
        cmocka_unit_test(a_trailer_that_is_wanted_needs_a_digest),
        cmocka_unit_test(ops_must_fit_into_the_format),
        cmocka_unit_test(a_basis_that_ends_before_is_reported),
        cmocka_unit_test(a_basis_may_be_longer_than_expected),
        cmocka_unit_test(a_basis_that_fails_is_reported),
        cmocka_unit_test(a_sink_that_fails_and_a_limit_are_reported),
        cmocka_unit_test(opening_refuses_wrong_arguments),
        cmocka_unit_test(nothing_at_all_is_an_empty_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
