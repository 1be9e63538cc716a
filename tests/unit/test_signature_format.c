/*
 * The signature format against bytes written by hand: every magic, both edges of every field, and, with sums computed
 * elsewhere, one whole signature of each kind.
 */
#include "support.h"

#include "format/signature.h"
#include "hash/blake2b.h"
#include "hash/md4.h"

typedef struct kind {
    rd_weak weak;
    rd_strong strong;
    uint8_t magic[4];
    uint32_t strong_max;
} kind;

static const kind kinds[] = {
    {RD_ROLLSUM, RD_MD4, {0x72, 0x73, 0x01, 0x36}, 16},
    {RD_ROLLSUM, RD_BLAKE2, {0x72, 0x73, 0x01, 0x37}, 32},
    {RD_RABINKARP, RD_MD4, {0x72, 0x73, 0x01, 0x46}, 16},
    {RD_RABINKARP, RD_BLAKE2, {0x72, 0x73, 0x01, 0x47}, 32},
};

static void put_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void header_by_hand(uint8_t header[12], const uint8_t magic[4], uint32_t block_len, uint32_t strong_len) {
    memcpy(header, magic, 4);
    put_u32(header + 4, block_len);
    put_u32(header + 8, strong_len);
}

static void every_header_is_that_of_the_format_and_comes_back(void **state) {
    (void)state;
    static const uint32_t block_lens[] = {1, 0xff, 0x100, 2048, 0xffff, 0x10000, 0x12345678, 0x7fffffff};
    for (size_t k = 0; k < ITEMS(kinds); k++) {
        for (size_t b = 0; b < ITEMS(block_lens); b++) {
            for (uint32_t strong_len = 1; strong_len <= kinds[k].strong_max; strong_len++) {
                const rd_params params = {kinds[k].weak, kinds[k].strong, block_lens[b], (int32_t)strong_len};
                uint8_t header[12];
                uint8_t expected[12];
                rd_params back;
                rd_error error;
                rd__signature_put_header(header, &params);
                header_by_hand(expected, kinds[k].magic, block_lens[b], strong_len);
                check_bytes(header, sizeof header, expected, 12u, "kind %zu block %u strong %u", k, block_lens[b],
                            strong_len);
                assert_int_equal(rd__signature_get_header(expected, &back, &error), RD_OK);
                assert_memory_equal(&back, &params, sizeof back);
                assert_int_equal(rd__entry_size(&back), 4 + strong_len);
            }
        }
    }
}

/* The header is refused, and the error names the field. */
static void check_refused(const uint8_t header[12], rd_result result, uint64_t offset, const char *name) {
    rd_params params;
    rd_error error = {.result = RD_OK};
    check_equal(rd__signature_get_header(header, &params, &error), result, "%s", name);
    check_equal(error.result, result, "%s", name);
    check_equal(error.offset, offset, "%s", name);
    check_equal(error.role, RD_ROLE_SIGNATURE, "%s", name);
    assert_non_null(error.reason);
}

static void lengths_out_of_range_are_corrupt(void **state) {
    (void)state;
    static const uint32_t bad_block_lens[] = {0, 0x80000000, 0x80000001, 0xffffffff};
    for (size_t k = 0; k < ITEMS(kinds); k++) {
        const uint32_t bad_strong_lens[] = {0, kinds[k].strong_max + 1, 0x7fffffff, 0x80000000, 0xffffffff};
        uint8_t header[12];
        for (size_t i = 0; i < ITEMS(bad_block_lens); i++) {
            header_by_hand(header, kinds[k].magic, bad_block_lens[i], 8);
            check_refused(header, RD_E_CORRUPT, 4, "block length");
        }
        for (size_t i = 0; i < ITEMS(bad_strong_lens); i++) {
            header_by_hand(header, kinds[k].magic, 2048, bad_strong_lens[i]);
            check_refused(header, RD_E_CORRUPT, 8, "strong length");
        }
    }
}

static void every_other_magic_nearby_is_refused(void **state) {
    (void)state;
    for (unsigned low = 0; low < 0x10000; low++) {
        const uint8_t magic[4] = {0x72, 0x73, (uint8_t)(low >> 8), (uint8_t)low};
        uint8_t header[12];
        header_by_hand(header, magic, 2048, 8);
        if (low != 0x0136 && low != 0x0137 && low != 0x0146 && low != 0x0147)
            check_refused(header, RD_E_MAGIC, 0, "magic");
    }
}

static void entry_is_the_weak_sum_and_the_left_of_the_strong_sum(void **state) {
    (void)state;
    uint8_t strong[32];
    for (size_t i = 0; i < sizeof strong; i++)
        strong[i] = (uint8_t)(0xa0 + i);
    for (int32_t strong_len = 1; strong_len <= 32; strong_len++) {
        const rd_params params = {RD_RABINKARP, RD_BLAKE2, 2048, strong_len};
        rd_memory entry = bytes_random(&(random_source){1}, 4 + (size_t)strong_len, 256);
        rd__signature_put_entries(entry.data, &params, &(uint32_t){0x01fe23dc}, strong, 1);
        check_bytes(entry.data, 4u, (const uint8_t *)"\x01\xfe\x23\xdc", 4u, "strong %d", strong_len);
        check_bytes(entry.data + 4, entry.size - 4, strong, (size_t)strong_len, "strong %d", strong_len);
        rd_memory_free(&entry);
    }
}

