/*
 * Sessions over files of several lanes, on which all threads work: but a source that does not say that several threads
 * may read it is read by the caller's alone.
 */
#include "talk.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MIB = 1 << 20, SIZE = 136 * MIB, EVERY = 8 * MIB };

/* A file that is made while it is read. */
typedef struct made_file {
    uint8_t changed; /* added to one byte of each 8 MiB */
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
        bytes[i] = (uint8_t)(bytes[i] + (at % EVERY == 12345 ? file->changed : 0));
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

static void only_the_caller_reads(void **state) {
    (void)state;
    made_file old_file = {.caller = pthread_self()};
    made_file new_file = {.caller = pthread_self(), .changed = 1};
    const rd_source from = rd_source_callback(made_read, &old_file, SIZE, RD_SEEKABLE);
    const rd_source to = rd_source_callback(made_read, &new_file, SIZE, RD_SEEKABLE);
    const rd_sink sink = rd_sink_callback_at(discard, discard_at, NULL);
    const rd_options options = {.size = sizeof options, .threads = 4};
    const talk_plan plan = talk_plan_plain();
    talk t = {.sides = {{.result = RD_MORE}, {.result = RD_MORE}}};
    assert_int_equal(rd_session_sender_new(&t.sides[SENDER].session, &to, NULL, &options), RD_OK);
    assert_int_equal(rd_session_receiver_new(&t.sides[RECEIVER].session, &from, &sink, &options), RD_OK);
    talk_run(&t, &plan);
    assert_int_equal(t.sides[SENDER].result, RD_OK);
    assert_int_equal(t.sides[RECEIVER].result, RD_OK);
    check_equal(new_file.elsewhere, 0, "reads of the new file elsewhere");
    check_equal(old_file.elsewhere, 0, "reads of the old file elsewhere");
    talk_free(&t);
}

/* An old file that cannot be read any more once the new one is being written. */
typedef struct broken_file {
    made_file file;
    atomic_bool broken;
} broken_file;

static rd_result broken_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    broken_file *const broken = context;
    return broken->broken ? RD_E_IO : made_read(&broken->file, offset, data, size, got);
}

static rd_result break_it(void *context, const void *data, size_t size) {
    (void)data, (void)size;
    ((broken_file *)context)->broken = true;
    return RD_OK;
}

static rd_result break_it_at(void *context, uint64_t offset, const void *data, size_t size) {
    (void)offset;
    return break_it(context, data, size);
}

static void a_long_copy_that_cannot_be_read_fails(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        broken_file old_file = {.file.caller = pthread_self()};
        made_file new_file = {.caller = pthread_self(), .changed = 1};
        const rd_source from = rd_source_callback(broken_read, &old_file, SIZE, RD_SEEKABLE | RD_CONCURRENT);
        const rd_source to = rd_source_callback(made_read, &new_file, SIZE, RD_SEEKABLE);
        const rd_sink sink = rd_sink_callback_at(break_it, break_it_at, &old_file);
        const rd_options options = {.size = sizeof options, .threads = threads};
        const talk_plan plan = talk_plan_plain();
        talk t = {.sides = {{.result = RD_MORE}, {.result = RD_MORE}}};
        assert_int_equal(rd_session_sender_new(&t.sides[SENDER].session, &to, NULL, &options), RD_OK);
        assert_int_equal(rd_session_receiver_new(&t.sides[RECEIVER].session, &from, &sink, &options), RD_OK);
        talk_run(&t, &plan);
        check_equal(t.sides[SENDER].result, RD_E_PEER, "%u threads", threads);
        check_equal(t.sides[RECEIVER].result, RD_E_IO, "%u threads", threads);
        check_equal(rd_session_error(t.sides[RECEIVER].session)->role, RD_ROLE_BASIS, "%u threads", threads);
        talk_free(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_caller_reads),
                                       cmocka_unit_test(a_long_copy_that_cannot_be_read_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
