/*
 * Frames and records of a session against bytes written by hand; cut at every place; each limit from both sides.
 */
#include "support.h"

#include "format/session.h"

static const uint8_t random_bytes[RD__SESSION_RANDOM] = "0123456789abcdef";

/* The frame header in `bytes`, in an allocation of exactly that size. */
static rd_result get_frame(const uint8_t *bytes, size_t size, rd__frame_header *header, size_t *used) {
    const char *reason = NULL;
    rd_memory exact = bytes_copy(bytes, size);
    const uint8_t *at = exact.data;
    const rd_result result = rd__frame_get(&at, size > 0 ? at + size : at, header, &reason);
    *used = (size_t)(at - exact.data);
    assert_true(result != RD_E_CORRUPT || reason);
    rd_memory_free(&exact);
    return result;
}

static void frames_come_back(void **state) {
    (void)state;
    static const uint64_t lanes[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    static const uint32_t sizes[] = {0, 1, 127, 128, 16384, RD__FRAME_PAYLOAD_MAX};
    for (uint8_t type = RD__MESSAGE_HELLO; type <= RD__MESSAGE_FAILURE; type++) {
        for (size_t k = 0; k < 2 * ITEMS(lanes) * ITEMS(sizes); k++) {
            const rd__frame_header put = {.type = type,
                                          .more = k % 2 == 1,
                                          .lane = lanes[k / 2 % ITEMS(lanes)],
                                          .size = sizes[k / 2 / ITEMS(lanes)]};
            rd__frame_header got;
            rd__growing bytes = {0};
            size_t used = 0;
            rd__frame_put(&bytes, put);
            for (size_t size = 0; size < bytes.size; size++)
                check_equal(get_frame(bytes.data, size, &got, &used), RD_MORE, "type %u, %zu, cut at %zu", type, k,
                            size);
            assert_int_equal(get_frame(bytes.data, bytes.size, &got, &used), RD_OK);
            check_true(used == bytes.size && got.type == put.type && got.more == put.more && got.lane == put.lane &&
                           got.size == put.size,
                       "type %u, %zu", type, k);
            rd__growing_free(&bytes);
        }
    }
}

static void frame_is_that_of_the_format(void **state) {
    (void)state;
    static const uint8_t expected[] = {0x85, 0x80, 0x02, 0x81, 0x01};
    rd__growing bytes = {0};
    rd__frame_put(&bytes, (rd__frame_header){.type = RD__MESSAGE_ROUND, .more = true, .lane = 256, .size = 129});
    check_bytes(bytes.data, bytes.size, expected, sizeof expected, "frame");
    rd__growing_free(&bytes);
}

static void broken_frames_are_refused(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } broken[] = {
        {{0, 0, 0}, 3},                                                           /* no type */
        {{15, 0, 0}, 3},                                                          /* one too many */
        {{0x80, 0, 0}, 3},                                                        /* no type, and more of it */
        {{5, 0, 0x81, 0x80, 0x40}, 5},                                            /* longer than a MiB */
        {{5, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}, 7},                                /* likewise */
        {{5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 11},       /* a lane of more than 64 bits */
        {{5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0}, 12}, /* likewise */
    };
    for (size_t i = 0; i < ITEMS(broken); i++) {
        rd__frame_header header;
        size_t used = 0;
        check_equal(get_frame(broken[i].bytes, broken[i].size, &header, &used), RD_E_CORRUPT, "frame %zu", i);
        check_equal(used, 0, "frame %zu", i);
    }
}

static void messages_are_cut_into_frames(void **state) {
    (void)state;
    random_source r = random_from(1);
    static const size_t sizes[] = {0, 1, RD__FRAME_PAYLOAD_MAX, RD__FRAME_PAYLOAD_MAX + 1, 3 * RD__FRAME_PAYLOAD_MAX};
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        rd_memory body = bytes_random(&r, sizes[i], 256);
        rd__growing bytes = {0};
        rd__message_put(&bytes, RD__MESSAGE_TOP, 3, body.data, body.size);
        const uint8_t *at = bytes.data;
        const uint8_t *const end = at + bytes.size;
        size_t joined = 0;
        for (bool more = true; more;) {
            rd__frame_header header;
            const char *reason = NULL;
            check_equal(rd__frame_get(&at, end, &header, &reason), RD_OK, "message of %zu", sizes[i]);
            assert_true(header.type == RD__MESSAGE_TOP && header.lane == 3 && header.size <= (size_t)(end - at));
            check_true(header.size == 0 || memcmp(at, body.data + joined, header.size) == 0, "of %zu", sizes[i]);
            at += header.size;
            joined += header.size;
            more = header.more;
        }
        check_true(at == end && joined == sizes[i], "message of %zu", sizes[i]);
        rd__growing_free(&bytes);
        rd_memory_free(&body);
    }
}