/* ---- Whole signatures -------------------------------------------------------------------------------------------- */

static uint32_t weak_by_definition(rd_weak weak, const uint8_t *data, size_t size) {
    uint32_t s1 = 0;
    uint32_t s2 = 0;
    uint32_t h = 1;
    for (size_t i = 0; i < size; i++) {
        s1 += data[i] + 31u;
        s2 += s1;
        h = h * 0x08104225u + data[i];
    }
    return weak == RD_ROLLSUM ? (s2 & 0xffff) << 16 | (s1 & 0xffff) : h;
}

static rd_memory signature_by_hand(const rd_memory *basis, const kind *k, uint32_t block_len, uint32_t strong_len) {
    const size_t blocks = (basis->size + block_len - 1) / block_len;
    rd_memory made = {.data = bytes_new(12 + blocks * (4 + strong_len)), .size = 12};
    header_by_hand(made.data, k->magic, block_len, strong_len);
    for (size_t i = 0; i < blocks; i++) {
        uint8_t strong[32];
        const uint8_t *const block = basis->data + i * block_len;
        const size_t left = basis->size - i * block_len;
        const size_t size = left < block_len ? left : block_len;
        if (k->strong == RD_BLAKE2)
            rd__blake2b_many_portable(block, size, 1, strong);
        else
            rd__md4_many_portable(block, size, 1, strong);
        put_u32(made.data + made.size, weak_by_definition(k->weak, block, size));
        memcpy(made.data + made.size + 4, strong, strong_len);
        made.size += 4 + strong_len;
    }
    return made;
}

static void signature_of_every_size_is_that_of_the_format(void **state) {
    (void)state;
    static const uint32_t block_lens[] = {1, 2, 7, 256, 2048};
    for (size_t i = 0; i < ITEMS(kinds) * ITEMS(block_lens); i++) {
        const kind *const k = &kinds[i % ITEMS(kinds)];
        const uint32_t block_len = block_lens[i / ITEMS(kinds)];
        const size_t sizes[] = {
            0, 1, block_len - 1, block_len, block_len + 1, 2 * block_len, 100 * block_len + block_len / 2};
        for (size_t s = 0; s < ITEMS(sizes); s++) {
            const uint32_t strong_len = 1 + (uint32_t)(7 * (i + s) % k->strong_max);
            const rd_params params = {k->weak, k->strong, block_len, (int32_t)strong_len};
            rd_memory basis = bytes_random(&(random_source){i}, sizes[s], 256);
            rd_memory actual = signature_of(&basis, params);
            rd_memory expected = signature_by_hand(&basis, k, block_len, strong_len);
            check_memory(actual, expected, "case %zu block %u size %zu strong %u", i, block_len, sizes[s], strong_len);
            rd_memory_free(&expected);
            rd_memory_free(&actual);
            rd_memory_free(&basis);
        }
    }
}

static void loaded_signature_shows_what_was_in_the_file(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t i = 0; i < ITEMS(kinds); i++) {
        const uint32_t strong_len = 1 + (uint32_t)random_below(&r, kinds[i].strong_max);
        rd_memory file = bytes_random(&r, 12 + 200 * (4 + strong_len), 256);
        rd_params params;
        header_by_hand(file.data, kinds[i].magic, 77, strong_len);
        rd_signature *const signature = loaded(&file);
        rd_signature_params(signature, &params);
        assert_true(params.weak == kinds[i].weak && params.strong == kinds[i].strong);
        assert_true(params.block_len == 77 && params.strong_len == (int32_t)strong_len);
        assert_int_equal(rd_signature_count(signature), 200);
        for (size_t b = 0; b < 200; b++) {
            const uint8_t *const entry = file.data + 12 + b * (4 + strong_len);
            uint8_t weak[4];
            put_u32(weak, rd_signature_weak(signature, b));
            check_bytes(weak, 4u, entry, 4u, "kind %zu block %zu", i, b);
            check_bytes(rd_signature_strong(signature, b), strong_len, entry + 4, (size_t)strong_len,
                        "kind %zu block %zu", i, b);
            assert_int_equal(rd_signature_weak_sums(signature)[b], rd_signature_weak(signature, b));
            assert_ptr_equal(rd_signature_strong(signature, b), rd_signature_strong(signature, 0) + b * strong_len);
        }
        rd_signature_free(signature);
        rd_memory_free(&file);
    }
}

static void freeing_no_signature_is_allowed(void **state) {
    (void)state;
    rd_signature_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_header_is_that_of_the_format_and_comes_back),
        cmocka_unit_test(lengths_out_of_range_are_corrupt),
        cmocka_unit_test(every_other_magic_nearby_is_refused),
        cmocka_unit_test(entry_is_the_weak_sum_and_the_left_of_the_strong_sum),
        cmocka_unit_test(signature_of_every_size_is_that_of_the_format),
        cmocka_unit_test(loaded_signature_shows_what_was_in_the_file),
        cmocka_unit_test(freeing_no_signature_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
