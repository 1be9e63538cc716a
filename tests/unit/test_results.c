/*
 * Results as text, the version, and telling files apart. Names and numbers are written out here once more, because
 * callers in other languages have them in their own tables: none may change.
 */
#include "support.h"

static const struct {
    int number;
    rd_result result;
    const char *name;
} results[] = {
    {0, RD_OK, "RD_OK"},
    {1, RD_MORE, "RD_MORE"},
    {2, RD_E_IO, "RD_E_IO"},
    {3, RD_E_MEMORY, "RD_E_MEMORY"},
    {4, RD_E_PARAMETER, "RD_E_PARAMETER"},
    {5, RD_E_MAGIC, "RD_E_MAGIC"},
    {6, RD_E_TRUNCATED, "RD_E_TRUNCATED"},
    {7, RD_E_CORRUPT, "RD_E_CORRUPT"},
    {8, RD_E_LIMIT, "RD_E_LIMIT"},
    {9, RD_E_EXISTS, "RD_E_EXISTS"},
    {10, RD_E_CANCELLED, "RD_E_CANCELLED"},
    {11, RD_E_STATE, "RD_E_STATE"},
    {12, RD_E_MISMATCH, "RD_E_MISMATCH"},
    {13, RD_E_UNVERIFIED, "RD_E_UNVERIFIED"},
    {14, RD_E_CHANGED, "RD_E_CHANGED"},
    {15, RD_E_PEER, "RD_E_PEER"},
};

#define MAP_MESSAGE(name, number, message) [number] = (message),
static const char *const messages[] = {RD_RESULT_MAP(MAP_MESSAGE)};

static void every_result_has_its_number_its_name_and_its_message(void **state) {
    (void)state;
    assert_int_equal(ITEMS(results), ITEMS(messages));
    for (size_t i = 0; i < ITEMS(results); i++) {
        assert_int_equal(results[i].result, results[i].number);
        assert_string_equal(rd_result_name(results[i].result), results[i].name);
        assert_string_equal(rd_result_message(results[i].result), messages[results[i].number]);
        assert_true(strlen(messages[i]) > 0);
    }
}

static void no_two_messages_are_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(messages); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(messages[i], messages[j]);
    }
}

static void value_outside_the_list_has_a_name_and_a_message_too(void **state) {
    (void)state;
    static const int outside[] = {16, 99, 1000000, -1};
    for (size_t i = 0; i < ITEMS(outside); i++) {
        assert_string_equal(rd_result_name((rd_result)outside[i]), "RD_?");
        assert_string_equal(rd_result_message((rd_result)outside[i]), "unknown result");
    }
}

static void version_is_that_of_the_header(void **state) {
    (void)state;
    char version[64];
    (void)snprintf(version, sizeof version, "%d.%d.%d", RD_VERSION_MAJOR, RD_VERSION_MINOR, RD_VERSION_PATCH);
    assert_string_equal(rd_version(), version);
}

static rd_kind kind_of_magic(uint32_t magic) {
    switch (magic) {
    case 0x72730136:
    case 0x72730137:
    case 0x72730146:
    case 0x72730147: return RD_KIND_SIGNATURE;
    case 0x72730236: return RD_KIND_DELTA;
    case 0x72730336: return RD_KIND_DENSE;
    default: return RD_KIND_OTHER;
    }
}

static void check_identified(uint32_t magic) {
    const uint8_t bytes[4] = {(uint8_t)(magic >> 24), (uint8_t)(magic >> 16), (uint8_t)(magic >> 8), (uint8_t)magic};
    check_equal(rd_identify(bytes, 4), kind_of_magic(magic), "magic 0x%08x", magic);
}

static void files_are_known_by_their_magic_alone(void **state) {
    (void)state;
    static const uint32_t known[] = {0x72730136, 0x72730137, 0x72730146, 0x72730147, 0x72730236, 0x72730336};
    for (uint32_t low = 0; low < 0x10000; low++)
        check_identified(0x72730000 | low);
    for (size_t i = 0; i < ITEMS(known); i++) {
        for (unsigned bit = 0; bit < 32; bit++)
            check_identified(known[i] ^ 1u << bit);
    }
    check_identified(0);
    check_identified(0x36027372);
}

static void what_follows_the_magic_does_not_matter(void **state) {
    (void)state;
    static const uint8_t delta[12] = {0x72, 0x73, 0x02, 0x36, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    for (size_t size = 4; size <= sizeof delta; size++)
        assert_int_equal(rd_identify(delta, size), RD_KIND_DELTA);
}

static void fewer_than_four_bytes_are_of_no_kind(void **state) {
    (void)state;
    for (size_t size = 0; size < 4; size++) {
        rd_memory bytes = bytes_copy("\x72\x73\x02\x36", size);
        assert_int_equal(rd_identify(bytes.data, size), RD_KIND_OTHER);
        rd_memory_free(&bytes);
    }
    assert_int_equal(rd_identify(NULL, 0), RD_KIND_OTHER);
}

static void every_note_has_a_name_and_a_message(void **state) {
    (void)state;
    for (unsigned note = RD_NOTE_OWNER; note <= RD_NOTE_NAME; note *= 2) {
        assert_string_not_equal(rd_note_name(note), "?");
        for (unsigned other = RD_NOTE_OWNER; other < note; other *= 2) {
            assert_string_not_equal(rd_note_name(note), rd_note_name(other));
            assert_string_not_equal(rd_note_message(note), rd_note_message(other));
        }
    }
    assert_string_equal(rd_note_name(0), "?");
    assert_string_equal(rd_note_message(2 * RD_NOTE_NAME), "unknown note");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_result_has_its_number_its_name_and_its_message),
        cmocka_unit_test(no_two_messages_are_the_same),
        cmocka_unit_test(value_outside_the_list_has_a_name_and_a_message_too),
        cmocka_unit_test(every_note_has_a_name_and_a_message),
        cmocka_unit_test(version_is_that_of_the_header),
        cmocka_unit_test(files_are_known_by_their_magic_alone),
        cmocka_unit_test(what_follows_the_magic_does_not_matter),
        cmocka_unit_test(fewer_than_four_bytes_are_of_no_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
