/*
 * Signatures in memory: made straight from a basis, in parts, and joined. All must be, byte for byte, the signature
 * that rd_signature_make writes, and deltas against them must be those against one that was loaded.
 */
#define _GNU_SOURCE
#include "chunks.h"

/* Bytes of a signature in memory; to be freed. */
static rd_memory bytes_of(const rd_signature *signature) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_stats stats = {.size = sizeof stats};
    assert_int_equal(rd_signature_write(signature, &sink, &(rd_options){OPTIONS, .stats = &stats}), RD_OK);
    assert_int_equal(stats.out_bytes, made.size);
    assert_int_equal(stats.blocks, rd_signature_count(signature));
    return made;
}

static rd_params random_params(random_source *r) {
    static const uint32_t lengths[] = {0, 1, 2, 3, 7, 13, 31, 64, 100, 511, 1000, 2048, 4097};
    return (rd_params){.weak = (rd_weak)random_below(r, 2),
                       .strong = (rd_strong)random_below(r, 2),
                       .block_len = lengths[random_below(r, ITEMS(lengths))],
                       .strong_len = (int32_t)random_below(r, 18) - 1};
}

static void check_signature(const rd_signature *actual, const rd_memory *expected_bytes, size_t run) {
    rd_signature *const expected = loaded(expected_bytes);
    rd_params a;
    rd_params b;
    rd_memory bytes = bytes_of(actual);
    check_memory(bytes, *expected_bytes, "run %zu", run);
    rd_signature_params(actual, &a);
    rd_signature_params(expected, &b);
    check_bytes((const uint8_t *)&a, sizeof a, (const uint8_t *)&b, sizeof b, "parameters, run %zu", run);
    check_equal(rd_signature_count(actual), rd_signature_count(expected), "run %zu", run);
    check_equal(rd_signature_distinct(actual), rd_signature_distinct(expected), "run %zu", run);
    check_equal(rd_signature_origin(actual), 0, "run %zu", run);
    check_equal(rd_signature_size(&a, rd_signature_count(actual)), expected_bytes->size, "run %zu", run);
    for (uint64_t i = 0; i < rd_signature_count(actual); i++) {
        check_equal(rd_signature_weak(actual, i), rd_signature_weak(expected, i), "run %zu", run);
        check_bytes(rd_signature_strong(actual, i), (size_t)a.strong_len, rd_signature_strong(expected, i),
                    (size_t)a.strong_len, "run %zu", run);
    }
    rd_memory_free(&bytes);
    rd_signature_free(expected);
}

static void check_deltas(const rd_signature *signature, const rd_memory *signature_bytes, const rd_memory *basis,
                         random_source *r, size_t run) {
    rd_signature *const expected = loaded(signature_bytes);
    for (int i = 0; i < 3; i++) {
        rd_memory new_file = bytes_edited(r, basis, random_below(r, 2 * basis->size + 100), 256);
        const rd_source source = bytes_source(&new_file);
        rd_memory made = {0};
        const rd_sink sink = rd_sink_memory(&made);
        rd_memory delta = delta_of(expected, i < 2 ? &new_file : basis, NULL);
        const rd_source same = bytes_source(basis);
        rd_stats stats = {.size = sizeof stats};
        const rd_options options = {OPTIONS, .threads = 1 + (unsigned)i, .stats = &stats};
        assert_int_equal(rd_delta_make(signature, i < 2 ? &source : &same, &sink, &options), RD_OK);
        check_memory(made, delta, "run %zu, %d", run, i);
        rd_memory_free(&made);
        rd_memory_free(&delta);
        rd_memory_free(&new_file);
    }
    rd_signature_free(expected);
}

/* A basis with equal blocks among others. */
static rd_memory random_basis(random_source *r, size_t size) {
    rd_memory basis = bytes_random(r, size, random_below(r, 3) == 0 ? 2 : 256);
    for (size_t n = random_below(r, 4); n > 0 && size > 1; n--) {
        const size_t length = random_below(r, size / 2);
        memmove(basis.data + random_below(r, size / 2), basis.data + size - length, length);
    }
    return basis;
}

