/*
 * The stitcher against one scanner: whatever segments the new file is cut into, wherever they were scanned from, and
 * however many were scanned together, the copies are those of a scan in one go. Segments are a few budget windows long
 * here, so that a small file has many, and data is chosen to bring the parses apart: blocks that repeat, on other grids
 * than the segments', equal blocks of which one continues a copy, and colliding weak sums that exhaust the budget.
 */
#include "support.h"

#include "engine/stitcher.h"
#include "tables.h"

#define COPIES_REQUIRE assert_true
#include "copies.h"

/*
 * Scans the segments, up to `group` of them together, before the stitcher comes to them, but those for which `skip` is
 * drawn.
 */
static copies stitch(const rd_signature *signature, const rd_memory *new_file, uint64_t size, size_t group, bool skip,
                     random_source *r) {
    copies list = copies_new(new_file->size);
    rd__parse parses[RD__PARSES_MAX] = {{.copies = NULL}};
    rd_memory bytes[RD__PARSES_MAX];
    rd__stitcher stitcher;
    rd_op copy;
    rd__stitcher_init(&stitcher, signature, rd__kernels_best());
    bool last = false;
    for (uint64_t from = 0; !last;) {
        size_t count = 0;
        for (; !last && count < group; count++, from += size) {
            rd__parse *const parse = &parses[count];
            parse->view = segment_view(new_file, from, size, signature->params.block_len, &bytes[count]);
            last = parse->view.last;
            parse->stop = last ? UINT64_MAX : from + size;
        }
        assert_true(rd__parse_scan(parses, count, signature, table_at((size_t)(from / size % table_count()))));
        for (size_t i = 0; i < count; i++) {
            const bool skipped = skip && random_below(r, 3) == 0;
            const rd__view *const view = &parses[i].view;
            rd__stitcher_begin(&stitcher, skipped ? NULL : &parses[i]);
            while (rd__stitcher_next(&stitcher, view, parses[i].stop, &copy))
                copies_add(&list, &copy);
            check_true(stitcher.scanner.at >= (view->last ? new_file->size : parses[i].stop), "it is decided");
            rd_memory_free(&bytes[i]);
        }
    }
    list.end = stitcher.scanner.at;
    for (size_t i = 0; i < RD__PARSES_MAX; i++)
        rd__parse_free(&parses[i]);
    return list;
}

static void check_same(const copies *actual, const copies *expected, uint64_t seed) {
    for (size_t i = 0; i < actual->count && i < expected->count; i++) {
        const unsigned long long s = seed;
        check_equal(actual->ops[i].target_offset, expected->ops[i].target_offset, "seed %llu copy %zu target", s, i);
        check_equal(actual->ops[i].length, expected->ops[i].length, "seed %llu copy %zu length", s, i);
        check_equal(actual->ops[i].basis_offset, expected->ops[i].basis_offset, "seed %llu copy %zu basis", s, i);
    }
    check_equal(actual->count, expected->count, "seed %llu count", (unsigned long long)seed);
    check_equal(actual->end, expected->end, "seed %llu end", (unsigned long long)seed);
}

static void compare(const rd_memory *basis, rd_params params, const rd_memory *new_file, uint64_t seed) {
    random_source r = random_from(seed);
    rd_signature *const signature = loaded_signature_of(basis, params);
    const uint64_t window = rd__scanner_budget_window(signature);
    copies expected = copies_of_one_scan(signature, new_file);
    for (int run = 0; run < 4; run++) {
        const size_t group = run < 2 ? 1 : 2 + random_below(&r, RD__PARSES_MAX - 1);
        copies actual = stitch(signature, new_file, window * (1 + random_below(&r, 3)), group, run % 2, &r);
        check_same(&actual, &expected, seed);
        free(actual.ops);
    }
    free(expected.ops);
    rd_signature_free(signature);
}

static rd_params params_of(uint64_t seed, uint32_t block_len) {
    return (rd_params){.weak = seed % 2 ? RD_ROLLSUM : RD_RABINKARP, .block_len = block_len, .strong_len = 16};
}

