/*
 * The index against a search through all blocks. Signatures are built through the loader from bytes, as in life. The
 * key of the index is random, so each run builds another arrangement; what it finds must always be the same.
 */
#include "support.h"

#include "engine/signature.h"

enum { HEADER = 12 };

/* A signature file of `count` blocks; weak sums are less than `weaks` or any (0), strong sums are of bytes <
 * `alphabet`. */
static rd_memory random_file(random_source *r, size_t count, size_t strong_len, uint32_t weaks, unsigned alphabet) {
    const size_t entry = 4 + strong_len;
    rd_memory file = bytes_random(r, HEADER + count * entry, alphabet);
    const uint8_t header[HEADER] = {0x72, 0x73, 0x01, 0x47, 0, 0, 8, 0, 0, 0, 0, (uint8_t)strong_len};
    memcpy(file.data, header, HEADER);
    for (size_t i = 0; i < count; i++) {
        uint32_t weak = (uint32_t)random_u64(r);
        weak = weaks ? weak % weaks : weak;
        for (size_t j = 0; j < 4; j++)
            file.data[HEADER + i * entry + j] = (uint8_t)(weak >> (24 - 8 * j));
    }
    return file;
}

static rd_signature *random_signature(random_source *r, size_t count, size_t strong_len, uint32_t weaks,
                                      unsigned alphabet) {
    rd_memory file = random_file(r, count, strong_len, weaks, alphabet);
    rd_signature *const signature = loaded(&file);
    rd_memory_free(&file);
    assert_int_equal(rd_signature_count(signature), count);
    return signature;
}

/* The first block with these sums, or the count. */
static uint64_t search_all(const rd_signature *s, uint32_t weak, const uint8_t *strong) {
    uint64_t block = 0;
    while (block < s->sums.count &&
           (s->sums.weak[block] != weak || memcmp(rd__sums_strong(&s->sums, block), strong, s->sums.strong_len) != 0))
        block++;
    return block;
}

static uint64_t search_index(const rd_signature *s, uint32_t weak, const uint8_t *strong) {
    rd__index_range range;
    uint32_t block = 0;
    if (!rd__index_find_weak(&s->index, weak, &range))
        return s->sums.count;
    return rd__index_find_strong(&s->index, &s->sums, &range, strong, &block) ? block : s->sums.count;
}

/* Looks up the sums of blocks, and sums that are near them, both ways. */
static void check_lookups(const rd_signature *s, random_source *r, size_t lookups) {
    const uint64_t count = s->sums.count;
    for (size_t i = 0; i < lookups; i++) {
        uint8_t strong[RD_STRONG_LEN_MAX];
        uint32_t weak = (uint32_t)random_below(r, 1000);
        random_fill(r, strong, sizeof strong, 3);
        if (count > 0 && random_below(r, 8) > 0) {
            const uint64_t block = random_below(r, (size_t)count);
            weak = s->sums.weak[block];
            memcpy(strong, rd__sums_strong(&s->sums, block), s->sums.strong_len);
            check_true(rd__filter_has(&s->index.filter, weak), "block %zu of %zu", (size_t)block, (size_t)count);
        }
        if (random_below(r, 3) == 0)
            strong[random_below(r, s->sums.strong_len)] ^= (uint8_t)(1u << random_below(r, 8));
        if (random_below(r, 8) == 0)
            weak ^= 1u << random_below(r, 32);
        check_equal(search_index(s, weak, strong), search_all(s, weak, strong),
                    "lookup %zu of %zu blocks, weak sum 0x%x", i, (size_t)count, weak);
    }
}

static void index_finds_what_a_search_through_all_blocks_finds(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 1000, 5000};
    static const size_t strong_lens[] = {1, 8, 32};
    static const uint32_t weaks[] = {1, 2, 50, 0};
    random_source r = random_from(1);
    for (size_t i = 0; i < ITEMS(counts) * ITEMS(strong_lens) * ITEMS(weaks); i++) {
        const size_t count = counts[i % ITEMS(counts)];
        const size_t strong_len = strong_lens[i / ITEMS(counts) % ITEMS(strong_lens)];
        const uint32_t limit = weaks[i / ITEMS(counts) / ITEMS(strong_lens)];
        rd_signature *const signature = random_signature(&r, count, strong_len, limit, strong_len == 1 ? 256 : 2);
        check_lookups(signature, &r, 300);
        rd_signature_free(signature);
    }
}

static void filter_lets_every_block_pass(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 100, 65536, 200000};
    random_source r = random_from(2);
    for (size_t i = 0; i < ITEMS(counts); i++) {
        rd_signature *const signature = random_signature(&r, counts[i], 1, 0, 256);
        for (size_t b = 0; b < counts[i]; b++)
            check_true(rd__filter_has(&signature->index.filter, signature->sums.weak[b]), "block %zu of %zu", b,
                       counts[i]);
        rd_signature_free(signature);
    }
}

