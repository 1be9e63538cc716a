/*
 * Hostile pairs of files. In a new file of one byte repeated, every window has the same weak sum. Against it stands a
 * basis whose blocks are all different from that and yet have its weak sum, so at every byte the index says "perhaps"
 * and only the strong sum says "no". The delta must be right, and the strong sums that match nothing bounded as
 * engine/scanner.c says: in each budget window of 32 blocks of at least 128 bytes, as many as hash 384 KiB (8 to 256 of
 * them) and 32 more.
 */
#include "support.h"

enum { FREE_BYTES = 384 * 1024, EARNED = 32, BUDGET_WINDOW_BLOCKS = 32, BUDGET_BLOCK_MIN = 128, BYTE = 0x55 };

/* ---- Collisions -------------------------------------------------------------------------------------------------- */

static uint32_t rabinkarp(const uint8_t *data, size_t size) {
    uint32_t h = 1;
    for (size_t i = 0; i < size; i++)
        h = h * 0x08104225u + data[i];
    return h;
}

static uint32_t rollsum(const uint8_t *data, size_t size) {
    uint32_t s1 = 0;
    uint32_t s2 = 0;
    for (size_t i = 0; i < size; i++) {
        s1 += data[i] + 31u;
        s2 += s1;
    }
    return s2 << 16 | (s1 & 0xffff);
}

/* The last bytes of a block, and what they add to its RabinKarp sum. */
enum { TAIL = 5, COLLISIONS = 64 };

typedef struct pair {
    uint32_t sum;
    uint8_t bytes[2];
} pair;

static int by_sum(const void *a, const void *b) {
    const uint32_t x = ((const pair *)a)->sum;
    const uint32_t y = ((const pair *)b)->sum;
    return (x > y) - (x < y);
}

/* All values of the last two bytes, in the order of what they add. */
static pair *all_pairs(void) {
    pair *const pairs = calloc(65536, sizeof *pairs);
    assert_non_null(pairs);
    for (uint32_t i = 0; i < 65536; i++)
        pairs[i] = (pair){.sum = (i >> 8) * 0x08104225u + (i & 0xff), .bytes = {(uint8_t)(i >> 8), (uint8_t)i}};
    qsort(pairs, 65536, sizeof *pairs, by_sum);
    return pairs;
}

/* Tails that add to a RabinKarp sum what as many BYTEs add to it, whatever is in front of them. */
static uint8_t collisions[COLLISIONS][TAIL];

/*
 * Tries three bytes after three bytes, until two more can make up for them: one in 2^16 can, for there are as many
 * pairs and 2^32 sums.
 */
static int find_collisions(void **state) {
    (void)state;
    pair *const pairs = all_pairs();
    const uint8_t plain[TAIL] = {BYTE, BYTE, BYTE, BYTE, BYTE};
    const uint32_t wanted = rabinkarp(plain, TAIL);
    size_t found = 0;
    for (uint32_t trial = 0; found < COLLISIONS; trial++) {
        uint8_t *const bytes = collisions[found];
        const uint8_t first[TAIL] = {(uint8_t)(trial >> 16), (uint8_t)(trial >> 8), (uint8_t)trial, 0, 0};
        const pair key = {.sum = wanted - rabinkarp(first, TAIL)};
        const pair *const match = bsearch(&key, pairs, 65536, sizeof *pairs, by_sum);
        if (!match)
            continue;
        memcpy(bytes, first, TAIL - 2);
        memcpy(bytes + TAIL - 2, match->bytes, 2);
        found += memcmp(bytes, plain, TAIL) != 0 ? 1 : 0;
    }
    free(pairs);
    return 0;
}

static void collide_rabinkarp(size_t i, uint8_t *block, size_t size) {
    memset(block, BYTE, size);
    memcpy(block + size - TAIL, collisions[i], TAIL);
}

