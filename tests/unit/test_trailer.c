/* The trailer against bytes written by hand, read in any portions, cut anywhere, and with each byte changed. */
#include "support.h"

#include "format/trailer.h"

enum { ORIGIN = 1000, MORE = 20 };

static const rd__trailer example = {.new_size = 0x0123456789abcdefu,
                                    .digest = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                               17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32}};

/* The same by hand, with so many bytes more than this version knows. */
static void by_hand(uint8_t bytes[RD__TRAILER_LEN + MORE], uint8_t more) {
    static const uint8_t begin[24] = {0x72, 0x73, 0x02, 0x56, 0, 0, 0, 48, 0x01, 0x23, 0x45, 0x67,
                                      0x89, 0xab, 0xcd, 0xef, 1, 0, 0, 0,  0,    0,    0,    0};
    memset(bytes, 0xee, RD__TRAILER_LEN + MORE);
    memcpy(bytes, begin, sizeof begin);
    bytes[7] = (uint8_t)(48 + more);
    for (uint8_t i = 0; i < 32; i++)
        bytes[24 + i] = (uint8_t)(i + 1);
}

/* Takes bytes in portions of `portion`, until that fails or the trailer is complete. */
static rd_result take(rd__trailer_reader *reader, const uint8_t *bytes, size_t size, size_t portion, rd_error *error) {
    rd_result result = RD_MORE;
    *reader = (rd__trailer_reader){.origin = ORIGIN};
    for (size_t at = 0; at < size && result == RD_MORE;) {
        size_t used = 0;
        const size_t given = portion < size - at ? portion : size - at;
        result = rd__trailer_take(reader, bytes + at, given, &used, error);
        check_true(result != RD_MORE || used == given, "at %zu portion %zu", at, portion);
        at += used;
    }
    return result;
}

static void trailer_is_that_of_the_format(void **state) {
    (void)state;
    uint8_t bytes[RD__TRAILER_LEN];
    uint8_t expected[RD__TRAILER_LEN + MORE];
    rd__trailer_put(bytes, &example);
    by_hand(expected, 0);
    check_bytes(bytes, sizeof bytes, expected, sizeof bytes, "trailer");
}

static void trailer_in_any_portions_comes_back(void **state) {
    (void)state;
    uint8_t bytes[RD__TRAILER_LEN + MORE];
    for (uint8_t more = 0; more <= MORE; more++) {
        by_hand(bytes, more);
        for (size_t portion = 1; portion <= sizeof bytes; portion++) {
            rd__trailer_reader reader;
            rd_error error;
            check_equal(take(&reader, bytes, sizeof bytes, portion, &error), RD_OK, "more %d portion %zu", more,
                        portion);
            check_equal(reader.taken, RD__TRAILER_LEN + more, "more %d portion %zu", more, portion);
            assert_int_equal(rd__trailer_finish(&reader, &error), RD_OK);
            const rd__trailer trailer = rd__trailer_get(&reader);
            assert_true(trailer.new_size == example.new_size);
            assert_memory_equal(trailer.digest, example.digest, sizeof example.digest);
        }
    }
}

static void trailer_cut_anywhere_is_truncated(void **state) {
    (void)state;
    uint8_t bytes[RD__TRAILER_LEN + MORE];
    by_hand(bytes, 5);
    for (size_t cut = 0; cut < RD__TRAILER_LEN + 5; cut++) {
        rd__trailer_reader reader;
        rd_error error = {.result = RD_OK};
        check_equal(take(&reader, bytes, cut, 3, &error), RD_MORE, "cut %zu", cut);
        check_equal(rd__trailer_finish(&reader, &error), cut == 0 ? RD_OK : RD_E_TRUNCATED, "cut %zu", cut);
        check_true(cut == 0 || (error.offset == ORIGIN + cut && error.role == RD_ROLE_DELTA), "cut %zu", cut);
    }
}

/* What each byte's change means, if it is not of the length or the digest, which only the result can tell. */
static rd_result due(size_t at, uint8_t value) {
    if (at < 4 || (at >= 17 && at < 24))
        return RD_E_CORRUPT;
    if (at < 7)
        return RD_MORE; /* longer than what follows */
    if (at == 7)
        return value < 48 ? RD_E_CORRUPT : RD_MORE;
    return at == 16 ? RD_E_UNVERIFIED : RD_OK;
}

static void every_changed_byte_is_told_or_is_data(void **state) {
    (void)state;
    for (size_t at = 0; at < RD__TRAILER_LEN; at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t bytes[RD__TRAILER_LEN + MORE];
            by_hand(bytes, 0);
            if (bytes[at] == value)
                continue;
            bytes[at] = (uint8_t)value;
            for (size_t portion = 1; portion <= RD__TRAILER_LEN; portion += 55) {
                rd__trailer_reader reader;
                rd_error error = {.result = RD_OK};
                const rd_result result = take(&reader, bytes, RD__TRAILER_LEN, portion, &error);
                check_equal(result, due(at, (uint8_t)value), "byte %zu is %u", at, value);
                if (result == RD_E_CORRUPT || result == RD_E_UNVERIFIED)
                    check_true(error.offset <= ORIGIN + at && error.offset + 8 > ORIGIN + at, "byte %zu is %u", at,
                               value);
            }
        }
    }
}

static void trailer_is_found_at_the_end_and_nowhere_else(void **state) {
    (void)state;
    uint8_t bytes[500];
    uint8_t trailer[RD__TRAILER_LEN + MORE];
    random_source r = random_from(1);
    for (uint8_t more = 0; more <= MORE; more++) {
        by_hand(trailer, more);
        const size_t size = RD__TRAILER_LEN + (size_t)more;
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
        cmocka_unit_test(trailer_in_any_portions_comes_back),
        cmocka_unit_test(trailer_cut_anywhere_is_truncated),
        cmocka_unit_test(every_changed_byte_is_told_or_is_data),
        cmocka_unit_test(trailer_is_found_at_the_end_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