static void filter_stops_most_other_sums(void **state) {
    (void)state;
    enum { PROBES = 100000 };
    random_source r = random_from(3);
    rd_signature *const signature = random_signature(&r, 20000, 8, 0, 256);
    size_t passed = 0;
    for (size_t i = 0; i < PROBES; i++)
        passed += rd__filter_has(&signature->index.filter, (uint32_t)random_u64(&r)) ? 1 : 0;
    check_true(passed < PROBES / 10, "%zu of %d passed", passed, PROBES); /* at most 1 in 40 is expected */
    rd_signature_free(signature);
}

/* The entries with a weak sum are its distinct blocks, in the order of their strong sums. */
static void range_of_a_weak_sum_is_its_distinct_blocks_in_order(void **state) {
    (void)state;
    enum { COUNT = 3000, WEAKS = 40 };
    random_source r = random_from(4);
    rd_signature *const s = random_signature(&r, COUNT, 8, WEAKS, 2);
    size_t entries = 0;
    size_t distinct = 0;
    for (uint32_t weak = 0; weak < WEAKS; weak++) {
        rd__index_range range;
        assert_true(rd__index_find_weak(&s->index, weak, &range));
        for (uint32_t i = range.first; i < range.end; i++, entries++) {
            const uint32_t block = s->index.entries[i].block;
            check_equal(s->sums.weak[block], weak, "entry %u", i);
            check_equal(search_all(s, weak, rd__sums_strong(&s->sums, block)), block, "entry %u is a first occurrence",
                        i);
            if (i > range.first) {
                const uint8_t *const before = rd__sums_strong(&s->sums, s->index.entries[i - 1].block);
                check_true(memcmp(before, rd__sums_strong(&s->sums, block), 8) < 0, "entry %u in order", i);
            }
        }
    }
    for (uint64_t b = 0; b < COUNT; b++)
        distinct += search_all(s, s->sums.weak[b], rd__sums_strong(&s->sums, b)) == b ? 1 : 0;
    assert_int_equal(entries, distinct);
    assert_int_equal(rd_signature_distinct(s), distinct);
    rd_signature_free(s);
}

static void equal_blocks_collapse_to_the_first(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    random_source r = random_from(5);
    rd_signature *const s = random_signature(&r, COUNT, 32, 1, 1);
    rd__index_range range;
    const uint8_t zeros[32] = {0};
    assert_true(rd__index_find_weak(&s->index, 0, &range));
    assert_int_equal(range.end - range.first, 1);
    assert_int_equal(rd_signature_distinct(s), 1);
    assert_int_equal(search_index(s, 0, zeros), 0);
    rd_signature_free(s);
}

/* As an attacker would send it: one weak sum for all, and every strong sum another. */
static void many_blocks_of_one_weak_sum_are_all_found(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    static const size_t strong_lens[] = {8, 32};
    for (size_t n = 0; n < ITEMS(strong_lens); n++) {
        random_source r = random_from(6);
        rd_signature *const s = random_signature(&r, COUNT, strong_lens[n], 1, 256);
        rd__index_range range;
        assert_true(rd__index_find_weak(&s->index, 0, &range));
        assert_int_equal(range.end - range.first, COUNT);
        for (size_t b = 0; b < COUNT; b++)
            check_equal(search_index(s, 0, rd__sums_strong(&s->sums, b)), b, "block %zu", b);
        check_lookups(s, &r, 100);
        rd_signature_free(s);
    }
}

/* Sorted, reversed and alternating input are what naive pivots are slow on. */
static void ordered_strong_sums_of_one_weak_sum_are_all_found(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    for (int order = 0; order < 3; order++) {
        random_source r = random_from(7);
        rd_memory file = random_file(&r, COUNT, 4, 1, 1);
        for (uint32_t b = 0; b < COUNT; b++) {
            const uint32_t value = order == 0 ? b : order == 1 ? COUNT - b : b % 2 ? b : COUNT - b;
            for (size_t j = 0; j < 4; j++)
                file.data[HEADER + 8 * b + 4 + j] = (uint8_t)(value >> (24 - 8 * j));
        }
        rd_signature *const s = loaded(&file);
        check_lookups(s, &r, 2000);
        rd_signature_free(s);
        rd_memory_free(&file);
    }
}

/* ---- Many blocks, in many parts -----------------------------------------------------------------------------------
 */

static const rd_signature *ordered; /* for by_sums */

