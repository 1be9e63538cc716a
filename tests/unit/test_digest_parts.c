/*
 * Parts of a digest: joined they give the digest of the whole file, whatever the ranges; their nodes depend only on the
 * range; and a record that is damaged, cut short or out of place is refused.
 */
#include "chunks.h"

#include "base/bytes.h"
#include "format/digest_part.h"
#include "tables.h"

enum { PARTS_MAX = 16 };

static rd_memory part_of(const rd_source *source, uint64_t offset, uint64_t length, rd_result expected) {
    rd_memory record = {0};
    rd_error error = {.result = RD_OK};
    rd_stats stats = {.size = sizeof stats};
    const rd_sink sink = rd_sink_memory(&record);
    const rd_result result =
        rd_digest_part_make(source, offset, length, &sink, &(rd_options){OPTIONS, .error = &error, .stats = &stats});
    check_equal(result, expected, "offset %llu", (unsigned long long)offset);
    check_equal(error.result, expected, "offset %llu", (unsigned long long)offset);
    check_equal(stats.out_bytes, record.size, "offset %llu", (unsigned long long)offset);
    return record;
}

static rd_part inspected(const rd_memory *record) {
    rd_part part = {0};
    const rd_source source = bytes_source(record);
    assert_int_equal(rd_digest_part_inspect(&source, &part, NULL), RD_OK);
    return part;
}

/* Ranges at random places: returns their number; at[i + 1] is where range i ends. */
static size_t random_ranges(random_source *r, uint64_t size, uint64_t at[PARTS_MAX + 1]) {
    const size_t count = 1 + random_below(r, PARTS_MAX);
    at[0] = 0;
    for (size_t i = 1; i < count; i++) {
        const uint64_t left = (size - at[i - 1]) / RD__BLAKE3_CHUNK;
        at[i] = at[i - 1] + random_below(r, (size_t)left + 1) * RD__BLAKE3_CHUNK;
    }
    at[count] = size;
    return count;
}

static void digests_of_ranges_join_to_that_of_the_file(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t run = 0; run < 300; run++) {
        rd_memory records[PARTS_MAX];
        rd_source sources[PARTS_MAX];
        uint64_t at[PARTS_MAX + 1];
        uint8_t expected[RD_DIGEST_LEN];
        uint8_t actual[RD_DIGEST_LEN];
        const size_t size = random_below(&r, run % 10 == 0 ? 1500000 : 20000);
        rd_memory file = bytes_random(&r, run % 3 == 0 ? size - size % RD__BLAKE3_CHUNK : size, 256);
        const rd_source source = bytes_source(&file);
        const size_t count = random_ranges(&r, file.size, at);
        for (size_t i = 0; i < count; i++) {
            records[i] = part_of(&source, at[i], i + 1 == count ? RD_UNKNOWN : at[i + 1] - at[i], RD_OK);
            sources[i] = bytes_source(&records[i]);
            const rd_part part = inspected(&records[i]);
            check_equal(part.offset, at[i], "run %zu", run);
            check_equal(part.length, at[i + 1] - at[i], "run %zu", run);
            check_equal(part.last, at[i + 1] == file.size, "run %zu", run);
        }
        assert_int_equal(rd_digest(&source, expected, NULL), RD_OK);
        rd_stats stats = {.size = sizeof stats};
        check_equal(rd_digest_join(sources, count, actual, &(rd_options){OPTIONS, .stats = &stats}), RD_OK, "run %zu",
                    run);
        check_bytes(actual, sizeof actual, expected, sizeof expected, "run %zu", run);
        check_true(stats.has_digest && memcmp(stats.digest, expected, sizeof expected) == 0, "run %zu", run);
        for (size_t i = 0; i < count; i++)
            rd_memory_free(&records[i]);
        rd_memory_free(&file);
    }
}

