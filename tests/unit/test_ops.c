/*
 * rd_ops against a second encoder of deltas, and against rd_delta_each_op: the same ops, literals, statistics and
 * errors from any source, in any chunks, whatever is read of the literals.
 */
#define _GNU_SOURCE
#include "chunks.h"
#include "plain_delta.h"

/* What is read of the literals. */
typedef enum reading { READ_NOTHING, READ_PARTLY, READ_ALL, READINGS } reading;

static const rd_verify verifies[] = {RD_VERIFY_DEFAULT, RD_VERIFY_NEVER, RD_VERIFY_ALWAYS};

/* ---- A valid delta ----------------------------------------------------------------------------------------------- */

/* Reads of the literal of op `i`, at `at` in the plain delta, or RD_UNKNOWN if that is not to be known. */
static void read_literal(rd_ops *ops, const plain_delta *d, size_t i, bool known, reading how, random_source *r) {
    const rd_op *const op = &d->ops[i];
    uint8_t *const data = bytes_new((size_t)op->length + 1);
    const uint8_t *const expected = d->new_file.data + op->target_offset;
    size_t wanted = how == READ_ALL ? (size_t)op->length + 1 : random_below(r, (size_t)op->length + 1);
    size_t done = 0;
    size_t got = 1;
    while (how != READ_NOTHING && wanted > 0 && got > 0) {
        check_equal(rd_ops_literal_offset(ops), known && done < op->length ? d->literal_at[i] + done : RD_UNKNOWN,
                    "op %zu, after %zu", i, done);
        const size_t size = 1 + random_below(r, random_below(r, 2) == 0 ? 7 : wanted);
        check_equal(rd_ops_read(ops, data + done, size < wanted ? size : wanted, &got), RD_OK, "op %zu", i);
        wanted -= got;
        done += got;
    }
    assert_true(how != READ_ALL || done == op->length);
    check_equal(support_first_difference(data, expected, done), done, "op %zu", i);
    free(data);
}

static void check_ops(const plain_delta *d, const rd_source *source, bool plain, rd_verify verify, reading how,
                      random_source *r) {
    rd_ops *ops = NULL;
    rd_op op;
    uint8_t byte = 0;
    size_t got = 7;
    rd_stats stats = {.size = sizeof stats};
    assert_int_equal(rd_ops_open(&ops, source, &(rd_options){OPTIONS, .verify = verify}), RD_OK);
    assert_int_equal(rd_ops_literal_offset(ops), RD_UNKNOWN);
    assert_int_equal(rd_ops_read(ops, &byte, 1, &got), RD_OK);
    assert_int_equal(got, 0);
    for (size_t i = 0; i < d->count; i++) {
        check_equal(rd_ops_next(ops, &op), RD_MORE, "op %zu", i);
        check_equal(op.kind, d->ops[i].kind, "op %zu", i);
        check_equal(op.target_offset, d->ops[i].target_offset, "op %zu", i);
        check_equal(op.length, d->ops[i].length, "op %zu", i);
        check_equal(op.basis_offset, d->ops[i].basis_offset, "op %zu", i);
        if (op.kind == RD_LITERAL) {
            read_literal(ops, d, i, plain, how, r);
        } else {
            assert_int_equal(rd_ops_literal_offset(ops), RD_UNKNOWN);
            assert_int_equal(rd_ops_read(ops, &byte, 1, &got), RD_OK);
            assert_int_equal(got, 0);
        }
    }
    assert_int_equal(rd_ops_next(ops, &op), RD_OK);
    assert_int_equal(rd_ops_literal_offset(ops), RD_UNKNOWN);
    assert_int_equal(rd_ops_next(ops, &op), RD_E_STATE);
    assert_int_equal(rd_ops_read(ops, &byte, 1, &got), RD_E_STATE);
    assert_int_equal(rd_ops_stats(ops, &stats), RD_OK);
    rd_stats expected = d->stats;
    if (verify == RD_VERIFY_NEVER) {
        expected.has_digest = false;
        memset(expected.digest, 0, sizeof expected.digest);
    }
    check_op_stats(stats, expected, "verify %d", verify);
    if (verify != RD_VERIFY_NEVER) {
        assert_int_equal(stats.in_bytes, plain ? d->bytes.size : stats.in_bytes);
        assert_int_equal(rd_stats_delta_size(&stats), d->bytes.size);
    }
    rd_ops_close(ops);
}

