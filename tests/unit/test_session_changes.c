/*
 * A sender whose file has another length after it was announced: that is what it says, whatever it has sent so far.
 */
#include "support.h"

#include "format/numbers.h"
#include "session/session.h"

enum { SIZE = 600000, UNITS = 3, SAID_MAX = 1 << 20 };

/* A file of zeros, of whatever length it has just now. */
static rd_result zeros_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const uint64_t *const length = context;
    const uint64_t left = offset < *length ? *length - offset : 0;
    *got = size < left ? size : (size_t)left;
    if (*got > 0)
        memset(data, 0, *got);
    return RD_OK;
}

/* Announces the file, and goes on when it has another length; what it says is not looked at. */
static rd_result announce(rd_session *session, uint64_t *length, uint64_t later) {
    static uint8_t said[SAID_MAX];
    const rd__hello hello = {.version = RD__SESSION_VERSION, .receives = true, .lanes = 1};
    rd__growing body = {0}, bytes = {0};
    rd__hello_put(&body, &hello);
    rd__message_put(&bytes, RD__MESSAGE_HELLO, 0, body.data, body.size);
    rd__growing_clear(&body);
    rd__number_put(&body, SIZE);
    rd__growing_put(&body, (uint8_t[4 * UNITS]){0}, 4 * UNITS); /* of a file that has nothing in the same place */
    rd__message_put(&bytes, RD__MESSAGE_GO, 0, body.data, body.size);
    rd_in in = {0};
    rd_out out = {.data = said, .size = sizeof said};
    for (int i = 0; i < 2; i++) /* the second step reads the file */
        assert_int_equal(rd_session_step(session, &in, &out, false), RD_MORE);
    *length = later;
    in = (rd_in){.data = bytes.data, .size = bytes.size};
    const rd_result result = rd_session_step(session, &in, &out, false);
    rd__growing_free(&body);
    rd__growing_free(&bytes);
    return result;
}

static void another_length_is_told(void **state) {
    (void)state;
    static const uint64_t later[] = {0, 1, SIZE - 1, SIZE, SIZE + 1, SIZE + 1000000};
    for (size_t i = 0; i < ITEMS(later); i++) {
        uint64_t length = SIZE;
        const rd_source source = rd_source_callback(zeros_read, &length, SIZE, RD_SEEKABLE);
        rd_session *session = NULL;
        assert_int_equal(rd_session_sender_new(&session, &source, NULL, NULL), RD_OK);
        check_equal(announce(session, &length, later[i]), later[i] == SIZE ? RD_MORE : RD_E_CHANGED, "then %ju bytes",
                    (uintmax_t)later[i]);
        rd_session_free(session);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(another_length_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