/* However the range was hashed: at once, in pieces, or joined of others. */
static void nodes_depend_on_the_range_alone(void **state) {
    (void)state;
    const rd__kernels *const kernels = rd__kernels_best();
    random_source r = random_from(2);
    rd_memory file = bytes_random(&r, 200 * (size_t)RD__BLAKE3_CHUNK, 256);
    for (size_t run = 0; run < 2000; run++) {
        const uint64_t start = random_below(&r, 2) == 0 ? 0 : random_below(&r, 100);
        const size_t length = random_below(&r, 100);
        const size_t cut = random_below(&r, length + 1);
        uint8_t expected[RD__NODES_MAX];
        uint8_t actual[RD__NODES_MAX];
        rd__digest whole, one, two;
        rd__digest_init(&whole, start);
        rd__digest_add(&whole, kernels, file.data, length * RD__BLAKE3_CHUNK);
        rd__digest_init(&one, start);
        rd__digest_init(&two, start + cut);
        for (size_t i = 0; i < cut; i++)
            rd__digest_add(&one, kernels, file.data + i * RD__BLAKE3_CHUNK, RD__BLAKE3_CHUNK);
        rd__digest_add(&two, kernels, file.data + cut * RD__BLAKE3_CHUNK, (length - cut) * RD__BLAKE3_CHUNK);
        if (random_below(&r, 2) == 0)
            rd__digest_settle(&two);
        rd__digest_join(&one, &two);
        const size_t size = rd__nodes_put(&whole, expected);
        check_equal(size, rd__nodes_size(start, start + length), "run %zu", run);
        check_bytes(actual, rd__nodes_put(&one, actual), expected, size, "run %zu: %zu chunks", run, length);
    }
    rd_memory_free(&file);
}

static void ranges_at_the_end_of_what_there_can_be_have_nodes(void **state) {
    (void)state;
    const uint64_t last = (uint64_t)INT64_MAX / RD__BLAKE3_CHUNK + 1;
    const uint64_t starts[] = {0, 1, last / 2, last / 2 + 1, last - 1, last};
    for (size_t i = 0; i < ITEMS(starts); i++) {
        const size_t size = rd__nodes_size(starts[i], last);
        check_true(size <= RD__NODES_MAX, "start %zu", i);
        check_equal(size == 0, starts[i] == last, "start %zu", i);
    }
}

static void check_refused(const rd_memory *record, rd_result expected, const char *what, size_t place) {
    rd_part part;
    rd_error error = {.result = RD_OK};
    const rd_source source = bytes_source(record);
    const rd_result result = rd_digest_part_inspect(&source, &part, &(rd_options){OPTIONS, .error = &error});
    check_equal(result, expected, "%s, at %zu", what, place);
    check_equal(error.result, expected, "%s, at %zu", what, place);
    assert_non_null(error.reason);
}

/* Makes the check right again, so that what it protects is looked at. */
static void check_again(rd_memory *record) {
    const size_t size = record->size - RD__PART_CHECK;
    rd__part_check(record->data, size, record->data + size);
}