/* From memory, from a file, from functions that are read in any order and in order, and compressed. */
static void check_sources(const plain_delta *d, rd_verify verify, reading how, random_source *r) {
    const size_t most = 1 + random_below(r, random_below(r, 2) == 0 ? 5 : 100000);
    FILE *const file = chunks_file(&d->bytes);
    chunks by_offset = chunks_of(&d->bytes, most, false);
    chunks sequential = chunks_of(&d->bytes, most, true);
    const rd_source plain[] = {bytes_source(&d->bytes), rd_source_fd_at(fileno(file), 0), chunks_source(&by_offset),
                               chunks_source(&sequential)};
    for (size_t i = 0; i < ITEMS(plain); i++)
        check_ops(d, &plain[i], true, verify, how, r);
    (void)fclose(file);
    if (rd_compression_max() == 0)
        return;
    rd_memory frame = plain_compressed(&d->bytes);
    chunks frame_in_order = chunks_of(&frame, most, true);
    const rd_source compressed[] = {bytes_source(&frame), chunks_source(&frame_in_order)};
    for (size_t i = 0; i < ITEMS(compressed); i++)
        check_ops(d, &compressed[i], false, verify, how, r);
    rd_memory_free(&frame);
}

static void ops_and_literals_are_those_of_the_delta(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t run = 0; run < 60; run++) {
        const size_t longest = run % 10 == 0 ? 700000 : run % 3 == 0 ? 3000 : 100;
        plain_delta d = plain_random(&r, random_below(&r, 2 * longest), random_below(&r, 20), longest);
        plain_encode(&d, run % 2 == 0 ? &r : NULL);
        plain_seal(&d);
        for (size_t i = 0; i < ITEMS(verifies); i++)
            check_sources(&d, verifies[i], (reading)((run + i) % READINGS), &r);
        plain_free(&d);
    }
}

/* In a file that can be read by offset, the literal's bytes are where rd_ops_literal_offset says. */
static void literals_lie_where_it_is_said(void **state) {
    (void)state;
    random_source r = random_from(2);
    rd_memory old = bytes_random(&r, 200000, 256);
    rd_memory new_file = bytes_edited(&r, &old, 300000, 256);
    rd_signature *const signature = loaded_signature_of(&old, (rd_params){.block_len = 500});
    rd_memory delta = delta_of(signature, &new_file, NULL);
    const rd_source source = bytes_source(&delta);
    rd_ops *ops = NULL;
    rd_op op;
    uint64_t literals = 0;
    assert_int_equal(rd_ops_open(&ops, &source, NULL), RD_OK);
    while (rd_ops_next(ops, &op) == RD_MORE) {
        const uint64_t at = rd_ops_literal_offset(ops);
        if (op.kind == RD_COPY) {
            check_bytes(old.data + op.basis_offset, (size_t)op.length, new_file.data + op.target_offset,
                        (size_t)op.length, "copy to %llu", (unsigned long long)op.target_offset);
            continue;
        }
        check_bytes(delta.data + at, (size_t)op.length, new_file.data + op.target_offset, (size_t)op.length,
                    "literal to %llu", (unsigned long long)op.target_offset);
        literals += op.length;
    }
    assert_int_equal(rd_ops_error(ops)->result, RD_OK);
    assert_true(literals > 0);
    rd_ops_close(ops);
    rd_memory_free(&delta);
    rd_signature_free(signature);
    rd_memory_free(&new_file);
    rd_memory_free(&old);
}

static void literals_that_are_not_read_are_passed_over(void **state) {
    (void)state;
    enum { LENGTH = 3000000 };
    rd_op ops[] = {{.kind = RD_LITERAL, .length = LENGTH},
                   {.kind = RD_COPY, .target_offset = LENGTH, .length = 9},
                   {.kind = RD_LITERAL, .target_offset = LENGTH + 9, .length = LENGTH}};
    uint64_t literal_at[ITEMS(ops)];
    random_source r = random_from(3);
    plain_delta d = {.ops = ops, .count = ITEMS(ops), .literal_at = literal_at};
    d.new_file = bytes_random(&r, 2 * LENGTH + 9, 256);
    plain_encode(&d, NULL);
    plain_seal(&d);
    chunks reader = chunks_of(&d.bytes, 1000000, false);
    const rd_source source = chunks_source(&reader);
    check_ops(&d, &source, true, RD_VERIFY_ALWAYS, READ_NOTHING, &r);
    check_true(reader.read < LENGTH, "%llu bytes were read", (unsigned long long)reader.read);
    rd_memory_free(&d.bytes);
    rd_memory_free(&d.new_file);
}