/* ---- The greeting ------------------------------------------------------------------------------------------------ */

static rd_result get_hello(const uint8_t *bytes, size_t size, rd__hello *hello) {
    const char *reason = NULL;
    rd_memory exact = bytes_copy(bytes, size);
    const rd_result result = rd__hello_get(exact.data, size, hello, &reason);
    assert_true(result == RD_OK || reason);
    rd_memory_free(&exact);
    return result;
}

static void hello_is_that_of_the_format(void **state) {
    (void)state;
    static const uint8_t expected[] = "RDSE\1\1\1\x20"
                                      "0123456789abcdef";
    rd__hello put = {.version = 1, .features = RD__FEATURE_ZSTD, .receives = true, .lanes = 32};
    rd__hello got;
    rd__growing bytes = {0};
    memcpy(put.random, random_bytes, sizeof put.random);
    rd__hello_put(&bytes, &put);
    check_bytes(bytes.data, bytes.size, expected, sizeof expected - 1, "hello");
    for (size_t size = 0; size < bytes.size; size++)
        check_equal(get_hello(bytes.data, size, &got), size < 4 ? RD_E_MAGIC : RD_E_CORRUPT, "cut at %zu", size);
    assert_int_equal(get_hello(bytes.data, bytes.size, &got), RD_OK);
    assert_true(got.version == 1 && got.features == RD__FEATURE_ZSTD && got.receives && got.lanes == 32);
    assert_memory_equal(got.random, random_bytes, sizeof got.random);
    rd__growing_put_byte(&bytes, 0);
    assert_int_equal(get_hello(bytes.data, bytes.size, &got), RD_E_CORRUPT);
    rd__growing_free(&bytes);
}