static void a_signature_that_is_built_is_the_one_that_is_made(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t run = 0; run < 150; run++) {
        rd_memory basis = random_basis(&r, random_below(&r, run % 10 == 0 ? 400000 : 5000));
        const rd_params params = random_params(&r);
        rd_memory expected = signature_of(&basis, params);
        chunks by_offset = chunks_of(&basis, 1 + random_below(&r, 10000), false);
        const rd_source sources[] = {bytes_source(&basis), chunks_source(&by_offset)};
        for (size_t i = 0; i < ITEMS(sources); i++) {
            rd_signature *built = NULL;
            rd_stats stats = {.size = sizeof stats};
            const rd_options options = {OPTIONS, .params = params, .threads = 1 + (unsigned)random_below(&r, 4),
                                        .stats = &stats};
            assert_int_equal(rd_signature_build(&built, &sources[i], &options), RD_OK);
            check_equal(stats.in_bytes, basis.size, "run %zu", run);
            check_equal(stats.blocks, rd_signature_count(built), "run %zu", run);
            rd_params resolved;
            rd_signature_params(built, &resolved);
            check_equal(rd_block_count(&resolved, basis.size), stats.blocks, "run %zu", run);
            check_signature(built, &expected, run);
            check_deltas(built, &expected, &basis, &r, run);
            rd_signature_free(built);
        }
        rd_memory_free(&expected);
        rd_memory_free(&basis);
    }
}

/* A pipe, whose size is not known, is as with rd_signature_make. */
static void a_pipe_is_built_as_it_is_made(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (size_t run = 0; run < 50; run++) {
        rd_memory basis = random_basis(&r, random_below(&r, 20000));
        const rd_params params = random_params(&r);
        chunks first = chunks_of(&basis, 1 + random_below(&r, 1000), true);
        chunks second = first;
        const rd_source one = chunks_source(&first);
        const rd_source other = chunks_source(&second);
        rd_memory expected = {0};
        const rd_sink sink = rd_sink_memory(&expected);
        rd_signature *built = NULL;
        const rd_options options = {OPTIONS, .params = params};
        assert_int_equal(rd_signature_make(&one, &sink, &options), RD_OK);
        assert_int_equal(rd_signature_build(&built, &other, &options), RD_OK);
        check_signature(built, &expected, run);
        rd_signature_free(built);
        rd_memory_free(&expected);
        rd_memory_free(&basis);
    }
}

/* Blocks so long that they are signed one by one. */
static void long_blocks_are_built_too(void **state) {
    (void)state;
    random_source r = random_from(3);
    static const uint32_t lengths[] = {200001, 1000000, 3000000, RD_BLOCK_LEN_MAX};
    rd_memory basis = bytes_random(&r, 2500000, 256);
    const rd_source source = bytes_source(&basis);
    for (size_t i = 0; i < ITEMS(lengths); i++) {
        const rd_params params = {.block_len = lengths[i]};
        const rd_options options = {OPTIONS, .params = params};
        rd_memory expected = signature_of(&basis, params);
        rd_signature *built = NULL;
        rd_signature *parts[2] = {NULL};
        assert_int_equal(rd_signature_build(&built, &source, &options), RD_OK);
        check_signature(built, &expected, i);
        rd_signature_free(built);
        if (lengths[i] < basis.size) {
            assert_int_equal(rd_signature_build_part(&parts[0], &source, 0, lengths[i], &options), RD_OK);
            assert_int_equal(rd_signature_build_part(&parts[1], &source, lengths[i], RD_UNKNOWN, &options), RD_OK);
            assert_int_equal(rd_signature_join(&built, (const rd_signature *const *)parts, 2, NULL), RD_OK);
            check_signature(built, &expected, i);
            rd_signature_free(built);
            rd_signature_free(parts[0]);
            rd_signature_free(parts[1]);
        }
        rd_memory_free(&expected);
    }
    rd_memory_free(&basis);
}

enum { PARTS_MAX = 12 };

typedef struct part_list {
    rd_signature *parts[PARTS_MAX];
    size_t count;
} part_list;

