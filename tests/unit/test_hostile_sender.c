/*
 * A receiver and a sender that lies: what it announces, nobody has to have. It must neither cost work nor memory beyond
 * what the files have and what came.
 */
#include "support.h"

#include "format/bits.h"
#include "hash/rabinkarp.h"
#include "session/session.h"

#include <pthread.h>

enum { OLD_SIZE = 1 << 22, SAID_MAX = 1 << 20 };

/* An old file of zeros, and what was read of it. */
static rd_result read_zeros(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    uint64_t *const read = context;
    *got = offset >= OLD_SIZE ? 0 : size < OLD_SIZE - offset ? size : (size_t)(OLD_SIZE - offset);
    if (*got > 0)
        memset(data, 0, *got);
    *read += *got;
    return RD_OK;
}

static rd_result discard(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_result give(rd_session *session, const rd__growing *bytes) {
    static uint8_t said[SAID_MAX];
    rd_in in = {.data = bytes->data, .size = bytes->size};
    rd_out out = {.data = said, .size = sizeof said};
    return rd_session_step(session, &in, &out, false);
}

/* A receiver to which a file of this size was announced. */
static rd_session *receiver_from(const rd_source *old_file, uint64_t size) {
    const rd_options options = {.size = sizeof options, .threads = 4};
    const rd_sink sink = rd_sink_callback(discard, NULL);
    const rd__hello hello = {.version = RD__SESSION_VERSION};
    const rd__file_record record = {.file.size = size, .last = true};
    static const uint8_t digest[RD_DIGEST_LEN];
    rd_session *session = NULL;
    rd__growing body = {0}, bytes = {0};
    assert_int_equal(rd_session_receiver_new(&session, old_file, &sink, &options), RD_OK);
    rd__hello_put(&body, &hello);
    rd__message_put(&bytes, RD__MESSAGE_HELLO, 0, body.data, body.size);
    rd__growing_clear(&body);
    rd__file_record_put(&body, &record);
    rd__message_put(&bytes, RD__MESSAGE_FILE, 0, body.data, body.size);
    rd__message_put(&bytes, RD__MESSAGE_DIGEST, 0, digest, sizeof digest);
    assert_int_equal(give(session, &bytes), RD_MORE);
    rd__growing_free(&body);
    rd__growing_free(&bytes);
    return session;
}

static rd_session *receiver_of(uint64_t size, uint64_t *read) {
    const rd_source old_file = rd_source_callback(read_zeros, read, OLD_SIZE, RD_SEEKABLE);
    return receiver_from(&old_file, size);
}

/* Sums of blocks that all seem to be equal, each with as few bits as there may be. */
static rd_result give_top(rd_session *session, unsigned log2, size_t count, uint32_t rolling) {
    rd__growing body = {0}, bytes = {0};
    rd__bit_writer writer = {.out = &body};
    rd__growing_put(&body, (uint8_t[]){(uint8_t)log2, RD__ROLLING_BITS_MIN, 1}, 3);
    for (size_t i = 0; i < count; i++) {
        rd__bits_put(&writer, rolling >> (32 - RD__ROLLING_BITS_MIN), RD__ROLLING_BITS_MIN);
        rd__bits_put(&writer, 0, 1);
    }
    rd__bits_finish(&writer);
    rd__message_put(&bytes, RD__MESSAGE_TOP, 0, body.data, body.size);
    const rd_result result = give(session, &bytes);
    rd__growing_free(&body);
    rd__growing_free(&bytes);
    return result;
}

static void equal_blocks_without_end_are_not_all_summed(void **state) {
    (void)state;
    enum { LOG2 = 21, COUNT = 1 << 13 };
    uint64_t read = 0;
    rd_session *const session = receiver_of((uint64_t)COUNT << LOG2, &read);
    uint32_t sum = RD__RABINKARP_SEED;
    for (size_t i = 0; i < (size_t)1 << LOG2; i++)
        sum *= RD__RABINKARP_MULTIPLIER;
    assert_int_equal(give_top(session, LOG2, COUNT, sum * session->keys.rolling), RD_MORE);
    check_true(read > OLD_SIZE && read < (uint64_t)2 << 30, "%ju bytes read", (uintmax_t)read);
    rd_session_free(session);
}

/* Their number would fit into 32 bits only without its highest ones. */
static void more_blocks_than_a_small_machine_can_count_are_refused(void **state) {
    (void)state;
    uint64_t read = 0;
    rd_session *const session = receiver_of(((uint64_t)1 << 37) + 32, &read);
    assert_int_equal(give_top(session, 5, 1, 0), RD_E_CORRUPT);
    rd_session_free(session);
}

/* An old file of which long parts are read at once: how much room there is for all of them. */
typedef struct rooms {
    pthread_mutex_t mutex;
    const void *starts[64];
    size_t count;
    size_t size; /* of all */
} rooms;

enum { LARGE = 1 << 29 };

static rd_result read_large(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    rooms *const seen = context;
    size_t i = 0;
    *got = offset >= LARGE ? 0 : size < LARGE - offset ? size : (size_t)(LARGE - offset);
    memset(data, (int)(offset >> 25), *got);
    pthread_mutex_lock(&seen->mutex);
    while (i < seen->count && seen->starts[i] != data)
        i++;
    if (i == seen->count && i < ITEMS(seen->starts)) {
        seen->starts[seen->count++] = data;
        seen->size += *got;
    }
    pthread_mutex_unlock(&seen->mutex);
    return RD_OK;
}

static void long_blocks_take_no_more_memory(void **state) {
    (void)state;
    rooms seen = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    const rd_source old_file = rd_source_callback(read_large, &seen, LARGE, RD_SEEKABLE | RD_CONCURRENT);
    rd_session *const session = receiver_from(&old_file, (uint64_t)1 << 26);
    assert_int_equal(give_top(session, 25, 2, 0), RD_MORE);
    check_true(seen.size < (size_t)200 << 20, "room for %zu bytes", seen.size);
    rd_session_free(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_blocks_without_end_are_not_all_summed),
        cmocka_unit_test(long_blocks_take_no_more_memory),
        cmocka_unit_test(more_blocks_than_a_small_machine_can_count_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
