/* The digest of a new file against digests from elsewhere, and its other forms against the one that is checked so. */
#include "support.h"

#include "hash/digest.h"
#include "known_digests.h"
#include "tables.h"

/* The digest with rd__digest_leaves, in chunks of `leaves` leaves. */
static void digest_in_pieces(const rd__kernels *kernels, const rd_memory *file, size_t leaves, uint8_t *sum) {
    const size_t piece = leaves * RD__LEAF_LEN;
    uint8_t *const digests = bytes_new((leaves + 1) * RD__BLAKE2B_LEN);
    rd__digest digest;
    rd__digest_init(&digest);
    for (size_t at = 0;; at += piece) {
        const bool ends = file->size - at <= piece;
        const size_t size = ends ? file->size - at : piece;
        rd__digest_add(&digest, digests, rd__digest_leaves(kernels, file->data + at, size, ends, digests));
        if (ends)
            break;
    }
    rd__digest_final(&digest, sum);
    free(digests);
}

static void digest_in_portions(const rd__kernels *kernels, const rd_memory *file, random_source *r, size_t most,
                               uint8_t *sum) {
    rd__digester digester;
    assert_true(rd__digester_init(&digester, kernels));
    for (size_t at = 0; at < file->size;) {
        const size_t wanted = random_below(r, most + 1);
        const size_t size = wanted < file->size - at ? wanted : file->size - at;
        rd__digester_take(&digester, file->data + at, size);
        at += size;
    }
    assert_int_equal(digester.size, file->size);
    rd__digester_final(&digester, sum);
    rd__digester_free(&digester);
}

static void known_digests_are_met(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(known_digests); i++) {
        rd_memory file = {.data = bytes_new(known_digests[i].size), .size = known_digests[i].size};
        for (size_t j = 0; j < file.size; j++)
            file.data[j] = (uint8_t)(j % 251);
        for (size_t t = 0; t < table_count(); t++) {
            uint8_t sum[RD__BLAKE2B_LEN];
            char text[2 * RD__BLAKE2B_LEN + 1];
            digest_in_pieces(table_at(t), &file, 64, sum);
            for (size_t j = 0; j < sizeof sum; j++)
                (void)snprintf(text + 2 * j, 3, "%02x", sum[j]);
            check_equal(strcmp(text, known_digests[i].digest), 0, "%s, size %zu: %s", table_at(t)->name, file.size,
                        text);
        }
        rd_memory_free(&file);
    }
}

static void pieces_and_portions_give_the_same_digest(void **state) {
    (void)state;
    static const size_t pieces[] = {1, 2, 3, 8, 9, 16};
    static const size_t portions[] = {1000, 65536, 65537, 1000000};
    random_source r = random_from(1);
    for (int run = 0; run < 30; run++) {
        const size_t edge = random_below(&r, 20) * RD__LEAF_LEN;
        rd_memory file = bytes_random(&r, edge + (run % 3 == 0 ? 0 : random_below(&r, RD__LEAF_LEN)), 256);
        const rd__kernels *const kernels = table_at((size_t)run % table_count());
        uint8_t whole[RD__BLAKE2B_LEN];
        uint8_t sum[RD__BLAKE2B_LEN];
        digest_in_pieces(table_at(table_count() - 1), &file, 64, whole);
        for (size_t i = 0; i < ITEMS(pieces); i++) {
            digest_in_pieces(kernels, &file, pieces[i], sum);
            check_bytes(sum, sizeof sum, whole, sizeof whole, "%zu bytes, pieces of %zu", file.size, pieces[i]);
        }
        for (size_t i = 0; i < ITEMS(portions); i++) {
            digest_in_portions(kernels, &file, &r, portions[i], sum);
            check_bytes(sum, sizeof sum, whole, sizeof whole, "%zu bytes, portions %zu", file.size, portions[i]);
        }
        rd_memory_free(&file);
    }
}

static void leaves_of_zeros_need_not_be_hashed(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 200};
    for (size_t i = 0; i < ITEMS(counts); i++) {
        rd_memory file = {.data = calloc(counts[i] + 1, RD__LEAF_LEN), .size = counts[i] * RD__LEAF_LEN + 1};
        uint8_t last[RD__BLAKE2B_LEN];
        uint8_t whole[RD__BLAKE2B_LEN];
        uint8_t sum[RD__BLAKE2B_LEN];
        rd__digest digest;
        assert_non_null(file.data);
        for (size_t t = 0; t < table_count(); t++) {
            digest_in_pieces(table_at(t), &file, 64, whole);
            rd__digest_init(&digest);
            rd__digest_add_zeros(&digest, counts[i]);
            rd__digest_add(&digest, last, rd__digest_leaves(table_at(t), file.data, 1, true, last));
            rd__digest_final(&digest, sum);
            check_bytes(sum, sizeof sum, whole, sizeof whole, "%s, %zu leaves", table_at(t)->name, counts[i]);
        }
        free(file.data);
    }
}

/* Leaves of zeros are not hashed: their digest is a constant. Here all leaves are hashed, by the portable kernels. */
static void zeros_have_the_digest_of_their_bytes(void **state) {
    (void)state;
    const rd__kernels *const portable = table_at(table_count() - 1);
    random_source r = random_from(2);
    for (int run = 0; run < 60; run++) {
        const size_t parts = 1 + random_below(&r, 5);
        rd_memory file = {.data = calloc(1, parts * 20 * RD__LEAF_LEN + 1)};
        rd__digester digester;
        rd__digest digest;
        uint8_t expected[RD__BLAKE2B_LEN];
        uint8_t sum[RD__BLAKE2B_LEN];
        assert_non_null(file.data);
        assert_true(rd__digester_init(&digester, table_at((size_t)run % table_count())));
        for (size_t i = 0; i < parts; i++) {
            const size_t zeros =
                random_below(&r, 2) == 0 ? random_below(&r, 10) * RD__LEAF_LEN : random_below(&r, 10 * RD__LEAF_LEN);
            const size_t others = random_below(&r, 3) == 0 ? 0 : random_below(&r, 2 * RD__LEAF_LEN);
            random_fill(&r, file.data + file.size, others, 256);
            rd__digester_take(&digester, file.data + file.size, others);
            rd__digester_take_zeros(&digester, zeros);
            file.size += others + zeros;
        }
        rd__digester_final(&digester, sum);
        rd__digester_free(&digester);

        const size_t whole = rd__leaf_count(file.size) - 1;
        uint8_t *const leaves = bytes_new((whole + 1) * RD__BLAKE2B_LEN);
        rd__blake2b last;
        portable->leaves(file.data, whole, leaves);
        rd__blake2b_init(&last, RD__BLAKE2B_LEAF);
        rd__blake2b_update(&last, file.data + whole * RD__LEAF_LEN, file.size - whole * RD__LEAF_LEN);
        rd__blake2b_final_last(&last, leaves + whole * RD__BLAKE2B_LEN);
        rd__digest_init(&digest);
        rd__digest_add(&digest, leaves, whole + 1);
        rd__digest_final(&digest, expected);
        check_bytes(sum, sizeof sum, expected, sizeof expected, "%zu bytes", file.size);
        digest_in_pieces(table_at((size_t)run % table_count()), &file, 7, sum);
        check_bytes(sum, sizeof sum, expected, sizeof expected, "%zu bytes, in pieces", file.size);
        free(leaves);
        rd_memory_free(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_are_met),
        cmocka_unit_test(pieces_and_portions_give_the_same_digest),
        cmocka_unit_test(leaves_of_zeros_need_not_be_hashed),
        cmocka_unit_test(zeros_have_the_digest_of_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
