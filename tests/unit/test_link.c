/*
 * The link of the command: two sides that both have more to say than fits on the way, and listen only after that, do
 * not wait for each other; whatever the sizes, the bytes arrive. The session is one of the test's own, whose functions
 * stand in the place of the library's.
 */
#define _POSIX_C_SOURCE 200809L

#include "support.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/remote/link.h"

enum { LOT = 6 * 1024 * 1024, HANG_SECONDS = 600 };

/* Says `left` bytes, and only then hears `expected`; or both at once. */
struct rd_session {
    size_t said;
    size_t left;
    size_t heard;
    size_t expected;
    bool listens_late;
    bool wrong;
};

static uint8_t byte_at(size_t offset) {
    return (uint8_t)(offset * 131 >> 3);
}

rd_result rd_session_step(rd_session *session, rd_in *in, rd_out *out, bool end) {
    (void)end;
    uint8_t *const to = out->data;
    const uint8_t *const from = in->data;
    for (; session->left > 0 && out->pos < out->size; session->left--)
        to[out->pos++] = byte_at(session->said++);
    if (session->listens_late && session->left > 0)
        return RD_MORE;
    for (; session->heard < session->expected && in->pos < in->size; session->heard++)
        session->wrong = from[in->pos++] != byte_at(session->heard) || session->wrong;
    return session->left > 0 || session->heard < session->expected ? RD_MORE : RD_OK;
}

void rd_session_cancel(rd_session *session) {
    session->wrong = true;
}

static bool go_on(void *context) {
    (void)context;
    return true;
}

/* One side, which ends with 0 if all was right. */
static int talk(int fd, rd_session session, uint64_t rate) {
    remote_link link;
    (void)alarm(HANG_SECONDS);
    const uint64_t says = session.left;
    bool right = link_open(&link, fd, fd, rate) == RD_OK && link_run(&link, &session, go_on, NULL) == RD_OK;
    right = right && !session.wrong && link.sent == says && link.received >= session.expected;
    link_close(&link);
    (void)alarm(0);
    return right ? 0 : 1;
}

static void check_talk(rd_session one, rd_session other, uint64_t rate) {
    int ends[2];
    int status = 1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        _exit(talk(ends[1], other, rate));
    }
    (void)close(ends[1]);
    assert_int_equal(talk(ends[0], one, rate), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(ends[0]);
}

static void test_both_speak_before_they_listen(void **state) {
    (void)state;
    const rd_session side = {.left = LOT, .expected = LOT, .listens_late = true};
    check_talk(side, side, 0);
    check_talk(side, (rd_session){.left = LOT, .expected = LOT}, 0);
}

static void test_both_speak_and_listen(void **state) {
    (void)state;
    for (size_t size = 1; size <= LOT; size = size * 7 + 1)
        check_talk((rd_session){.left = size, .expected = LOT}, (rd_session){.left = LOT, .expected = size}, 0);
}

static void test_a_limited_link_carries_the_same(void **state) {
    (void)state;
    check_talk((rd_session){.left = 3000, .expected = 9000}, (rd_session){.left = 9000, .expected = 3000}, 100000);
}

/* The other side closes its end: what it said before is heard, and then the link ends. */
static void test_an_end_that_comes_early(void **state) {
    int ends[2];
    rd_session session = {.left = LOT, .expected = 100};
    remote_link link;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const uint8_t said[3] = {byte_at(0), byte_at(1), byte_at(2)};
    assert_int_equal(write(ends[1], said, sizeof said), sizeof said);
    (void)close(ends[1]);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(HANG_SECONDS);
    assert_int_equal(link_open(&link, ends[0], ends[0], 0), RD_OK);
    assert_int_equal(link_run(&link, &session, go_on, NULL), RD_E_TRUNCATED);
    assert_int_equal(session.heard, 3);
    assert_false(session.wrong);
    link_close(&link);
    (void)alarm(0);
    (void)close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_speak_before_they_listen),
        cmocka_unit_test(test_both_speak_and_listen),
        cmocka_unit_test(test_a_limited_link_carries_the_same),
        cmocka_unit_test(test_an_end_that_comes_early),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
