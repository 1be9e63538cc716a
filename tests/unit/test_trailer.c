/* The trailer against bytes written by hand. That of a whole delta, also cut and altered: test_delta_format.c. */
#include "support.h"

#include "format/trailer.h"

enum { BASIS_MORE = RD_TRAILER_BASIS_LEN - RD_TRAILER_LEN, MORE = BASIS_MORE + 20 };

static const uint64_t example_size = 0x0123456789abcdefu;
static const rd__basis_id example_basis = {.size = 0x1112131415161718,
                                           .digest = {0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b,
                                                      0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6,
                                                      0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0}};
static const uint8_t example_digest[32] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                           17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

/*
 * A trailer by hand, with so many bytes after the digest of the new file: first those about the basis, then some that
 * this version does not know.
 */
static void by_hand(uint8_t bytes[RD_TRAILER_LEN + MORE], uint8_t more) {
    static const uint8_t begin[24] = {0x72, 0x73, 0x02, 0x56, 0, 0, 0, 48, 0x01, 0x23, 0x45, 0x67,
                                      0x89, 0xab, 0xcd, 0xef, 2, 0, 0, 0,  0,    0,    0,    0};
    memset(bytes, 0xee, RD_TRAILER_LEN + MORE);
    memcpy(bytes, begin, sizeof begin);
    bytes[7] = (uint8_t)(48 + more);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[24 + i] = (uint8_t)(i + 1);
        bytes[64 + i] = (uint8_t)(0x91 + i);
    }
    for (uint8_t i = 0; i < 8; i++)
        bytes[56 + i] = (uint8_t)(0x11 + i);
}

static void trailer_is_that_of_the_format(void **state) {
    (void)state;
    uint8_t bytes[RD_TRAILER_BASIS_LEN];
    uint8_t expected[RD_TRAILER_LEN + MORE];
    rd__basis_id basis;
    size_t size = rd__trailer_put(bytes, example_size, example_digest, &example_basis);
    by_hand(expected, BASIS_MORE);
    check_bytes(bytes, size, expected, 96u, "trailer with a basis");
    assert_int_equal(rd__trailer_length(expected), RD_TRAILER_BASIS_LEN);
    assert_true(rd__trailer_basis(expected, &basis));
    assert_true(basis.size == example_basis.size);
    assert_memory_equal(basis.digest, example_basis.digest, sizeof basis.digest);
    size = rd__trailer_put(bytes, example_size, example_digest, NULL);
    by_hand(expected, 0);
    check_bytes(bytes, size, expected, 56u, "trailer");
    assert_false(rd__trailer_basis(expected, &basis));
    assert_true(rd__trailer_new_size(expected) == example_size);
    assert_memory_equal(rd__trailer_digest(expected), example_digest, sizeof example_digest);
    assert_int_equal(rd__trailer_length(expected), RD_TRAILER_LEN);
}

static void any_start_of_a_trailer_passes(void **state) {
    (void)state;
    uint8_t bytes[RD_TRAILER_LEN + MORE];
    for (uint8_t more = 0; more <= MORE; more++) {
        by_hand(bytes, more);
        const size_t known = more < BASIS_MORE ? RD_TRAILER_LEN : RD_TRAILER_BASIS_LEN;
        check_equal(rd__trailer_known(bytes), known, "more %d", more);
        for (size_t size = 0; size <= known; size++) {
            rd_error error;
            check_equal(rd__trailer_check(bytes, size, 1000, &error), RD_OK, "more %d size %zu", more, size);
        }
        assert_int_equal(rd__trailer_length(bytes), RD_TRAILER_LEN + more);
    }
}

static void trailer_is_found_at_the_end_and_nowhere_else(void **state) {
    (void)state;
    uint8_t bytes[500];
    uint8_t trailer[RD_TRAILER_LEN + MORE];
    random_source r = random_from(1);
    for (uint8_t more = 0; more <= MORE; more++) {
        by_hand(trailer, more);
        const size_t size = RD_TRAILER_LEN + (size_t)more;
        for (size_t at = 0; at + size <= sizeof bytes; at++) {
            random_fill(&r, bytes, sizeof bytes, 256);
            memcpy(bytes + at, trailer, size);
            check_equal(rd__trailer_search(bytes, at + size), at, "at %zu", at);
            if (at + size < sizeof bytes)
                check_equal(rd__trailer_search(bytes, at + size + 1), at + size + 1, "at %zu, a byte behind", at);
        }
    }
    assert_int_equal(rd__trailer_search(bytes, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailer_is_that_of_the_format),
        cmocka_unit_test(any_start_of_a_trailer_passes),
        cmocka_unit_test(trailer_is_found_at_the_end_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