/* Cuts the basis after whole blocks, anywhere, and makes a part of each range; some are written and loaded again. */
static part_list cut(const rd_source *basis, uint64_t size, rd_params params, random_source *r) {
    part_list list = {.count = 0};
    rd_params resolved = params;
    assert_int_equal(rd_params_resolve(&resolved, size), RD_OK);
    const uint64_t blocks = rd_block_count(&resolved, size);
    for (uint64_t block = 0; list.count == 0 || block < blocks;) {
        const bool last = list.count == PARTS_MAX - 1;
        uint64_t count = random_below(r, (size_t)blocks + 1); /* perhaps none */
        count = last || count > blocks - block ? blocks - block : count;
        const uint64_t offset = block * resolved.block_len;
        const bool to_end = block + count == blocks;
        const uint64_t length = !to_end                   ? count * resolved.block_len
                                : random_below(r, 2) == 0 ? RD_UNKNOWN
                                                          : size - offset;
        rd_signature *part = NULL;
        const rd_options options = {OPTIONS, .params = params, .threads = 1 + (unsigned)random_below(r, 3)};
        assert_int_equal(rd_signature_build_part(&part, basis, offset, length, &options), RD_OK);
        assert_int_equal(rd_signature_origin(part), offset);
        assert_int_equal(rd_signature_count(part), count);
        assert_int_equal(rd_signature_distinct(part), RD_UNKNOWN);
        if (random_below(r, 3) == 0) {
            rd_memory bytes = bytes_of(part);
            rd_signature_free(part);
            const rd_source in = bytes_source(&bytes);
            assert_int_equal(rd_signature_load_part(&part, &in, offset, NULL), RD_OK);
            assert_int_equal(rd_signature_origin(part), offset);
            assert_int_equal(rd_signature_count(part), count);
            assert_int_equal(rd_signature_distinct(part), RD_UNKNOWN);
            rd_memory_free(&bytes);
        }
        list.parts[list.count++] = part;
        block += count;
        if (last)
            break;
    }
    return list;
}

static rd_signature *joined(const part_list *list, size_t from) {
    rd_signature *signature = NULL;
    rd_error error = {.reason = "none"};
    const rd_options options = {OPTIONS, .threads = 2, .error = &error};
    check_equal(
        rd_signature_join(&signature, (const rd_signature *const *)list->parts + from, list->count - from, &options),
        RD_OK, "%s", error.reason);
    return signature;
}

static void part_list_free(part_list *list) {
    for (size_t i = 0; i < list->count; i++)
        rd_signature_free(list->parts[i]);
}

static void parts_that_are_joined_are_the_whole(void **state) {
    (void)state;
    random_source r = random_from(4);
    for (size_t run = 0; run < 150; run++) {
        rd_memory basis = random_basis(&r, random_below(&r, run % 10 == 0 ? 400000 : 5000));
        const rd_params params = random_params(&r);
        rd_memory expected = signature_of(&basis, params);
        chunks by_offset = chunks_of(&basis, 1 + random_below(&r, 10000), false);
        const rd_source sources[] = {bytes_source(&basis), chunks_source(&by_offset)};
        part_list list = cut(&sources[run % 2], basis.size, params, &r);
        rd_signature *const whole = joined(&list, 0);
        check_signature(whole, &expected, run);
        check_deltas(whole, &expected, &basis, &r, run);

        /* What was joined can be joined again. */
        if (list.count > 2) {
            part_list two = {.count = 2};
            const part_list first = {.count = 2, .parts = {list.parts[0], list.parts[1]}};
            two.parts[0] = joined(&first, 0);
            two.parts[1] = joined(&list, 2);
            rd_signature *const again = joined(&two, 0);
            check_signature(again, &expected, run);
            rd_signature_free(again);
            part_list_free(&two);
        }
        rd_signature_free(whole);
        part_list_free(&list);
        rd_memory_free(&expected);
        rd_memory_free(&basis);
    }
}