/* ---- A broken one ------------------------------------------------------------------------------------------------ */

typedef struct told {
    rd_op ops[64];
    size_t count;
    rd_result result;
    rd_error error;
    rd_stats stats;
} told;

static bool tell(void *context, const rd_op *op) {
    told *const t = context;
    assert_true(t->count < ITEMS(t->ops));
    t->ops[t->count++] = *op;
    return true;
}

static told told_by_each_op(const rd_source *source, rd_verify verify) {
    told t = {.stats.size = sizeof t.stats};
    t.result = rd_delta_each_op(source, tell, &t,
                                &(rd_options){OPTIONS, .verify = verify, .error = &t.error, .stats = &t.stats});
    return t;
}

/* How the literals are read does not matter, but that one that is read and cut short fails at once. */
static told told_by_ops(const rd_source *source, rd_verify verify, reading how, random_source *r) {
    told t = {.stats.size = sizeof t.stats};
    uint8_t data[300];
    rd_op op;
    rd_ops *ops = NULL;
    assert_int_equal(rd_ops_open(&ops, source, &(rd_options){OPTIONS, .verify = verify}), RD_OK);
    while ((t.result = rd_ops_next(ops, &op)) == RD_MORE) {
        size_t got = 1;
        (void)tell(&t, &op);
        t.result = RD_OK;
        while (how != READ_NOTHING && t.result == RD_OK && got > 0) {
            t.result = rd_ops_read(ops, data, 1 + random_below(r, sizeof data), &got);
            if (how == READ_PARTLY)
                break;
        }
        if (t.result != RD_OK)
            break;
    }
    assert_int_equal(rd_ops_next(ops, &op), RD_E_STATE);
    assert_int_equal(rd_ops_stats(ops, &t.stats), RD_OK);
    t.error = *rd_ops_error(ops);
    rd_ops_close(ops);
    return t;
}

static void check_told(const told *actual, const told *expected, const char *name, size_t number) {
    check_equal(actual->result, expected->result, "%s %zu", name, number);
    check_equal(actual->count, expected->count, "%s %zu", name, number);
    for (size_t i = 0; i < actual->count; i++) {
        check_equal(actual->ops[i].kind, expected->ops[i].kind, "%s %zu, op %zu", name, number, i);
        check_equal(actual->ops[i].target_offset, expected->ops[i].target_offset, "%s %zu, op %zu", name, number, i);
        check_equal(actual->ops[i].length, expected->ops[i].length, "%s %zu, op %zu", name, number, i);
        check_equal(actual->ops[i].basis_offset, expected->ops[i].basis_offset, "%s %zu, op %zu", name, number, i);
    }
    check_op_stats(actual->stats, expected->stats, "%s %zu", name, number);
    if (expected->result == RD_OK)
        return;
    check_equal(actual->error.result, expected->error.result, "%s %zu", name, number);
    check_equal(actual->error.role, expected->error.role, "%s %zu", name, number);
    check_equal(actual->error.offset, expected->error.offset, "%s %zu", name, number);
    check_equal(actual->error.system_error, expected->error.system_error, "%s %zu", name, number);
    check_equal(strcmp(actual->error.reason, expected->error.reason), 0, "%s %zu: %s, not %s", name, number,
                actual->error.reason, expected->error.reason);
}

static void check_told_by_both(const rd_memory *delta, const char *name, size_t number, random_source *r) {
    for (size_t i = 0; i < ITEMS(verifies); i++) {
        const rd_source source = bytes_source(delta);
        const told expected = told_by_each_op(&source, verifies[i]);
        for (reading how = READ_NOTHING; how < READINGS; how++) {
            chunks by_offset = chunks_of(delta, 1 + random_below(r, 50), false);
            chunks sequential = chunks_of(delta, 1 + random_below(r, 50), true);
            const rd_source sources[] = {source, chunks_source(&by_offset), chunks_source(&sequential)};
            for (size_t j = 0; j < ITEMS(sources); j++) {
                const told actual = told_by_ops(&sources[j], verifies[i], how, r);
                check_told(&actual, &expected, name, number);
            }
        }
    }
}

