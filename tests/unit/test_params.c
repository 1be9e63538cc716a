/*
 * The recommended parameters against the rules of librsync, in the form of what a right answer satisfies: a block
 * length of a large basis is the multiple of 128 next below the square root, without a square root being taken here.
 */
#include "support.h"

static const rd_params automatic = {.weak = RD_RABINKARP, .strong = RD_BLAKE2};

static uint32_t block_len_for(uint64_t size) {
    rd_params p = automatic;
    assert_int_equal(rd_params_resolve(&p, size), RD_OK);
    assert_int_equal(p.strong_len, 32);
    return p.block_len;
}

static int32_t least_for(uint64_t size, uint32_t block_len, rd_strong strong) {
    rd_params p = {.strong = strong, .block_len = block_len, .strong_len = RD_STRONG_LEN_LEAST};
    assert_int_equal(rd_params_resolve(&p, size), RD_OK);
    return p.strong_len;
}

static void check_root(uint64_t size) {
    const uint64_t length = block_len_for(size);
    check_equal(length % 128, 0, "size %llu: %llu", (unsigned long long)size, (unsigned long long)length);
    check_true(length * length <= size, "size %llu: %llu", (unsigned long long)size, (unsigned long long)length);
    check_true((length + 128) * (length + 128) > size, "size %llu: %llu", (unsigned long long)size,
               (unsigned long long)length);
}

static void basis_of_unknown_size_has_blocks_of_2048(void **state) {
    (void)state;
    assert_int_equal(block_len_for(RD_UNKNOWN), 2048);
}

static void small_basis_has_blocks_of_256(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 1, 255, 256, 257, 10000, 65535, 65536, 65537};
    for (size_t i = 0; i < ITEMS(sizes); i++)
        check_equal(block_len_for(sizes[i]), 256, "size %llu", (unsigned long long)sizes[i]);
}

static void large_basis_has_blocks_of_its_square_root(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (uint64_t root = 256; root < 3000; root++) {
        check_root(root * root - 1 > 65536 ? root * root - 1 : 65537);
        check_root(root * root > 65536 ? root * root : 65537);
        check_root(root * root + 1);
    }
    for (int i = 0; i < 100000; i++) {
        const uint64_t size = random_u64(&r) >> (2 + random_below(&r, 40));
        if (size > 65536 && size < (uint64_t)0x7fffffff * 0x7fffffff)
            check_root(size);
    }
}

static void known_sizes_have_known_blocks(void **state) {
    (void)state;
    static const struct {
        uint64_t size;
        uint32_t block_len;
    } known[] = {
        {384 * 384 - 1, 256},
        {384 * 384, 384},
        {1000000, 896},
        {(uint64_t)1 << 30, 32768},
        {((uint64_t)1 << 32) - 1, 65408},
        {(uint64_t)1 << 32, 65536},
        {(uint64_t)1 << 62, 0x7fffffff},
        {(uint64_t)1 << 63, 0x7fffffff},
        {RD_UNKNOWN - 1, 0x7fffffff},
    };
    for (size_t i = 0; i < ITEMS(known); i++)
        check_equal(block_len_for(known[i].size), known[i].block_len, "size %llu", (unsigned long long)known[i].size);
}

static void strong_length_full_is_that_of_the_hash(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 65537, RD_UNKNOWN};
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        rd_params blake2 = {.strong = RD_BLAKE2, .strong_len = RD_STRONG_LEN_FULL};
        rd_params md4 = {.strong = RD_MD4, .strong_len = RD_STRONG_LEN_FULL};
        assert_int_equal(rd_params_resolve(&blake2, sizes[i]), RD_OK);
        assert_int_equal(rd_params_resolve(&md4, sizes[i]), RD_OK);
        assert_int_equal(blake2.strong_len, 32);
        assert_int_equal(md4.strong_len, 16);
    }
}

static int floor_log2(uint64_t n) {
    int log = -1;
    for (; n > 0; n /= 2)
        log++;
    return log;
}

static void least_strong_length_follows_the_rule(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (int i = 0; i < 100000; i++) {
        const uint64_t size = random_u64(&r) >> (1 + random_below(&r, 63));
        const uint32_t block_len = 1 + (uint32_t)(random_u64(&r) >> (33 + random_below(&r, 31))) % RD_BLOCK_LEN_MAX;
        const int bits = floor_log2(size + (1 << 24)) + floor_log2(size / block_len + 1);
        const int bytes = 2 + (bits + 7) / 8;
        check_equal(least_for(size, block_len, RD_BLAKE2), bytes, "size %llu block %u", (unsigned long long)size,
                    block_len);
        check_equal(least_for(size, block_len, RD_MD4), bytes < 16 ? bytes : 16, "size %llu block %u",
                    (unsigned long long)size, block_len);
    }
}