static void hellos_have_limits(void **state) {
    (void)state;
    static const struct {
        rd__hello hello;
        rd_result result;
    } cases[] = {
        {{.version = 1}, RD_OK},
        {{.version = 1, .receives = true}, RD_E_CORRUPT}, /* no lane may be open */
        {{.version = 1, .receives = true, .lanes = RD__LANES_MAX}, RD_OK},
        {{.version = 1, .receives = true, .lanes = RD__LANES_MAX + 1}, RD_E_CORRUPT},
        {{.version = 1, .features = UINT64_MAX}, RD_OK}, /* what is not known is ignored */
        {{.version = 2, .lanes = UINT64_MAX}, RD_OK},    /* of another version, only this is read */
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        rd__hello got;
        rd__growing bytes = {0};
        rd__hello_put(&bytes, &cases[i].hello);
        check_equal(get_hello(bytes.data, bytes.size, &got), cases[i].result, "hello %zu", i);
        check_true(cases[i].result != RD_OK || got.version == cases[i].hello.version, "hello %zu", i);
        rd__growing_free(&bytes);
    }
    rd__hello got;
    assert_int_equal(get_hello((const uint8_t *)"RDSE\1\1\2\1aaaaaaaaaaaaaaaa", 24, &got), RD_E_CORRUPT);
    assert_int_equal(get_hello((const uint8_t *)"RDSF\1\1\1\1aaaaaaaaaaaaaaaa", 24, &got), RD_E_MAGIC);
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

static bool get_file(const uint8_t *bytes, size_t size, rd__file_record *record) {
    rd_memory exact = bytes_copy(bytes, size);
    const bool good = rd__file_record_get(exact.data, size, record);
    rd_memory_free(&exact);
    return good;
}

static void files_come_back(void **state) {
    (void)state;
    static const rd_session_file files[] = {
        {.size = 0},
        {.size = (uint64_t)1 << RD__SESSION_FILE_LOG2},
        {.size = 300, .has_time = true, .seconds = -1, .nanoseconds = 999999999},
        {.size = 300, .has_time = true, .seconds = INT64_MIN},
        {.size = 300, .has_time = true, .seconds = INT64_MAX, .has_mode = true, .mode = 0777},
        {.size = 1, .has_mode = true, .mode = 0},
    };
    for (size_t i = 0; i < 2 * ITEMS(files); i++) {
        rd__file_record put = {.file = files[i / 2], .last = i % 2 == 1, .holes = i % 4 > 1};
        rd__file_record got;
        rd__growing bytes = {0};
        rd__file_record_put(&bytes, &put);
        for (size_t size = 0; size < bytes.size; size++)
            check_true(!get_file(bytes.data, size, &got), "file %zu, cut at %zu", i, size);
        check_true(get_file(bytes.data, bytes.size, &got), "file %zu", i);
        const rd_session_file *const f = &got.file;
        check_true(f->size == put.file.size && f->has_time == put.file.has_time && f->seconds == put.file.seconds &&
                       f->nanoseconds == put.file.nanoseconds && f->has_mode == put.file.has_mode &&
                       f->mode == put.file.mode && got.last == put.last && got.holes == put.holes,
                   "file %zu", i);
        rd__growing_put_byte(&bytes, 0);
        check_true(!get_file(bytes.data, bytes.size, &got), "file %zu, and a byte", i);
        rd__growing_free(&bytes);
    }
}

static void files_have_limits(void **state) {
    (void)state;
    static const rd_session_file files[] = {
        {.size = ((uint64_t)1 << RD__SESSION_FILE_LOG2) + 1},
        {.size = UINT64_MAX},
        {.has_time = true, .nanoseconds = 1000000000},
        {.has_mode = true, .mode = 01000},
    };
    for (size_t i = 0; i < ITEMS(files); i++) {
        rd__file_record got;
        rd__growing bytes = {0};
        rd__file_record_put(&bytes, &(rd__file_record){.file = files[i]});
        check_true(!get_file(bytes.data, bytes.size, &got), "file %zu", i);
        bytes.data[0] |= 8; /* a flag that is none */
        check_true(!get_file(bytes.data, bytes.size, &got), "file %zu", i);
        rd__growing_free(&bytes);
    }
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

static void failure_texts_can_be_printed(void **state) {
    (void)state;
    static const struct {
        const char *sent;
        const char *shown;
    } cases[] = {
        {"", ""},
        {"disk full", "disk full"},
        {"a\nb\x1b[31mc\x7f", "a?b?[31mc?"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"}, /* a-umlaut, euro, a face */
        {"\xe0\xa4\xa8\xe2\x80\x9cx\xe2\x80\x9d\xc2\xa0", "\xe0\xa4\xa8\xe2\x80\x9cx\xe2\x80\x9d\xc2\xa0"},
        {"\xc2\x85", "??"},                                         /* control, in two bytes */
        {"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf", "?????????"},      /* longer than they need be */
        {"\xed\xa0\x80\xf4\x90\x80\x80\xff\xf8\x88", "??????????"}, /* no characters */
        {"\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", "????????"},           /* what turns text round */
        {"\xc3", "?"},                                              /* cut short */
        {"\xe2\x82", "??"},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        char text[RD__FAILURE_TEXT_MAX + 1];
        rd_result result = RD_OK;
        rd__growing bytes = {0};
        rd__failure_put(&bytes, RD_E_IO, cases[i].sent);
        rd_memory exact = bytes_copy(bytes.data, bytes.size);
        check_true(rd__failure_get(exact.data, exact.size, &result, text), "case %zu", i);
        check_equal(result, RD_E_IO, "case %zu", i);
        check_bytes((const uint8_t *)text, strlen(text), (const uint8_t *)cases[i].shown, strlen(cases[i].shown),
                    "case %zu: %s", i, text);
        rd_memory_free(&exact);
        rd__growing_free(&bytes);
    }
}

static void failures_have_limits(void **state) {
    (void)state;
    char text[RD__FAILURE_TEXT_MAX + 1];
    char sent[RD__FAILURE_TEXT_MAX + 100];
    rd_result result = RD_OK;
    rd__growing bytes = {0};
    memset(sent, 'x', sizeof sent);
    sent[sizeof sent - 1] = '\0';
    rd__failure_put(&bytes, RD_E_PEER, sent);
    assert_int_equal(bytes.size, 1 + RD__FAILURE_TEXT_MAX);
    assert_true(rd__failure_get(bytes.data, bytes.size, &result, text) && strlen(text) == RD__FAILURE_TEXT_MAX);
    rd__growing_put_byte(&bytes, 'x');
    assert_false(rd__failure_get(bytes.data, bytes.size, &result, text));
    assert_false(rd__failure_get(bytes.data, 0, &result, text));
    for (unsigned code = 0; code < 256; code++) {
        const uint8_t byte = (uint8_t)code;
        check_equal(rd__failure_get(&byte, 1, &result, text), code >= RD_E_IO && code <= RD_E_PEER, "result %u", code);
    }
    rd__growing_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back),
        cmocka_unit_test(frame_is_that_of_the_format),
        cmocka_unit_test(broken_frames_are_refused),
        cmocka_unit_test(messages_are_cut_into_frames),
        cmocka_unit_test(hello_is_that_of_the_format),
        cmocka_unit_test(hellos_have_limits),
        cmocka_unit_test(files_come_back),
        cmocka_unit_test(files_have_limits),
        cmocka_unit_test(failure_texts_can_be_printed),
        cmocka_unit_test(failures_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