/* Without the first parts: copies are still of the whole basis, and nothing is found in what is missing. */
static void a_join_that_starts_later_copies_from_the_whole_basis(void **state) {
    (void)state;
    random_source r = random_from(5);
    for (size_t run = 0; run < 120; run++) {
        rd_memory basis = bytes_random(&r, 1 + random_below(&r, run % 10 == 0 ? 2000000 : 9000), 256);
        const rd_params params = {.block_len = 50 + (uint32_t)random_below(&r, 500),
                                  .strong = (rd_strong)random_below(&r, 2)};
        const rd_source source = bytes_source(&basis);
        part_list list = cut(&source, basis.size, params, &r);
        if (list.count > 1) {
            const size_t from = 1 + random_below(&r, list.count - 1);
            rd_signature *const later = joined(&list, from);
            const uint64_t origin = rd_signature_origin(later);
            assert_int_equal(origin, rd_signature_origin(list.parts[from]));
            rd_memory new_files[] = {bytes_edited(&r, &basis, 2 * basis.size, 256),
                                     bytes_copy(basis.data + origin, basis.size - (size_t)origin)};
            for (size_t i = 0; i < ITEMS(new_files); i++) {
                for (unsigned threads = 1; threads <= 3; threads++) {
                    rd_memory delta = {0};
                    const rd_source new_file = bytes_source(&new_files[i]);
                    const rd_sink sink = rd_sink_memory(&delta);
                    rd_stats stats = {.size = sizeof stats};
                    assert_int_equal(rd_delta_make(later, &new_file, &sink,
                                                   &(rd_options){OPTIONS, .threads = threads, .stats = &stats}),
                                     RD_OK);
                    rd_memory made = patched(&basis, &delta);
                    check_memory(made, new_files[i], "run %zu, origin %llu", run, (unsigned long long)origin);
                    check_true(!stats.identical || new_files[i].size == basis.size, "run %zu", run);
                    if (i == 1) /* all of it is there */
                        check_equal(stats.literal_bytes, 0, "run %zu, origin %llu", run, (unsigned long long)origin);
                    rd_memory_free(&made);
                    rd_memory_free(&delta);
                }
                rd_stream *stream = NULL;
                assert_int_equal(rd_delta_stream_new(&stream, later, NULL), RD_OK);
                rd_in in = {.data = new_files[i].data, .size = new_files[i].size};
                rd_memory delta = {0};
                rd_result result = RD_MORE;
                while (result == RD_MORE) {
                    uint8_t data[1000];
                    rd_out out = {.data = data, .size = sizeof data};
                    result = rd_stream_step(stream, &in, &out, true);
                    const rd_sink sink = rd_sink_memory(&delta);
                    assert_int_equal(rd_sink_write(&sink, data, out.pos, NULL), RD_OK);
                }
                assert_int_equal(result, RD_OK);
                rd_memory made = patched(&basis, &delta);
                check_memory(made, new_files[i], "stream, run %zu", run);
                rd_stream_free(stream);
                rd_memory_free(&made);
                rd_memory_free(&delta);
                rd_memory_free(&new_files[i]);
            }
            rd_signature_free(later);
        }
        part_list_free(&list);
        rd_memory_free(&basis);
    }
}

/* ---- What is refused --------------------------------------------------------------------------------------------- */

static void check_refused(rd_result actual, rd_result expected, const rd_error *error, const rd_signature *signature,
                          const char *name) {
    check_equal(actual, expected, "%s: %s", name, error->reason);
    check_equal(error->result, expected, "%s", name);
    check_true(error->reason != NULL, "%s", name);
    check_true(signature == NULL, "%s", name);
}