static void damaged_records_are_refused(void **state) {
    (void)state;
    random_source r = random_from(3);
    rd_memory file = bytes_random(&r, 50000, 256);
    const rd_source source = bytes_source(&file);
    rd_memory record = part_of(&source, 3072, 9216, RD_OK);
    for (size_t at = 0; at < record.size; at++) {
        rd_memory damaged = bytes_copy(record.data, record.size);
        damaged.data[at] ^= (uint8_t)(1 + random_below(&r, 255));
        rd_part part;
        const rd_source from = bytes_source(&damaged);
        check_true(rd_digest_part_inspect(&from, &part, NULL) != RD_OK, "byte %zu", at);
        damaged.size = at;
        check_refused(&damaged, RD_E_TRUNCATED, "cut", at);
        rd_memory_free(&damaged);
    }
    static const struct {
        size_t at;
        uint8_t value;
        rd_result result;
    } changes[] = {
        {0, 'x', RD_E_MAGIC},     {4, 2, RD_E_PARAMETER},  {5, 2, RD_E_CORRUPT},  {6, 1, RD_E_CORRUPT},
        {7, 1, RD_E_CORRUPT},     {8, 0x80, RD_E_CORRUPT}, {15, 1, RD_E_CORRUPT}, {16, 0x7f, RD_E_TRUNCATED},
        {16, 0x80, RD_E_CORRUPT}, {22, 0, RD_E_CORRUPT},   {23, 1, RD_E_CORRUPT},
    };
    for (size_t i = 0; i < ITEMS(changes); i++) {
        rd_memory changed = bytes_copy(record.data, record.size);
        changed.data[changes[i].at] = changes[i].value;
        check_again(&changed);
        check_refused(&changed, changes[i].result, "changed", i);
        rd_memory_free(&changed);
    }
    rd_memory longer = bytes_copy(record.data, record.size);
    longer.data = realloc(longer.data, record.size + 10000);
    assert_non_null(longer.data);
    longer.size = record.size + 10000;
    memset(longer.data + record.size, 0, 10000);
    check_refused(&longer, RD_E_CORRUPT, "longer", record.size);
    rd_memory_free(&longer);
    rd_memory_free(&record);
    rd_memory_free(&file);
}

static void ranges_that_are_none_are_refused(void **state) {
    (void)state;
    random_source r = random_from(4);
    rd_memory file = bytes_random(&r, 5000, 256);
    const rd_source source = bytes_source(&file);
    const uint64_t ranges[][2] = {{1, RD_UNKNOWN}, {0, 1000}, {1024, 1025}, {6144, 0}, {UINT64_MAX - 1023, 0}};
    for (size_t i = 0; i < ITEMS(ranges); i++) {
        rd_memory none = part_of(&source, ranges[i][0], ranges[i][1], RD_E_PARAMETER);
        check_equal(none.size, 0, "range %zu", i);
        rd_memory_free(&none);
    }
    in_order reader = {.bytes = &file};
    const rd_source pipe = in_order_source(&reader);
    rd_memory none = part_of(&pipe, 0, RD_UNKNOWN, RD_E_PARAMETER);
    rd_memory_free(&none);
    rd_memory_free(&file);
}

static rd_result join(const rd_memory *records, const size_t *order, size_t count, uint32_t *index) {
    rd_source sources[PARTS_MAX];
    uint8_t digest[RD_DIGEST_LEN];
    rd_error error = {.result = RD_OK};
    rd_stats stats = {.size = sizeof stats};
    for (size_t i = 0; i < count; i++)
        sources[i] = bytes_source(&records[order[i]]);
    const rd_result result =
        rd_digest_join(sources, count, digest, &(rd_options){OPTIONS, .error = &error, .stats = &stats});
    assert_int_equal(error.result, result);
    *index = stats.delta_index;
    return result;
}

static void parts_that_do_not_fit_are_refused(void **state) {
    (void)state;
    random_source r = random_from(5);
    rd_memory file = bytes_random(&r, 5000, 256);
    const rd_source source = bytes_source(&file);
    rd_memory records[] = {part_of(&source, 0, 1024, RD_OK), part_of(&source, 1024, 2048, RD_OK),
                           part_of(&source, 3072, RD_UNKNOWN, RD_OK)};
    static const struct {
        size_t order[4];
        size_t count;
        uint32_t index;
        rd_result result;
    } cases[] = {
        {{0, 1, 2}, 3, 2, RD_OK},
        {{0}, 0, 0, RD_E_PARAMETER},
        {{0, 1}, 2, 1, RD_E_PARAMETER},
        {{0, 2}, 2, 1, RD_E_PARAMETER},
        {{1, 2}, 2, 0, RD_E_PARAMETER},
        {{0, 0, 1, 2}, 4, 1, RD_E_PARAMETER},
        {{0, 1, 2, 2}, 4, 3, RD_E_PARAMETER},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        uint32_t index = 99;
        check_equal(join(records, cases[i].order, cases[i].count, &index), cases[i].result, "case %zu", i);
        check_equal(index, cases[i].index, "case %zu", i);
    }
    for (size_t i = 0; i < ITEMS(records); i++)
        rd_memory_free(&records[i]);
    rd_memory_free(&file);
}

