/*
 * Both weak sums against their definitions, written as plain sums without rolling or unrolling:
 *
 *     RabinKarp  m^n + b[0] m^(n-1) + ... + b[n-1]  mod 2^32, by Horner's rule a byte at a time
 *     rollsum    the sum of (b[i] + 31) and the sum of (n - i) (b[i] + 31), each mod 2^16
 *
 * Every table of kernels that this machine can run is tested.
 */
#include "support.h"

#include "hash/rabinkarp.h"
#include "hash/sums.h"
#include "tables.h"

static const rd_weak kinds[] = {RD_RABINKARP, RD_ROLLSUM};
static const size_t block_lens[] = {1, 2, 3, 7, 16, 100, 2048, 70000};

static uint32_t sum_by_definition(rd_weak kind, const uint8_t *data, size_t size) {
    uint32_t h = 1;
    uint64_t s1 = 0;
    uint64_t s2 = 0;
    for (size_t i = 0; i < size; i++) {
        h = h * 0x08104225u + data[i];
        s1 += data[i] + 31u;
        s2 += (uint64_t)(size - i) * (data[i] + 31u);
    }
    return kind == RD_RABINKARP ? h : (uint32_t)(s2 % 65536 * 65536 + s1 % 65536);
}

/* Random bytes, or the greatest that there are: sums overflow soonest on those. */
static rd_memory message(size_t size, bool saturated) {
    rd_memory made = bytes_random(&(random_source){size}, size, 256);
    if (saturated && size > 0)
        memset(made.data, 0xff, size);
    return made;
}

static void known_sums_are_met(void **state) {
    (void)state;
    for (size_t t = 0; t < table_count(); t++) {
        /* Worked out by hand: m + 'a'; 'a' + 31 in both halves. */
        assert_int_equal(table_at(t)->weak_update[RD_RABINKARP](1, (const uint8_t *)"a", 1), 0x08104225u + 0x61u);
        assert_int_equal(table_at(t)->weak_update[RD_ROLLSUM](0, (const uint8_t *)"a", 1), 0x00800080u);
        /* 128 + 129 = 257; 2 * 128 + 129 = 385 */
        assert_int_equal(table_at(t)->weak_update[RD_ROLLSUM](0, (const uint8_t *)"ab", 2), 0x01810101u);
    }
    assert_int_equal(rd__weak_seed(RD_RABINKARP), 1);
    assert_int_equal(rd__weak_seed(RD_ROLLSUM), 0);
}

static void update_is_the_sum_by_definition(void **state) {
    (void)state;
    for (size_t i = 0; i < table_count() * ITEMS(kinds); i++) {
        const rd__kernels *const table = table_at(i / ITEMS(kinds));
        const rd_weak kind = kinds[i % ITEMS(kinds)];
        for (size_t size = 0; size < 700; size++) {
            for (size_t shift = 0; shift < 9; shift++) {
                rd_memory data = message(shift + size, shift == 8);
                const uint32_t sum = table->weak_update[kind](rd__weak_seed(kind), data.data + shift, size);
                check_equal(sum, sum_by_definition(kind, data.data + shift, size), "%s kind %d size %zu at %zu",
                            table->name, kind, size, shift);
                rd_memory_free(&data);
            }
        }
    }
}

static void update_of_long_data_is_the_sum_by_definition(void **state) {
    (void)state;
    static const size_t sizes[] = {65535, 65536, 65537, 70000, 1000003, 5000000};
    for (size_t i = 0; i < table_count() * ITEMS(kinds) * ITEMS(sizes) * 2; i++) {
        const rd__kernels *const table = table_at(i / 2 / ITEMS(kinds) / ITEMS(sizes));
        const rd_weak kind = kinds[i % ITEMS(kinds)];
        const size_t size = sizes[i / ITEMS(kinds) % ITEMS(sizes)];
        rd_memory data = message(size, i / ITEMS(kinds) / ITEMS(sizes) % 2);
        const uint32_t sum = table->weak_update[kind](rd__weak_seed(kind), data.data, size);
        check_equal(sum, sum_by_definition(kind, data.data, size), "%s kind %d size %zu", table->name, kind, size);
        rd_memory_free(&data);
    }
}