static void edited_files_are_parsed_as_by_one_scanner(void **state) {
    (void)state;
    static const unsigned alphabets[] = {2, 3, 256, 256};
    for (uint64_t seed = 1; seed <= 120; seed++) {
        random_source r = random_from(seed);
        const unsigned alphabet = alphabets[seed % ITEMS(alphabets)];
        rd_memory basis = bytes_random(&r, 1 + random_below(&r, 20000), alphabet);
        rd_memory new_file = bytes_edited(&r, &basis, 1 + random_below(&r, 60000), alphabet);
        compare(&basis, params_of(seed, 1 + (uint32_t)random_below(&r, 300)), &new_file, seed);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/* Runs of whole blocks of the basis, one after another: copies cross segments, on a grid that shifts. */
static void copies_on_shifting_grids_are_parsed_as_by_one_scanner(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        random_source r = random_from(seed);
        const size_t block_len = 20 + random_below(&r, 300);
        rd_memory basis = bytes_random(&r, block_len * (1 + random_below(&r, 60)) + random_below(&r, block_len), 256);
        rd_memory new_file = bytes_random(&r, 60000, 256);
        for (size_t at = random_below(&r, 5); at < new_file.size;) {
            const size_t from = random_below(&r, basis.size) / block_len * block_len;
            size_t length = block_len * (1 + random_below(&r, 40));
            length = length < basis.size - from ? length : basis.size - from;
            length = length < new_file.size - at ? length : new_file.size - at;
            memcpy(new_file.data + at, basis.data + from, length);
            at += length + (random_below(&r, 3) == 0 ? random_below(&r, 2 * block_len) : 0);
        }
        compare(&basis, params_of(seed, (uint32_t)block_len), &new_file, seed);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/* A basis of few different blocks, each there many times in random order: which one is copied depends on the one
 * before. */
static void repeated_blocks_are_chosen_as_by_one_scanner(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        random_source r = random_from(seed);
        const size_t block_len = 16 + random_below(&r, 200);
        const size_t kinds = 1 + random_below(&r, 4);
        rd_memory blocks = bytes_random(&r, kinds * block_len, seed % 2 ? 256 : 1);
        rd_memory basis = bytes_random(&r, 80 * block_len + random_below(&r, block_len), 256);
        rd_memory new_file = bytes_random(&r, 400 * block_len, 256);
        for (size_t i = 0; i < 80; i++)
            memcpy(basis.data + i * block_len, blocks.data + random_below(&r, kinds) * block_len, block_len);
        for (size_t at = random_below(&r, block_len); at + block_len <= new_file.size; at += block_len) {
            memcpy(new_file.data + at, blocks.data + random_below(&r, kinds) * block_len, block_len);
            at += random_below(&r, 30) == 0 ? random_below(&r, block_len) : 0;
        }
        compare(&basis, params_of(seed, (uint32_t)block_len), &new_file, seed);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
        rd_memory_free(&blocks);
    }
}

/* One byte repeated, in files of all lengths: the parses of segments stand on their own grids and need not meet. */
static void runs_of_one_byte_are_parsed_as_by_one_scanner(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        random_source r = random_from(seed);
        rd_memory basis = bytes_random(&r, random_below(&r, 3000), 1);
        rd_memory new_file = bytes_random(&r, 20000 + random_below(&r, 20000), 1);
        for (size_t i = random_below(&r, 3); i > 0; i--)
            new_file.data[random_below(&r, new_file.size)] = 1;
        compare(&basis, params_of(seed, 1 + (uint32_t)random_below(&r, 200)), &new_file, seed);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/*
 * Blocks with the rollsum of one byte repeated: a byte more and one less, and their mirror image, keep both of its
 * sums. In the new file they lie between runs of that byte, whose windows all pass the index and exhaust the budget.
 */
static void exhausted_budgets_are_counted_as_by_one_scanner(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        random_source r = random_from(seed);
        const size_t block_len = 16 + 4 * random_below(&r, 60);
        rd_memory basis = {.data = bytes_new(20 * block_len), .size = 20 * block_len};
        rd_memory new_file = bytes_random(&r, 60000, 256);
        memset(basis.data, 'x', basis.size);
        for (size_t i = 0; i < 20; i++) {
            uint8_t *const block = basis.data + i * block_len;
            const uint8_t by = (uint8_t)(i + 1);
            block[0] = block[3] = (uint8_t)('x' + by);
            block[1] = block[2] = (uint8_t)('x' - by);
        }
        for (size_t at = 0; at < new_file.size;) {
            size_t length = 1 + random_below(&r, random_below(&r, 2) ? 400 : 5000);
            length = length < new_file.size - at ? length : new_file.size - at;
            if (random_below(&r, 3) == 0 && length >= block_len)
                memcpy(new_file.data + at, basis.data + random_below(&r, 20) * block_len, length = block_len);
            else if (random_below(&r, 4) > 0)
                memset(new_file.data + at, 'x', length);
            at += length;
        }
        compare(&basis, params_of(1, (uint32_t)block_len), &new_file, seed);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edited_files_are_parsed_as_by_one_scanner),
        cmocka_unit_test(copies_on_shifting_grids_are_parsed_as_by_one_scanner),
        cmocka_unit_test(repeated_blocks_are_chosen_as_by_one_scanner),
        cmocka_unit_test(runs_of_one_byte_are_parsed_as_by_one_scanner),
        cmocka_unit_test(exhausted_budgets_are_counted_as_by_one_scanner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