/* For rollsum: a byte more and one less, and their mirror image, keep the sum and the weighted sum. */
static void collide_rollsum(size_t i, uint8_t *block, size_t size) {
    const size_t at = 4 * (i % (size / 4));
    const size_t by = 1 + i / (size / 4);
    memset(block, BYTE, size);
    block[at] = (uint8_t)(BYTE + by);
    block[at + 1] = block[at + 2] = (uint8_t)(BYTE - by);
    block[at + 3] = (uint8_t)(BYTE + by);
}

/* A basis of blocks that collide with BYTE repeated. */
static rd_memory hostile_basis(rd_weak weak, size_t block_len, size_t blocks) {
    rd_memory basis = {.data = bytes_new(blocks * block_len), .size = blocks * block_len};
    uint8_t *const plain = bytes_new(block_len);
    memset(plain, BYTE, block_len);
    for (size_t i = 0; i < blocks; i++) {
        uint8_t *const block = basis.data + i * block_len;
        if (weak == RD_RABINKARP)
            collide_rabinkarp(i, block, block_len);
        else
            collide_rollsum(i, block, block_len);
        assert_int_equal(weak == RD_RABINKARP ? rabinkarp(block, block_len) : rollsum(block, block_len),
                         weak == RD_RABINKARP ? rabinkarp(plain, block_len) : rollsum(plain, block_len));
        assert_memory_not_equal(block, plain, block_len);
    }
    free(plain);
    return basis;
}

/* ---- The bound --------------------------------------------------------------------------------------------------- */

static uint64_t budget_window_of(size_t block_len) {
    return BUDGET_WINDOW_BLOCKS * (block_len < BUDGET_BLOCK_MIN ? BUDGET_BLOCK_MIN : block_len);
}

/* Failures that are free in a budget window: those that hash FREE_BYTES, but not fewer than 8 nor more than 256. */
static uint64_t free_failures(uint64_t block_len) {
    const uint64_t fit = FREE_BYTES / block_len;
    return fit < 8 ? 8 : fit > 256 ? 256 : fit;
}

/* Makes the delta, checks that it gives the new file, and that its false matches are bounded. Returns its statistics.
 */
static rd_stats check_delta(const rd_memory *basis, rd_params params, const rd_memory *new_file) {
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_signature *const signature = loaded_signature_of(basis, params);
    rd_memory delta = delta_of(signature, new_file, &stats);
    rd_memory back = patched(basis, &delta);
    const uint64_t windows = new_file->size / budget_window_of(params.block_len) + 1;
    check_memory(back, *new_file, "block %u", params.block_len);
    check_true(stats.false_matches <= (free_failures(params.block_len) + EARNED) * windows,
               "block %u: %llu false matches in %llu windows", params.block_len,
               (unsigned long long)stats.false_matches, (unsigned long long)windows);
    rd_memory_free(&back);
    rd_memory_free(&delta);
    rd_signature_free(signature);
    return stats;
}

static const rd_weak kinds[] = {RD_RABINKARP, RD_ROLLSUM};
static const uint32_t block_lens[] = {8, 64, 128, 1000, 4096};