/* Whoever cuts a file by a size that it had before has parts without bytes at its end, or sees that it has grown. */
static void parts_without_bytes_follow_the_end_and_others_do_not(void **state) {
    (void)state;
    random_source r = random_from(7);
    rd_memory file = bytes_random(&r, 4096, 256);
    const rd_source source = bytes_source(&file);
    const rd_source shorter = rd_source_memory(file.data, 2048);
    rd_memory records[] = {part_of(&shorter, 0, 1024, RD_OK), part_of(&shorter, 1024, 1024, RD_OK),
                           part_of(&shorter, 2048, 0, RD_OK), part_of(&source, 2048, 0, RD_OK),
                           part_of(&source, 2048, RD_UNKNOWN, RD_OK)};
    static const struct {
        size_t order[5];
        size_t count;
        uint32_t index;
        const char *reason; /* NULL: they are joined */
    } cases[] = {
        {{0, 1, 2}, 3, 2, NULL},
        {{0, 1, 2, 2}, 4, 3, NULL},
        {{0, 2, 1}, 3, 1, "a part does not start where the part before it ends"},
        {{0, 1, 3}, 3, 2, "the parts do not reach to the end of the file"},
        {{0, 1, 4}, 3, 2, "the file ends with a part before this one"},
        {{0, 1, 3, 4}, 4, 3, "the file ends with a part before this one"},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        rd_source sources[ITEMS(cases[i].order)];
        uint8_t expected[RD_DIGEST_LEN];
        uint8_t digest[RD_DIGEST_LEN];
        rd_error error = {.result = RD_OK};
        rd_stats stats = {.size = sizeof stats};
        for (size_t j = 0; j < cases[i].count; j++)
            sources[j] = bytes_source(&records[cases[i].order[j]]);
        const rd_result result =
            rd_digest_join(sources, cases[i].count, digest, &(rd_options){OPTIONS, .error = &error, .stats = &stats});
        check_equal(result, cases[i].reason ? RD_E_PARAMETER : RD_OK, "case %zu", i);
        check_equal(stats.delta_index, cases[i].index, "case %zu", i);
        assert_int_equal(rd_digest(&shorter, expected, NULL), RD_OK);
        if (cases[i].reason)
            assert_string_equal(error.reason, cases[i].reason);
        else
            check_bytes(digest, sizeof digest, expected, sizeof expected, "case %zu", i);
    }
    for (size_t i = 0; i < ITEMS(records); i++)
        rd_memory_free(&records[i]);
    rd_memory_free(&file);
}

static void a_source_that_fails_gives_no_part(void **state) {
    (void)state;
    random_source r = random_from(6);
    rd_memory file = bytes_random(&r, 300000, 256);
    for (uint64_t at = 0; at < file.size; at += 1 + random_below(&r, 70000)) {
        chunks reader = chunks_of(&file, 50000, false);
        reader.fails = true;
        reader.fails_at = at;
        reader.failure = RD_E_IO;
        reader.error_number = EISDIR;
        const rd_source source = chunks_source(&reader);
        rd_memory none = part_of(&source, 0, RD_UNKNOWN, RD_E_IO);
        check_equal(none.size, 0, "at %llu", (unsigned long long)at);
        rd_memory_free(&none);
    }
    rd_memory_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_of_ranges_join_to_that_of_the_file),
        cmocka_unit_test(nodes_depend_on_the_range_alone),
        cmocka_unit_test(ranges_at_the_end_of_what_there_can_be_have_nodes),
        cmocka_unit_test(damaged_records_are_refused),
        cmocka_unit_test(ranges_that_are_none_are_refused),
        cmocka_unit_test(parts_that_do_not_fit_are_refused),
        cmocka_unit_test(parts_without_bytes_follow_the_end_and_others_do_not),
        cmocka_unit_test(a_source_that_fails_gives_no_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