static void update_in_pieces_is_the_same(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t i = 0; i < table_count() * ITEMS(kinds) * 500; i++) {
        const rd__kernels *const table = table_at(i / ITEMS(kinds) / 500);
        const rd_weak kind = kinds[i % ITEMS(kinds)];
        rd_memory data = message(random_below(&r, 2000), i % 7 == 0);
        uint32_t sum = rd__weak_seed(kind);
        for (size_t at = 0; at < data.size;) {
            const size_t wanted = random_below(&r, 100);
            const size_t piece = wanted < data.size - at ? wanted : data.size - at;
            sum = table->weak_update[kind](sum, data.data + at, piece);
            at += piece;
        }
        check_equal(sum, sum_by_definition(kind, data.data, data.size), "%s kind %d run %zu", table->name, kind, i);
        rd_memory_free(&data);
    }
}

/* ---- Rolling ----------------------------------------------------------------------------------------------------- */

enum { POSITIONS = RD__SEEK_MAX + 100, WORDS_LOG2 = 8, WORDS = 1 << WORDS_LOG2 };

/* Data, and the sum by definition of the window at each of its positions 0 .. POSITIONS. */
typedef struct windows {
    rd_weak kind;
    size_t block_len;
    rd_memory data;
    uint32_t sums[POSITIONS + 1];
} windows;

static windows *windows_new(rd_weak kind, size_t block_len, bool saturated) {
    windows *const w = malloc(sizeof *w);
    assert_non_null(w);
    w->kind = kind;
    w->block_len = block_len;
    w->data = message(POSITIONS + block_len, saturated);
    for (size_t at = 0; at <= POSITIONS; at++)
        w->sums[at] = sum_by_definition(kind, w->data.data + at, block_len);
    return w;
}

static void windows_free(windows *w) {
    rd_memory_free(&w->data);
    free(w);
}

/* Seeks from `begin` to `end` and compares the hits with those by definition. All is in allocations of the exact size.
 */
static void check_seek(const rd__kernels *table, const windows *w, const rd__filter *filter, size_t begin, size_t end) {
    rd_memory window = bytes_copy(w->data.data, end + w->block_len);
    rd__hit *const hits = (rd__hit *)(void *)bytes_new((end - begin) * sizeof *hits);
    uint32_t sum = w->sums[begin];
    const size_t count = table->seek[w->kind](filter, w->block_len, &sum, window.data, begin, end, hits);
    size_t expected = 0;
    check_equal(sum, w->sums[end], "%s kind %d block %zu, %zu to %zu", table->name, w->kind, w->block_len, begin, end);
    for (size_t at = begin + 1; at <= end; at++) {
        if (!rd__filter_has(filter, w->sums[at]))
            continue;
        check_true(expected < count, "%s kind %d block %zu, %zu to %zu", table->name, w->kind, w->block_len, begin,
                   end);
        check_equal(hits[expected].at, at, "%s kind %d block %zu, %zu to %zu", table->name, w->kind, w->block_len,
                    begin, end);
        check_equal(hits[expected].weak, w->sums[at], "%s kind %d block %zu, %zu to %zu", table->name, w->kind,
                    w->block_len, begin, end);
        expected++;
    }
    check_equal(count, expected, "%s kind %d block %zu, %zu to %zu", table->name, w->kind, w->block_len, begin, end);
    free(hits);
    rd_memory_free(&window);
}

static void check_seeks(const rd__kernels *table, const windows *w, const rd__filter *filter) {
    static const size_t lengths[] = {0,  1,  2,  7,  8,   9,   15,  16,  17,  31,  32,
                                     33, 63, 64, 65, 127, 128, 129, 130, 255, 256, 257};
    for (size_t begin = 0; begin <= 70; begin += begin < 1 ? 1 : 32) {
        for (size_t i = 0; i < ITEMS(lengths); i++)
            check_seek(table, w, filter, begin, begin + lengths[i]);
        check_seek(table, w, filter, begin, begin + RD__SEEK_MAX - 1);
        check_seek(table, w, filter, begin, begin + RD__SEEK_MAX);
    }
}