static void a_delta_may_end_anywhere(void **state) {
    (void)state;
    random_source r = random_from(4);
    plain_delta d = plain_random(&r, 300, 8, 80);
    plain_encode(&d, &r);
    const size_t unsealed = d.bytes.size;
    plain_seal(&d);
    for (size_t size = 0; size <= d.bytes.size; size++) {
        rd_memory cut = bytes_copy(d.bytes.data, size);
        const rd_source source = bytes_source(&cut);
        const told t = told_by_each_op(&source, RD_VERIFY_ALWAYS);
        check_equal(t.result,
                    size == unsealed       ? RD_E_UNVERIFIED
                    : size == d.bytes.size ? RD_OK
                                           : RD_E_TRUNCATED,
                    "%zu bytes", size);
        check_told_by_both(&cut, "size", size, &r);
        rd_memory_free(&cut);
    }
    plain_free(&d);
}

static void a_delta_may_have_any_bytes(void **state) {
    (void)state;
    random_source r = random_from(5);
    for (size_t run = 0; run < 400; run++) {
        plain_delta d = plain_random(&r, 300, 1 + random_below(&r, 8), 80);
        plain_encode(&d, &r);
        if (run % 3 > 0)
            plain_seal(&d);
        if (run % 5 == 0)
            plain_append(&d.bytes, "more", 1 + random_below(&r, 4));
        rd_memory changed = bytes_copy(d.bytes.data, d.bytes.size);
        for (size_t i = random_below(&r, 3); i > 0; i--)
            changed.data[random_below(&r, changed.size)] ^= (uint8_t)(1u << random_below(&r, 8));
        check_told_by_both(&changed, "run", run, &r);
        rd_memory_free(&changed);
        plain_free(&d);
    }
}

static void a_failing_source_is_reported(void **state) {
    (void)state;
    random_source r = random_from(6);
    plain_delta d = plain_random(&r, 3000, 20, 900);
    plain_encode(&d, &r);
    plain_seal(&d);
    for (uint64_t at = 0; at < d.bytes.size; at += 1 + random_below(&r, 40)) {
        for (reading how = READ_NOTHING; how < READINGS; how++) {
            chunks reader = chunks_of(&d.bytes, 100, true);
            reader.fails = true;
            reader.fails_at = at;
            reader.failure = RD_E_IO;
            reader.error_number = EISDIR;
            const rd_source source = chunks_source(&reader);
            const told t = told_by_ops(&source, RD_VERIFY_DEFAULT, how, &r);
            check_equal(t.result, RD_E_IO, "at %llu", (unsigned long long)at);
            check_equal(t.error.result, RD_E_IO, "at %llu", (unsigned long long)at);
            check_equal(t.error.role, RD_ROLE_DELTA, "at %llu", (unsigned long long)at);
            check_equal(t.error.system_error, EISDIR, "at %llu", (unsigned long long)at);
        }
    }
    plain_free(&d);
}

static void opening_refuses_wrong_options(void **state) {
    (void)state;
    const rd_source source = rd_source_memory("", 0);
    rd_stats stats = {.size = 1};
    rd_error error = {.result = RD_OK};
    rd_ops *ops = (rd_ops *)&source;
    assert_int_equal(rd_ops_open(&ops, &source, &(rd_options){OPTIONS, .error = &error, .verify = (rd_verify)77}),
                     RD_E_PARAMETER);
    assert_null(ops);
    assert_int_equal(error.result, RD_E_PARAMETER);
    assert_non_null(error.reason);
    ops = (rd_ops *)&source;
    error.result = RD_OK;
    assert_int_equal(rd_ops_open(&ops, &source, &(rd_options){OPTIONS, .error = &error, .stats = &stats}),
                     RD_E_PARAMETER);
    assert_null(ops);
    assert_int_equal(error.result, RD_E_PARAMETER);
    rd_ops_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_and_literals_are_those_of_the_delta),
        cmocka_unit_test(literals_lie_where_it_is_said),
        cmocka_unit_test(literals_that_are_not_read_are_passed_over),
        cmocka_unit_test(a_delta_may_end_anywhere),
        cmocka_unit_test(a_delta_may_have_any_bytes),
        cmocka_unit_test(a_failing_source_is_reported),
        cmocka_unit_test(opening_refuses_wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
