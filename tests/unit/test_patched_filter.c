/*
 * The new file of a delta as a source (rd_filter_patched_new): any range, by any number of threads, from any kind of
 * basis and delta; what is wrong is told at the opening, or by the read that comes to it.
 */
#define _GNU_SOURCE
#include "chunks.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory delta;
} material;

static material material_new(size_t size) {
    random_source r = random_from(size);
    material m = {.basis = bytes_random(&r, size, 256)};
    m.new_file = bytes_edited(&r, &m.basis, size + size / 3, 256);
    rd_signature *const signature = loaded_signature_of(&m.basis, (rd_params){.block_len = 50});
    m.delta = delta_of(signature, &m.new_file, NULL);
    rd_signature_free(signature);
    return m;
}

static void material_free(material *m) {
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->delta);
}

static void check_ranges(const rd_source *source, const rd_memory *expected, random_source *r, const char *what) {
    check_equal(source->size, expected->size, "%s", what);
    check_true(source->seekable, "%s", what);
    for (size_t run = 0; run < 100; run++) {
        size_t got = 0;
        const size_t offset = random_below(r, expected->size + 100);
        const size_t size = random_below(r, run % 10 == 0 ? expected->size + 100 : 300);
        const size_t left = offset < expected->size ? expected->size - offset : 0;
        const size_t due = left < size ? left : size;
        uint8_t *const data = bytes_new(size);
        check_equal(rd_source_read(source, offset, data, size, &got, NULL), RD_OK, "%s, run %zu", what, run);
        check_bytes(data, got, due > 0 ? expected->data + offset : expected->data, due, "%s, run %zu", what, run);
        free(data);
    }
}

static void any_range_is_read(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t size = 0; size < 30000; size = size * 3 + 1) {
        material m = material_new(size);
        chunks basis_reader = chunks_of(&m.basis, 100, false);
        chunks delta_reader = chunks_of(&m.delta, 100, false);
        in_order pipe = {.bytes = &m.delta};
        const rd_source bases[] = {bytes_source(&m.basis), chunks_source(&basis_reader)};
        const rd_source deltas[] = {bytes_source(&m.delta), chunks_source(&delta_reader), in_order_source(&pipe)};
        for (size_t i = 0; i < ITEMS(bases) * ITEMS(deltas); i++) {
            rd_filter *filter = NULL;
            pipe.next = 0;
            assert_int_equal(rd_filter_patched_new(&filter, &bases[i % 2], &deltas[i / 2], NULL), RD_OK);
            const rd_source source = rd_filter_source(filter);
            check_ranges(&source, &m.new_file, &r, "kinds");
            assert_int_equal(rd_filter_finish(filter), RD_OK);
            if (i / 2 < 2)
                assert_int_equal(rd_delta_verify(&deltas[i / 2], &source, NULL), RD_OK);
            rd_filter_free(filter);
        }
        material_free(&m);
    }
}

typedef struct reading {
    const rd_source *source;
    const rd_memory *expected;
    bool good;
} reading;

static void *read_all(void *context) {
    reading *const it = context;
    uint8_t data[777];
    it->good = true;
    for (uint64_t at = 0; at < it->expected->size; at += sizeof data) {
        size_t got = 0;
        it->good = it->good && rd_source_read(it->source, at, data, sizeof data, &got, NULL) == RD_OK &&
                   memcmp(data, it->expected->data + at, got) == 0;
    }
    return NULL;
}

static void threads_read_at_once(void **state) {
    (void)state;
    enum { THREADS = 4 };
    material m = material_new(200000);
    const rd_source basis = bytes_source(&m.basis);
    const rd_source delta = bytes_source(&m.delta);
    rd_filter *filter = NULL;
    assert_int_equal(rd_filter_patched_new(&filter, &basis, &delta, NULL), RD_OK);
    const rd_source source = rd_filter_source(filter);
    assert_true(source.concurrent);
    pthread_t threads[THREADS];
    reading readings[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        readings[i] = (reading){.source = &source, .expected = &m.new_file};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readings[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(readings[i].good);
    }
    rd_filter_free(filter);
    material_free(&m);
}

static void check_refused(const rd_source *basis, const rd_source *delta, rd_options options, rd_result expected) {
    rd_error error = {.result = RD_OK, .reason = "none"};
    rd_filter *filter = (rd_filter *)&error;
    options.size = sizeof options;
    options.error = &error;
    check_equal(rd_filter_patched_new(&filter, basis, delta, &options), expected, "limits.output %llu",
                (unsigned long long)options.limits.output);
    check_equal(error.result, expected, "limits.output %llu", (unsigned long long)options.limits.output);
    assert_null(filter);
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    material m = material_new(20000);
    const rd_source basis = bytes_source(&m.basis);
    rd_source delta = bytes_source(&m.delta);
    in_order pipe = {.bytes = &m.basis};
    const rd_source piped = in_order_source(&pipe);
    check_refused(&piped, &delta, (rd_options){0}, RD_E_IO);
    check_refused(&basis, &basis, (rd_options){0}, RD_E_MAGIC);
    check_refused(&basis, &delta, (rd_options){.limits.output = m.new_file.size - 1}, RD_E_LIMIT);
    check_refused(&basis, &delta, (rd_options){.limits.memory = 100}, RD_E_LIMIT);
    delta.size -= TRAILER;
    check_refused(&basis, &delta, (rd_options){.verify = RD_VERIFY_ALWAYS}, RD_E_UNVERIFIED);
    delta.size--;
    check_refused(&basis, &delta, (rd_options){0}, RD_E_TRUNCATED);

    /* A basis that is too short is told by the read that needs what is not there. */
    rd_filter *filter = NULL;
    rd_error error;
    size_t got = 0;
    uint8_t byte;
    const rd_source shorter = rd_source_memory(m.basis.data, 10);
    delta = bytes_source(&m.delta);
    assert_int_equal(rd_filter_patched_new(&filter, &shorter, &delta, NULL), RD_OK);
    const rd_source source = rd_filter_source(filter);
    size_t failed = 0;
    for (uint64_t at = 0; at < m.new_file.size; at += 100)
        failed += rd_source_read(&source, at, &byte, 1, &got, &error) == RD_E_TRUNCATED && error.role == RD_ROLE_BASIS;
    assert_true(failed > 0);
    rd_filter_free(filter);
    material_free(&m);
}

static void a_basis_that_changes_is_told(void **state) {
    (void)state;
    material m = material_new(20000);
    char path[] = "test_patched_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, m.basis.data, m.basis.size), m.basis.size);
    const rd_source basis = rd_source_fd_at(fd, 0);
    const rd_source delta = bytes_source(&m.delta);
    rd_filter *filter = NULL;
    assert_int_equal(rd_filter_patched_new(&filter, &basis, &delta, NULL), RD_OK);
    assert_int_equal(rd_filter_finish(filter), RD_OK);
    assert_int_equal(futimens(fd, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rd_filter_finish(filter), RD_E_CHANGED);
    assert_int_equal(rd_filter_error(filter)->role, RD_ROLE_BASIS);
    rd_filter_free(filter);
    assert_int_equal(close(fd), 0);
    material_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_range_is_read),
        cmocka_unit_test(threads_read_at_once),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(a_basis_that_changes_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