static void known_least_strong_lengths(void **state) {
    (void)state;
    static const struct {
        uint64_t size;
        uint32_t block_len;
        int32_t least;
    } known[] = {
        {RD_UNKNOWN, 0, 12},           /* the default */
        {RD_UNKNOWN, 1, 12},           /* whatever the blocks */
        {0, 256, 5},                   /* 24 + 0 bits */
        {255, 256, 5},                 /* 24 + 0 */
        {256, 256, 6},                 /* 24 + 1 */
        {65536, 256, 6},               /* 24 + 8 */
        {256 * 511 - 1, 256, 6},       /* 24 + 8 */
        {256 * 511, 256, 7},           /* 24 + 9 */
        {(1 << 24) - 1, 1 << 24, 5},   /* 24 + 0 */
        {1 << 24, 1 << 25, 6},         /* 25 + 0 */
        {(uint64_t)1 << 40, 2048, 11}, /* 40 + 29 */
        {(uint64_t)1 << 63, 1, 18},    /* 63 + 63 */
        {RD_UNKNOWN - 1, 1, 18},       /* 63 + 63, and nothing overflows */
    };
    for (size_t i = 0; i < ITEMS(known); i++)
        check_equal(least_for(known[i].size, known[i].block_len, RD_BLAKE2), known[i].least, "case %zu", i);
}

static void least_strong_length_is_at_most_that_of_the_hash(void **state) {
    (void)state;
    assert_int_equal(least_for((uint64_t)1 << 63, 1, RD_MD4), 16);
    assert_int_equal(least_for((uint64_t)1 << 48, 1, RD_MD4), 14);
}

static void least_strong_length_counts_with_the_recommended_blocks(void **state) {
    (void)state;
    rd_params p = {.strong_len = RD_STRONG_LEN_LEAST};
    assert_int_equal(rd_params_resolve(&p, (uint64_t)1 << 32), RD_OK);
    assert_int_equal(p.block_len, 65536);
    assert_int_equal(p.strong_len, 2 + (32 + 16 + 7) / 8);
}

static void values_in_range_stay_as_they_are(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 1000000, RD_UNKNOWN};
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        for (int32_t strong_len = 1; strong_len <= 32; strong_len++) {
            const rd_params asked = {RD_ROLLSUM, strong_len > 16 ? RD_BLAKE2 : RD_MD4,
                                     strong_len % 2 ? 1 : RD_BLOCK_LEN_MAX, strong_len};
            rd_params p = asked;
            assert_int_equal(rd_params_resolve(&p, sizes[i]), RD_OK);
            assert_memory_equal(&p, &asked, sizeof p);
        }
    }
}

static void values_out_of_range_are_refused_and_nothing_is_changed(void **state) {
    (void)state;
    const rd_params bad[] = {
        {.block_len = RD_BLOCK_LEN_MAX + 1},
        {.block_len = UINT32_MAX},
        {.strong_len = 33},
        {.strong_len = INT32_MAX},
        {.strong_len = -2},
        {.strong_len = INT32_MIN},
        {.strong = RD_MD4, .strong_len = 17},
        {.weak = (rd_weak)2},
        {.strong = (rd_strong)2},
        {.weak = (rd_weak)-1, .block_len = 5, .strong_len = 5},
        {.strong = (rd_strong)-1, .block_len = 5, .strong_len = 5},
    };
    for (size_t i = 0; i < ITEMS(bad); i++) {
        rd_params p = bad[i];
        check_equal(rd_params_resolve(&p, 1000), RD_E_PARAMETER, "case %zu", i);
        assert_memory_equal(&p, &bad[i], sizeof p);
        check_equal(rd_params_resolve(&p, RD_UNKNOWN), RD_E_PARAMETER, "case %zu", i);
        assert_memory_equal(&p, &bad[i], sizeof p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basis_of_unknown_size_has_blocks_of_2048),
        cmocka_unit_test(small_basis_has_blocks_of_256),
        cmocka_unit_test(large_basis_has_blocks_of_its_square_root),
        cmocka_unit_test(known_sizes_have_known_blocks),
        cmocka_unit_test(strong_length_full_is_that_of_the_hash),
        cmocka_unit_test(least_strong_length_follows_the_rule),
        cmocka_unit_test(known_least_strong_lengths),
        cmocka_unit_test(least_strong_length_is_at_most_that_of_the_hash),
        cmocka_unit_test(least_strong_length_counts_with_the_recommended_blocks),
        cmocka_unit_test(values_in_range_stay_as_they_are),
        cmocka_unit_test(values_out_of_range_are_refused_and_nothing_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