static void ranges_that_are_no_whole_blocks_are_refused(void **state) {
    (void)state;
    static const struct {
        uint64_t offset;
        uint64_t length;
        rd_result result;
    } cases[] = {
        {0, 100, RD_OK},
        {0, 0, RD_OK},
        {100, 100, RD_OK},
        {200, 50, RD_OK},
        {200, 51, RD_OK}, /* more than there is */
        {200, RD_UNKNOWN, RD_OK},
        {0, 250, RD_OK},
        {0, 99, RD_E_PARAMETER},
        {0, 249, RD_E_PARAMETER},
        {1, 100, RD_E_PARAMETER},
        {50, RD_UNKNOWN, RD_E_PARAMETER},
        {250, RD_UNKNOWN, RD_E_PARAMETER},
        {300, 100, RD_E_PARAMETER}, /* after the end */
        {300, RD_UNKNOWN, RD_E_PARAMETER},
        {RD_UNKNOWN, RD_UNKNOWN, RD_E_PARAMETER},
        {(uint64_t)1 << 63, RD_UNKNOWN, RD_E_PARAMETER},
    };
    uint8_t bytes[250] = {0};
    const rd_source source = rd_source_memory(bytes, sizeof bytes);
    for (size_t i = 0; i < ITEMS(cases); i++) {
        rd_signature *part = (rd_signature *)&source;
        rd_error error = {.result = RD_OK};
        const rd_options options = {OPTIONS, .params = {.block_len = 100}, .error = &error};
        const rd_result result = rd_signature_build_part(&part, &source, cases[i].offset, cases[i].length, &options);
        check_equal(result, cases[i].result, "case %zu: %s", i, error.reason);
        check_equal(error.result, cases[i].result, "case %zu", i);
        check_true((part == NULL) == (result != RD_OK), "case %zu", i);
        rd_signature_free(part);
    }

    /* A basis whose size is not known: all but the length of the last part must be whole. */
    rd_memory long_basis = {.data = bytes, .size = sizeof bytes};
    chunks reader = chunks_of(&long_basis, 50, false);
    const rd_source unsized = rd_source_callback(chunks_read, &reader, RD_UNKNOWN, RD_SEEKABLE);
    const rd_options options = {OPTIONS, .params = {.block_len = 100}};
    rd_signature *part = NULL;
    assert_int_equal(rd_signature_build_part(&part, &unsized, 200, RD_UNKNOWN, &options), RD_OK);
    assert_int_equal(rd_signature_count(part), 1);
    rd_signature_free(part);
    assert_int_equal(rd_signature_build_part(&part, &unsized, 200, 50, &options), RD_E_PARAMETER);
    chunks pipe = chunks_of(&long_basis, 50, true);
    const rd_source piped = chunks_source(&pipe);
    assert_int_equal(rd_signature_build_part(&part, &piped, 100, RD_UNKNOWN, &options), RD_E_IO);
    assert_null(part);
}

/* Joins some of the parts of the next test, by their numbers there. */
static void check_joins(rd_signature *const *parts) {
    static const struct {
        size_t parts[3];
        size_t count;
        rd_result result;
    } joins[] = {
        {{0, 1, 2}, 3, RD_OK},       {{0, 1}, 2, RD_OK},
        {{1, 2}, 2, RD_OK},          {{0}, 1, RD_OK},
        {{0}, 0, RD_E_PARAMETER},    {{0, 2}, 2, RD_E_PARAMETER},
        {{1, 0}, 2, RD_E_PARAMETER}, {{0, 0}, 2, RD_E_PARAMETER},
        {{0, 3}, 2, RD_E_PARAMETER}, {{0, 4}, 2, RD_E_PARAMETER},
        {{0, 5}, 2, RD_E_PARAMETER}, {{0, 6}, 2, RD_E_PARAMETER},
        {{0, 8}, 2, RD_E_PARAMETER}, {{9, 1}, 2, RD_E_PARAMETER},
        {{2, 7}, 2, RD_E_PARAMETER}, {{9, 10}, 2, RD_E_PARAMETER}, /* a short block in between */
    };
    for (size_t i = 0; i < ITEMS(joins); i++) {
        const rd_signature *list[3];
        for (size_t j = 0; j < joins[i].count; j++)
            list[j] = parts[joins[i].parts[j]];
        rd_signature *signature = (rd_signature *)&list;
        rd_error error = {.result = RD_OK};
        const rd_result result =
            rd_signature_join(&signature, list, joins[i].count, &(rd_options){OPTIONS, .error = &error});
        check_equal(result, joins[i].result, "join %zu: %s", i, error.reason);
        check_equal(error.result, result, "join %zu", i);
        check_true((signature == NULL) == (result != RD_OK), "join %zu", i);
        rd_signature_free(signature);
    }
}