/* Orders block numbers by their sums, equal ones by number. */
static int by_sums(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    const rd__sums *const sums = &ordered->sums;
    if (sums->weak[x] != sums->weak[y])
        return sums->weak[x] < sums->weak[y] ? -1 : 1;
    const int order = memcmp(rd__sums_strong(sums, x), rd__sums_strong(sums, y), sums->strong_len);
    return order != 0 ? order : (x > y) - (x < y);
}

/* Every block is found as the first of those that have its sums; a sort of them all says which that is. */
static void check_all_blocks(const rd_signature *s) {
    const size_t count = (size_t)s->sums.count;
    uint32_t *const blocks = malloc(count * sizeof *blocks);
    assert_non_null(blocks);
    for (uint32_t b = 0; b < count; b++)
        blocks[b] = b;
    ordered = s;
    qsort(blocks, count, sizeof *blocks, by_sums);
    uint32_t first = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *const strong = rd__sums_strong(&s->sums, blocks[i]);
        const bool same = i > 0 && s->sums.weak[blocks[i]] == s->sums.weak[first] &&
                          memcmp(strong, rd__sums_strong(&s->sums, first), s->sums.strong_len) == 0;
        first = same ? first : blocks[i];
        check_equal(search_index(s, s->sums.weak[first], strong), first, "block %zu", (size_t)blocks[i]);
    }
    free(blocks);
}

static void large_signatures_are_indexed_alike_by_any_number_of_threads(void **state) {
    (void)state;
    static const struct {
        size_t count;
        uint32_t weaks;
        unsigned alphabet;
    } shapes[] = {{300000, 0, 256}, {300000, 100000, 1}, {300000, 3, 256}, {200000, 5000, 2}};
    static const unsigned threads[] = {1, 2, 7};
    for (size_t n = 0; n < ITEMS(shapes) * ITEMS(threads); n++) {
        random_source r = random_from(10 + n);
        rd_memory file = random_file(&r, shapes[n / 3].count, 3, shapes[n / 3].weaks, shapes[n / 3].alphabet);
        const rd_source source = rd_source_memory(file.data, file.size);
        const rd_options options = {.size = sizeof options, .threads = threads[n % 3]};
        rd_signature *s = NULL;
        assert_int_equal(rd_signature_load(&s, &source, &options), RD_OK);
        check_all_blocks(s);
        rd_signature_free(s);
        rd_memory_free(&file);
    }
}

static void extreme_weak_sums_are_found(void **state) {
    (void)state;
    static const uint32_t sums[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    for (int run = 0; run < 100; run++) { /* each run has another key */
        random_source r = random_from(8);
        rd_memory file = random_file(&r, 2 * ITEMS(sums), 1, 1, 1);
        for (size_t b = 0; b < 2 * ITEMS(sums); b++) {
            for (size_t j = 0; j < 4; j++)
                file.data[HEADER + 5 * b + j] = (uint8_t)(sums[b / 2] >> (24 - 8 * j));
            file.data[HEADER + 5 * b + 4] = (uint8_t)(9 - b % 2);
        }
        rd_signature *const s = loaded(&file);
        for (size_t b = 0; b < 2 * ITEMS(sums); b++) {
            const uint8_t strong = (uint8_t)(9 - b % 2);
            check_equal(search_index(s, sums[b / 2], &strong), b, "run %d block %zu", run, b);
        }
        rd_signature_free(s);
        rd_memory_free(&file);
    }
}

static void empty_signature_has_nothing_to_find(void **state) {
    (void)state;
    random_source r = random_from(9);
    rd_signature *const s = random_signature(&r, 0, 32, 0, 256);
    rd__index_range range;
    assert_int_equal(rd_signature_distinct(s), 0);
    for (uint32_t weak = 0; weak < 1000; weak++) {
        assert_false(rd__filter_has(&s->index.filter, weak * 0x01000193u));
        assert_false(rd__index_find_weak(&s->index, weak * 0x01000193u, &range));
    }
    rd_signature_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_finds_what_a_search_through_all_blocks_finds),
        cmocka_unit_test(filter_lets_every_block_pass),
        cmocka_unit_test(filter_stops_most_other_sums),
        cmocka_unit_test(range_of_a_weak_sum_is_its_distinct_blocks_in_order),
        cmocka_unit_test(equal_blocks_collapse_to_the_first),
        cmocka_unit_test(many_blocks_of_one_weak_sum_are_all_found),
        cmocka_unit_test(ordered_strong_sums_of_one_weak_sum_are_all_found),
        cmocka_unit_test(large_signatures_are_indexed_alike_by_any_number_of_threads),
        cmocka_unit_test(extreme_weak_sums_are_found),
        cmocka_unit_test(empty_signature_has_nothing_to_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