/* Runs a check for all tables, kinds and block lengths, on random and on saturated data. */
static void for_all_windows(void (*check)(const rd__kernels *, const windows *)) {
    for (size_t i = 0; i < ITEMS(kinds) * ITEMS(block_lens) * 2; i++) {
        windows *const w = windows_new(kinds[i % ITEMS(kinds)], block_lens[i / 2 / ITEMS(kinds)], i / ITEMS(kinds) % 2);
        for (size_t t = 0; t < table_count(); t++)
            check(table_at(t), w);
        windows_free(w);
    }
}

static void check_never(const rd__kernels *table, const windows *w) {
    const uint32_t words[1 << RD__FILTER_WORDS_LOG2_MIN] = {0};
    const rd__filter filter = {.words = words, .key = 1, .shift = 32 - RD__FILTER_WORDS_LOG2_MIN};
    check_seeks(table, w, &filter);
}

static void check_always(const rd__kernels *table, const windows *w) {
    const uint32_t words[1 << RD__FILTER_WORDS_LOG2_MIN] = {UINT32_MAX, UINT32_MAX};
    const rd__filter filter = {.words = words, .key = 1, .shift = 32 - RD__FILTER_WORDS_LOG2_MIN};
    check_seeks(table, w, &filter);
}

static void check_random_filters(const rd__kernels *table, const windows *w) {
    for (unsigned density = 1; density <= 3; density++) { /* about 3 in 4, 1 in 2 and 1 in 4 of the bits are set */
        random_source r = random_from(density);
        uint32_t words[WORDS];
        for (size_t i = 0; i < WORDS; i++)
            words[i] = (uint32_t)(density == 1   ? random_u64(&r) | random_u64(&r)
                                  : density == 2 ? random_u64(&r)
                                                 : random_u64(&r) & random_u64(&r));
        const rd__filter filter = {.words = words, .key = (uint32_t)random_u64(&r) | 1, .shift = 32 - WORDS_LOG2};
        check_seeks(table, w, &filter);
    }
}

/* Filters for the sum at one position. In the largest table there is, few others pass. */
static void check_one_sum(const rd__kernels *table, const windows *w) {
    static const size_t targets[] = {1, 2, 3, 8, 15, 16, 17, 63, 64, 65, 127, 128, 129, 500, RD__SEEK_MAX};
    uint32_t *const words = calloc((size_t)1 << RD__FILTER_WORDS_LOG2_MAX, sizeof *words);
    assert_non_null(words);
    for (size_t i = 0; i < ITEMS(targets); i++) {
        const rd__filter filter = {.words = words, .key = 0x9e3779b1u, .shift = 32 - RD__FILTER_WORDS_LOG2_MAX};
        const uint32_t hash = rd__filter_hash(&filter, w->sums[targets[i]]);
        words[hash >> filter.shift] = rd__filter_bits(&filter, hash);
        check_seek(table, w, &filter, 0, RD__SEEK_MAX);
        check_seek(table, w, &filter, 0, targets[i]);
        check_seek(table, w, &filter, 0, targets[i] - 1);
        check_seek(table, w, &filter, targets[i], targets[i] + 50);
        words[hash >> filter.shift] = 0;
    }
    free(words);
}

static void rolling_past_everything_gives_the_sum_by_definition(void **state) {
    (void)state;
    for_all_windows(check_never);
}

static void rolling_lists_every_position_where_all_pass(void **state) {
    (void)state;
    for_all_windows(check_always);
}

static void rolling_lists_the_positions_that_pass(void **state) {
    (void)state;
    for_all_windows(check_random_filters);
}

static void rolling_lists_the_position_of_one_sum(void **state) {
    (void)state;
    for_all_windows(check_one_sum);
}

/* ---- Shrinking --------------------------------------------------------------------------------------------------- */