static void parts_that_do_not_fit_are_refused(void **state) {
    (void)state;
    uint8_t bytes[1050] = {0};
    const rd_source source = rd_source_memory(bytes, sizeof bytes);
    static const struct {
        uint64_t offset;
        uint64_t length;
        rd_params params;
    } made[] = {
        {0, 300, {.block_len = 100}},
        {300, 300, {.block_len = 100}},
        {600, RD_UNKNOWN, {.block_len = 100}},
        {300, 300, {.block_len = 50}},
        {300, 300, {.block_len = 100, .strong_len = 8}},
        {300, 300, {.block_len = 100, .strong = RD_MD4}},
        {300, 300, {.block_len = 100, .weak = RD_ROLLSUM}},
        {1050, RD_UNKNOWN, {.block_len = 50}},
        {200, 200, {.block_len = 100}},
        {0, RD_UNKNOWN, {.block_len = 100}},
        {1100, RD_UNKNOWN, {.block_len = 100}}, /* not from this basis: see below */
    };
    enum { COUNT = ITEMS(made) };
    rd_signature *parts[COUNT];
    for (size_t i = 0; i < COUNT - 1; i++) {
        const rd_options options = {OPTIONS, .params = made[i].params};
        check_equal(rd_signature_build_part(&parts[i], &source, made[i].offset, made[i].length, &options), RD_OK,
                    "part %zu", i);
    }
    rd_memory written = bytes_of(parts[0]);
    const rd_source in = bytes_source(&written);
    assert_int_equal(rd_signature_load_part(&parts[COUNT - 1], &in, 1100, NULL), RD_OK);
    check_joins(parts);
    for (size_t i = 0; i < COUNT; i++)
        rd_signature_free(parts[i]);
    rd_memory_free(&written);
}

static void a_part_makes_no_delta(void **state) {
    (void)state;
    uint8_t bytes[1000] = {0};
    const rd_source source = rd_source_memory(bytes, sizeof bytes);
    rd_signature *parts[2] = {NULL};
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_error error = {.result = RD_OK};
    const rd_options options = {OPTIONS, .params = {.block_len = 100}, .error = &error};
    assert_int_equal(rd_signature_build_part(&parts[0], &source, 100, 300, &options), RD_OK);
    rd_memory bytes_of_part = bytes_of(parts[0]);
    const rd_source in = bytes_source(&bytes_of_part);
    assert_int_equal(rd_signature_load_part(&parts[1], &in, 100, NULL), RD_OK);
    for (size_t i = 0; i < ITEMS(parts); i++) {
        rd_stream *stream = (rd_stream *)&source;
        error.result = RD_OK;
        check_refused(rd_delta_make(parts[i], &source, &sink, &options), RD_E_STATE, &error, NULL, "whole");
        assert_int_equal(error.role, RD_ROLE_SIGNATURE);
        error.result = RD_OK;
        check_refused(rd_delta_stream_new(&stream, parts[i], &options), RD_E_STATE, &error, NULL, "stream");
        assert_null(stream);
        rd_signature_free(parts[i]);
    }
    assert_int_equal(made.size, 0);
    rd_memory_free(&bytes_of_part);
}

static void loaded_parts_are_refused_where_they_cannot_lie(void **state) {
    (void)state;
    uint8_t bytes[1000] = {0};
    const rd_memory basis = {.data = bytes, .size = sizeof bytes};
    rd_memory written = signature_of(&basis, (rd_params){.block_len = 100});
    const rd_source in = bytes_source(&written);
    const uint64_t last = INT64_MAX / 100 * 100;
    const struct {
        uint64_t offset;
        rd_result result;
    } cases[] = {{0, RD_OK},
                 {100, RD_OK},
                 {99, RD_E_PARAMETER},
                 {last - 1000, RD_OK},
                 {last - 900, RD_E_PARAMETER},
                 {UINT64_MAX / 100 * 100, RD_E_PARAMETER},
                 {RD_UNKNOWN, RD_E_PARAMETER}};
    for (size_t i = 0; i < ITEMS(cases); i++) {
        rd_signature *part = (rd_signature *)&in;
        rd_error error = {.result = RD_OK};
        const rd_result result =
            rd_signature_load_part(&part, &in, cases[i].offset, &(rd_options){OPTIONS, .error = &error});
        check_equal(result, cases[i].result, "case %zu: %s", i, error.reason);
        check_equal(error.result, result, "case %zu", i);
        check_true((part == NULL) == (result != RD_OK), "case %zu", i);
        rd_signature_free(part);
    }
    rd_memory_free(&written);
}

