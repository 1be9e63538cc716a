/*
 * Sessions about a file of several lanes, with one thread and with several: both make the right file, of few bytes. For
 * ThreadSanitizer it is as short as a file of three lanes can be.
 */
#include "talk.h"

enum { LANE = 64 << 20, SIZE = 2 * LANE + LANE / 16, EDIT_EVERY = 3 << 20, EDIT = 300 };

static rd_memory memory_of(size_t size) {
    rd_memory made = {.data = malloc(size), .size = size, .capacity = size};
    if (!made.data)
        abort();
    return made;
}

static rd_memory noise_of(size_t size, uint64_t seed) {
    random_source r = random_from(seed);
    rd_memory made = memory_of(size);
    for (size_t i = 0; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
        const uint64_t value = random_u64(&r);
        memcpy(made.data + i, &value, sizeof value);
    }
    return made;
}

/* An output as large as the file. */
static rd_result whole_write_at(void *context, uint64_t offset, const void *data, size_t size) {
    rd_memory *const m = context;
    if (offset > m->capacity || size > m->capacity - offset)
        return RD_E_IO;
    memcpy(m->data + offset, data, size);
    m->size = m->size < offset + size ? (size_t)offset + size : m->size;
    return RD_OK;
}

static rd_result whole_write(void *context, const void *data, size_t size) {
    return whole_write_at(context, ((rd_memory *)context)->size, data, size);
}

static rd_session_state synchronised(const rd_memory *old_file, const rd_memory *new_file, unsigned threads) {
    const rd_options options = {OPTIONS, .threads = threads};
    const rd_source old_source = bytes_source(old_file);
    const rd_source new_source = bytes_source(new_file);
    talk_plan plan = talk_plan_plain();
    rd_memory made = memory_of(new_file->size);
    made.size = 0;
    const rd_sink sink = rd_sink_callback_at(whole_write, whole_write_at, &made);
    talk t = {.sides = {{.result = RD_MORE}, {.result = RD_MORE}}};
    assert_int_equal(rd_session_sender_new(&t.sides[SENDER].session, &new_source, NULL, &options), RD_OK);
    assert_int_equal(rd_session_receiver_new(&t.sides[RECEIVER].session, &old_source, &sink, &options), RD_OK);
    talk_run(&t, &plan);
    assert_int_equal(t.sides[SENDER].result, RD_OK);
    assert_int_equal(t.sides[RECEIVER].result, RD_OK);
    check_memory(made, *new_file, "%u threads", threads);
    const rd_session_state state = talk_state(&t, RECEIVER);
    rd_memory_free(&made);
    talk_free(&t);
    return state;
}

static void several_threads_make_the_same_file(void **state) {
    (void)state;
    (void)state;
    rd_memory old_file = noise_of(SIZE, 1);
    rd_memory new_file = memory_of(SIZE);
    rd_memory fresh = noise_of(EDIT, 2);
    memcpy(new_file.data, old_file.data, SIZE);
    for (size_t at = EDIT_EVERY; at + EDIT < SIZE; at += EDIT_EVERY)
        memcpy(new_file.data + at, fresh.data, EDIT);
    const rd_session_state one = synchronised(&old_file, &new_file, 1);
    const rd_session_state several = synchronised(&old_file, &new_file, 4);
    check_true(one.received < 200000, "%llu bytes", (unsigned long long)one.received);
    check_true(several.received < 200000, "%llu bytes", (unsigned long long)several.received);
    rd_memory_free(&fresh);
    rd_memory_free(&new_file);
    rd_memory_free(&old_file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(several_threads_make_the_same_file)};
    return cmocka_run_group_tests_name("session threads", tests, NULL, NULL);
}