static void shrinking_window_keeps_the_sum_by_definition(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 7, 100, 2047, 2048};
    for (size_t i = 0; i < ITEMS(kinds) * ITEMS(sizes) * 2; i++) {
        const rd_weak kind = kinds[i % ITEMS(kinds)];
        const size_t size = sizes[i / ITEMS(kinds) % ITEMS(sizes)];
        rd_memory data = message(size, i / ITEMS(kinds) / ITEMS(sizes));
        rd__shrinking window;
        rd__shrinking_init(&window, kind, sum_by_definition(kind, data.data, size), size);
        for (size_t at = 0; at < size; at++) {
            check_equal(window.sum, sum_by_definition(kind, data.data + at, size - at), "kind %d size %zu at %zu", kind,
                        size, at);
            check_equal(window.length, size - at, "kind %d size %zu at %zu", kind, size, at);
            rd__shrinking_drop(&window, data.data[at]);
        }
        check_equal(window.length, 0, "kind %d size %zu", kind, size);
        check_equal(window.sum, rd__weak_seed(kind), "kind %d size %zu", kind, size);
        rd_memory_free(&data);
    }
}

static void shrinking_of_a_long_window_keeps_the_sum_by_definition(void **state) {
    (void)state;
    for (size_t k = 0; k < ITEMS(kinds); k++) {
        const size_t size = 1000003;
        rd_memory data = message(size, false);
        rd__shrinking window;
        rd__shrinking_init(&window, kinds[k], sum_by_definition(kinds[k], data.data, size), size);
        for (size_t at = 0; at < size; at++) {
            if (at % 100003 == 0)
                check_equal(window.sum, sum_by_definition(kinds[k], data.data + at, size - at), "kind %zu at %zu", k,
                            at);
            rd__shrinking_drop(&window, data.data[at]);
        }
        check_equal(window.sum, rd__weak_seed(kinds[k]), "kind %zu", k);
        rd_memory_free(&data);
    }
}

static void powers_are_repeated_products(void **state) {
    (void)state;
    uint32_t power = 1;
    for (uint64_t exponent = 0; exponent < 5000; exponent++, power *= 0x08104225u)
        check_equal(rd__rabinkarp_power(exponent), power, "exponent %llu", (unsigned long long)exponent);
    /* The order of the multiplier is 2^30: it is 5 mod 8. */
    assert_int_equal(rd__rabinkarp_power((uint64_t)1 << 30), 1);
    assert_int_not_equal(rd__rabinkarp_power((uint64_t)1 << 29), 1);
    assert_int_equal(rd__rabinkarp_power(((uint64_t)1 << 40) + 3), rd__rabinkarp_power(3));
}

static void best_table_is_the_first_usable_one_and_the_last_is_portable(void **state) {
    (void)state;
    size_t all = 0;
    const rd__kernels *const *const list = rd__kernels_all(&all);
    for (size_t i = 0; i < all; i++)
        print_message("%s: %s\n", list[i]->name, rd__kernels_usable(list[i]) ? "tested" : "not on this machine");
    assert_true(rd__kernels_usable(list[all - 1]));
    assert_string_equal(list[all - 1]->name, "portable");
    assert_ptr_equal(rd__kernels_best(), table_at(0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_sums_are_met),
        cmocka_unit_test(update_is_the_sum_by_definition),
        cmocka_unit_test(update_of_long_data_is_the_sum_by_definition),
        cmocka_unit_test(update_in_pieces_is_the_same),
        cmocka_unit_test(rolling_past_everything_gives_the_sum_by_definition),
        cmocka_unit_test(rolling_lists_every_position_where_all_pass),
        cmocka_unit_test(rolling_lists_the_positions_that_pass),
        cmocka_unit_test(rolling_lists_the_position_of_one_sum),
        cmocka_unit_test(shrinking_window_keeps_the_sum_by_definition),
        cmocka_unit_test(shrinking_of_a_long_window_keeps_the_sum_by_definition),
        cmocka_unit_test(powers_are_repeated_products),
        cmocka_unit_test(best_table_is_the_first_usable_one_and_the_last_is_portable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