static void limits_are_kept(void **state) {
    (void)state;
    uint8_t bytes[1050] = {0};
    const rd_source source = rd_source_memory(bytes, sizeof bytes);
    enum { PER_BLOCK = 32 + 16 };
    const rd_options open = {OPTIONS, .params = {.block_len = 100}};
    rd_signature *parts[2] = {NULL};
    assert_int_equal(rd_signature_build_part(&parts[0], &source, 0, 600, &open), RD_OK);
    assert_int_equal(rd_signature_build_part(&parts[1], &source, 600, RD_UNKNOWN, &open), RD_OK);
    for (uint64_t blocks = 1; blocks < 13; blocks++) {
        for (int memory = 0; memory < 2; memory++) {
            for (int i = 0; i < 3; i++) {
                const uint64_t needed = i == 2 ? 5 : 11;
                rd_signature *signature = (rd_signature *)&source;
                rd_error error = {.result = RD_OK};
                rd_options options = {OPTIONS, .params = {.block_len = 100}, .error = &error};
                if (memory)
                    options.limits.memory = blocks * PER_BLOCK;
                else
                    options.limits.blocks = blocks;
                const rd_result result =
                    i == 0   ? rd_signature_build(&signature, &source, &options)
                    : i == 1 ? rd_signature_join(&signature, (const rd_signature *const *)parts, 2, &options)
                             : rd_signature_build_part(&signature, &source, 600, RD_UNKNOWN, &options);
                check_equal(result, blocks < needed ? RD_E_LIMIT : RD_OK, "%llu blocks, %d", (unsigned long long)blocks,
                            i);
                check_equal(error.result, result, "%llu blocks, %d", (unsigned long long)blocks, i);
                check_true((signature == NULL) == (result != RD_OK), "%llu blocks, %d", (unsigned long long)blocks, i);
                rd_signature_free(signature);
            }
        }
    }
    rd_signature_free(parts[0]);
    rd_signature_free(parts[1]);
}

static void a_basis_that_fails_gives_no_signature(void **state) {
    (void)state;
    random_source r = random_from(6);
    rd_memory basis = bytes_random(&r, 3000000, 256);
    for (uint64_t at = 0; at < basis.size; at += 1 + random_below(&r, 700000)) {
        for (int i = 0; i < 4; i++) {
            chunks reader = chunks_of(&basis, 100000, i < 2);
            reader.fails = true;
            reader.fails_at = at;
            reader.failure = RD_E_IO;
            reader.error_number = EISDIR;
            const rd_source source = chunks_source(&reader);
            rd_signature *signature = (rd_signature *)&source;
            rd_error error = {.result = RD_OK};
            const rd_options options = {OPTIONS, .error = &error, .params = {.block_len = i % 2 == 0 ? 1000 : 1000000}};
            const rd_result result = i == 3 ? rd_signature_build_part(&signature, &source, 0, RD_UNKNOWN, &options)
                                            : rd_signature_build(&signature, &source, &options);
            check_refused(result, RD_E_IO, &error, signature, "basis");
            check_equal(error.system_error, EISDIR, "%d", i);
            check_equal(error.role, RD_ROLE_BASIS, "%d", i);
        }
    }
    rd_memory_free(&basis);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_that_is_built_is_the_one_that_is_made),
        cmocka_unit_test(a_pipe_is_built_as_it_is_made),
        cmocka_unit_test(long_blocks_are_built_too),
        cmocka_unit_test(parts_that_are_joined_are_the_whole),
        cmocka_unit_test(a_join_that_starts_later_copies_from_the_whole_basis),
        cmocka_unit_test(ranges_that_are_no_whole_blocks_are_refused),
        cmocka_unit_test(parts_that_do_not_fit_are_refused),
        cmocka_unit_test(a_part_makes_no_delta),
        cmocka_unit_test(loaded_parts_are_refused_where_they_cannot_lie),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_basis_that_fails_gives_no_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