static void collisions_at_every_byte_cost_a_bounded_number_of_strong_sums(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(kinds) * ITEMS(block_lens); i++) {
        const uint32_t block_len = block_lens[i % ITEMS(block_lens)];
        const rd_params params = {.weak = kinds[i / ITEMS(block_lens)], .block_len = block_len};
        rd_memory basis = hostile_basis(params.weak, block_len, 20);
        rd_memory new_file = {.data = bytes_new(300000), .size = 300000};
        memset(new_file.data, BYTE, new_file.size);
        const rd_stats stats = check_delta(&basis, params, &new_file);
        check_equal(stats.copy_bytes, 0, "block %u", block_len);
        /* The attack is one: without a bound there would be a false match at nearly every byte. */
        const uint64_t whole_windows = new_file.size / budget_window_of(block_len);
        check_true(stats.false_matches >= free_failures(block_len) * whole_windows, "block %u: %llu false matches",
                   block_len, (unsigned long long)stats.false_matches);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/* Hostile bytes in front: in the budget windows after them, blocks of the basis are found as ever. */
static void one_bad_place_costs_nothing_elsewhere(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(kinds) * ITEMS(block_lens); i++) {
        const uint32_t block_len = block_lens[i % ITEMS(block_lens)];
        const size_t window = (size_t)budget_window_of(block_len);
        const rd_params params = {.weak = kinds[i / ITEMS(block_lens)], .block_len = block_len};
        rd_memory basis = hostile_basis(params.weak, block_len, COLLISIONS);
        rd_memory new_file = {.data = bytes_new(3 * window + basis.size), .size = 3 * window + basis.size};
        memset(new_file.data, BYTE, 3 * window);
        memcpy(new_file.data + 3 * window, basis.data, basis.size);
        const rd_stats stats = check_delta(&basis, params, &new_file);
        check_true(stats.copy_bytes >= basis.size - block_len, "block %u: %llu of %zu copied", block_len,
                   (unsigned long long)stats.copy_bytes, basis.size);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/* Each of these windows has the weak sum of all blocks; the one that continues the copy is the first to be asked. */
static void unchanged_file_of_colliding_blocks_is_one_copy(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(kinds) * ITEMS(block_lens); i++) {
        const uint32_t block_len = block_lens[i % ITEMS(block_lens)];
        const rd_params params = {.weak = kinds[i / ITEMS(block_lens)], .block_len = block_len};
        rd_memory basis = hostile_basis(params.weak, block_len, COLLISIONS);
        const rd_stats stats = check_delta(&basis, params, &basis);
        check_equal(stats.copy_commands, 1, "block %u", block_len);
        check_equal(stats.literal_bytes, 0, "block %u", block_len);
        check_equal(stats.false_matches, 0, "block %u", block_len);
        rd_memory_free(&basis);
    }
}

/* The end of a file, where windows shrink: a short last block that collides with the suffix of its length. */
static void collisions_at_the_end_give_a_right_delta(void **state) {
    (void)state;
    for (size_t k = 0; k < ITEMS(kinds); k++) {
        rd_memory blocks = hostile_basis(kinds[k], 500, 3);
        const rd_params params = {.weak = kinds[k], .block_len = 1000};
        rd_memory new_file = {.data = bytes_new(9000), .size = 9000};
        memset(new_file.data, BYTE, new_file.size);
        const rd_stats stats = check_delta(&blocks, params, &new_file);
        check_equal(stats.copy_bytes, 0, "kind %zu", k);
        check_true(stats.false_matches >= 1, "kind %zu", k);
        rd_memory_free(&new_file);
        rd_memory_free(&blocks);
    }
}

/* Colliding windows and true blocks, mixed at random: right, and bounded. */
static void random_mixtures_give_right_deltas_within_the_bound(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        random_source r = random_from(seed);
        const uint32_t block_len = block_lens[seed % ITEMS(block_lens)];
        const rd_params params = {.weak = kinds[seed / ITEMS(block_lens) % ITEMS(kinds)], .block_len = block_len};
        rd_memory basis = hostile_basis(params.weak, block_len, 30);
        rd_memory new_file = {.data = bytes_new(100000), .size = 100000};
        memset(new_file.data, BYTE, new_file.size);
        for (size_t at = random_below(&r, 3000); at + block_len <= new_file.size;
             at += block_len + random_below(&r, 3000))
            memcpy(new_file.data + at, basis.data + random_below(&r, 30) * block_len, block_len);
        (void)check_delta(&basis, params, &new_file);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collisions_at_every_byte_cost_a_bounded_number_of_strong_sums),
        cmocka_unit_test(one_bad_place_costs_nothing_elsewhere),
        cmocka_unit_test(unchanged_file_of_colliding_blocks_is_one_copy),
        cmocka_unit_test(collisions_at_the_end_give_a_right_delta),
        cmocka_unit_test(random_mixtures_give_right_deltas_within_the_bound),
    };
    return cmocka_run_group_tests(tests, find_collisions, NULL);
}
