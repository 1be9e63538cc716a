/*
 * Sessions over files of several lanes, on which all threads work: but a source that does not say that several threads
 * may read it is read by the caller's alone.
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MIB = 1 << 20, SIZE = 136 * MIB, ROOM = 1 << 18 };

/* A file that is made while it is read. */
typedef struct made_file {
    uint8_t changed; /* added to one byte of each MiB */
    pthread_t caller;
    atomic_uint elsewhere; /* reads by other threads */
} made_file;

static rd_result made_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    made_file *const file = context;
    uint8_t *const bytes = data;
    *got = offset >= SIZE ? 0 : size < SIZE - offset ? size : (size_t)(SIZE - offset);
    if (!pthread_equal(pthread_self(), file->caller))
        file->elsewhere++;
    for (size_t i = 0; i < *got; i++) {
        const uint64_t at = offset + i;
        bytes[i] = (uint8_t)((at >> 6) * 0x9e3779b97f4a7c15u >> 40 ^ at);
        bytes[i] = (uint8_t)(bytes[i] + (at % MIB == 12345 ? file->changed : 0));
    }
    return RD_OK;
}

static rd_result discard(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_result discard_at(void *context, uint64_t offset, const void *data, size_t size) {
    (void)context, (void)offset, (void)data, (void)size;
    return RD_OK;
}

static void talk_to_the_end(rd_session *sender, rd_session *receiver) {
    static uint8_t rooms[2][ROOM];
    rd_session *const sides[2] = {sender, receiver};
    rd_result results[2] = {RD_MORE, RD_MORE};
    size_t said[2] = {0, 0};
    for (unsigned i = 0; results[0] == RD_MORE || results[1] == RD_MORE; i = 1 - i) {
        rd_in in = {.data = rooms[1 - i], .size = said[1 - i]};
        rd_out out = {.data = rooms[i], .size = sizeof rooms[i]};
        results[i] = rd_session_step(sides[i], &in, &out, false);
        assert_true((results[i] == RD_MORE || results[i] == RD_OK) && in.pos == in.size);
        said[i] = out.pos;
    }
}

static void only_the_caller_reads(void **state) {
    (void)state;
    made_file old_file = {.caller = pthread_self()};
    made_file new_file = {.caller = pthread_self(), .changed = 1};
    const rd_source from = rd_source_callback(made_read, &old_file, SIZE, RD_SEEKABLE);
    const rd_source to = rd_source_callback(made_read, &new_file, SIZE, RD_SEEKABLE);
    const rd_sink sink = rd_sink_callback_at(discard, discard_at, NULL);
    const rd_options options = {.size = sizeof options, .threads = 4};
    rd_session *sender = NULL, *receiver = NULL;
    assert_int_equal(rd_session_sender_new(&sender, &to, NULL, &options), RD_OK);
    assert_int_equal(rd_session_receiver_new(&receiver, &from, &sink, &options), RD_OK);
    talk_to_the_end(sender, receiver);
    check_equal(new_file.elsewhere, 0, "reads of the new file elsewhere");
    check_equal(old_file.elsewhere, 0, "reads of the old file elsewhere");
    rd_session_free(sender);
    rd_session_free(receiver);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_caller_reads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
