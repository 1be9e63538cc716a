/*
 * A receiver whose output only grows at its end, wherever one writes: what hashes have made wrong cannot be repaired
 * there, so it must not be taken for repaired.
 */
#define _POSIX_C_SOURCE 200809L
#include "talk.h"

#include "session/session.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIZE = 300000 };

static void output_that_only_grows_is_not_repaired(void **state) {
    (void)state;
    static uint8_t old_file[SIZE], new_file[SIZE], made[2 * SIZE];
    random_source r = random_from(1);
    random_fill(&r, old_file, sizeof old_file, 256);
    memcpy(new_file, old_file, sizeof old_file);
    for (size_t i = 0; i < SIZE; i += 1000)
        new_file[i]++;
    const rd_source from = rd_source_memory(old_file, SIZE), to = rd_source_memory(new_file, SIZE);
    int refused = 0;
    for (int attempt = 0; attempt < 30; attempt++) {
        const bool append = attempt > 0;
        char name[] = "/tmp/test_session_append_XXXXXX";
        const int made_fd = mkstemp(name);
        const int fd = open(name, append ? O_WRONLY | O_APPEND : O_WRONLY);
        assert_true(made_fd >= 0 && fd >= 0 && unlink(name) == 0);
        const rd_sink sink = rd_sink_fd(fd);
        const talk_plan plan = talk_plan_plain();
        talk t = {.sides = {{.result = RD_MORE}, {.result = RD_MORE}}};
        assert_int_equal(rd_session_sender_new(&t.sides[SENDER].session, &to, NULL, NULL), RD_OK);
        assert_int_equal(rd_session_receiver_new(&t.sides[RECEIVER].session, &from, &sink, NULL), RD_OK);
        rd__session_force_bits(t.sides[SENDER].session, 2);
        talk_run(&t, &plan);
        const rd_result result = t.sides[RECEIVER].result;
        check_true(result == RD_OK || (append && result == RD_E_MISMATCH), "append %d: %d", append, result);
        if (result == RD_OK) { /* now and then nothing misleads */
            assert_int_equal(pread(made_fd, made, sizeof made, 0), SIZE);
            assert_memory_equal(made, new_file, SIZE);
        }
        refused += result != RD_OK;
        talk_free(&t);
        assert_true(close(fd) == 0 && close(made_fd) == 0);
    }
    assert_true(refused > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(output_that_only_grows_is_not_repaired)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
