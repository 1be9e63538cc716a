/*
 * Whole operations over every kind of source and sink: memory, callbacks that are short or fail at any call, and file
 * descriptors of files, of parts of files and of pipes. And what the options ask for: statistics, progress, errors.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "support.h"

#include "file/patch.h"
#include "format/emitter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Whose thread calls ------------------------------------------------------------------------------------------ */

static pthread_t caller;
static atomic_uint calls_by_others;

/* Every function that the library calls here notes it if the thread is not the one of the test. */
static void note_thread(void) {
    if (!pthread_equal(pthread_self(), caller))
        atomic_fetch_add(&calls_by_others, 1);
}

/* ---- Material ---------------------------------------------------------------------------------------------------- */

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_signature *loaded;
} material;

static const rd_params usual = {.block_len = 700, .strong_len = 20};

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(1);
    assert_non_null(m);
    m->basis = bytes_random(&r, 400000, 256);
    m->new_file = bytes_edited(&r, &m->basis, 500000, 256);
    m->signature = signature_of(&m->basis, usual);
    m->loaded = loaded(&m->signature);
    m->delta = delta_of(m->loaded, &m->new_file, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    caller = pthread_self();
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    rd_signature_free(m->loaded);
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->signature);
    rd_memory_free(&m->delta);
    free(m);
    return 0;
}

/* The five operations in one form: what they read in order, and what comes out. */
typedef enum operation { MAKE_SIGNATURE, LOAD_SIGNATURE, MAKE_DELTA, APPLY_PATCH, EACH_OP, OPERATIONS } operation;

static bool keep_going(void *context, const rd_op *op) {
    (void)context;
    return op->length > 0;
}

static rd_result run(const material *m, operation o, const rd_source *in, const rd_sink *out,
                     const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    rd_signature *signature = NULL;
    rd_result result = RD_OK;
    switch (o) {
    case MAKE_SIGNATURE: return rd_signature_make(in, out, options);
    case LOAD_SIGNATURE:
        result = rd_signature_load(&signature, in, options);
        assert_true((result == RD_OK) == (signature != NULL));
        rd_signature_free(signature);
        return result;
    case MAKE_DELTA: return rd_delta_make(m->loaded, in, out, options);
    case APPLY_PATCH: return rd_patch_apply(&basis, in, out, options);
    case EACH_OP: return rd_delta_each_op(in, keep_going, NULL, options);
    case OPERATIONS: break;
    }
    fail();
    return RD_E_STATE;
}

static const rd_memory *input_of(const material *m, operation o) {
    const rd_memory *const inputs[OPERATIONS] = {&m->basis, &m->signature, &m->new_file, &m->delta, &m->delta};
    return inputs[o];
}

static rd_role role_of(operation o) {
    static const rd_role roles[OPERATIONS] = {RD_ROLE_BASIS, RD_ROLE_SIGNATURE, RD_ROLE_NEW, RD_ROLE_DELTA,
                                              RD_ROLE_DELTA};
    return roles[o];
}

static rd_memory output_of(const material *m, operation o) {
    const rd_memory outputs[OPERATIONS] = {m->signature, {0}, m->delta, m->new_file, {0}};
    return outputs[o];
}

static rd_options options_with(rd_error *error, rd_stats *stats) {
    return (rd_options){.size = sizeof(rd_options), .params = usual, .stats = stats, .error = error};
}

/* ---- Callbacks as sources ---------------------------------------------------------------------------------------- */

typedef struct reader {
    const rd_memory *bytes;
    random_source random;
    size_t calls;
    size_t fail_at; /* the call that fails, or SIZE_MAX */
    rd_result failure;
    bool overstate; /* it claims more than there was room for instead */
    uint64_t next;  /* where a read in order must be */
    bool in_order;
} reader;

/* Gives less than asked for, most of the time. */
static rd_result read_some(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    reader *const r = context;
    note_thread();
    const uint64_t left = offset < r->bytes->size ? r->bytes->size - offset : 0;
    assert_true(size > 0);
    if (r->in_order)
        assert_int_equal(offset, r->next);
    if (r->calls++ == r->fail_at) {
        errno = EREMOTEIO;
        *got = r->overstate ? size + 1 : 0;
        return r->overstate ? RD_OK : r->failure;
    }
    *got = left < size ? (size_t)left : size;
    if (*got > 1 && random_below(&r->random, 4) > 0)
        *got = 1 + random_below(&r->random, *got);
    if (*got > 0)
        memcpy(data, r->bytes->data + offset, *got);
    r->next = offset + *got;
    return RD_OK;
}

static reader reader_of(const rd_memory *bytes) {
    return (reader){.bytes = bytes, .random = {7}, .fail_at = SIZE_MAX, .in_order = true};
}

static void short_reads_in_order_give_the_same(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        for (int known = 0; known < 2; known++) {
            rd_memory made = {0};
            reader r = reader_of(input_of(m, o));
            const rd_source in = rd_source_callback(read_some, &r, known ? r.bytes->size : RD_UNKNOWN, false);
            const rd_sink out = rd_sink_memory(&made);
            const rd_options options = options_with(NULL, NULL);
            check_equal(run(m, o, &in, &out, &options), RD_OK, "operation %d", o);
            check_memory(made, output_of(m, o), "operation %d", o);
            rd_memory_free(&made);
        }
    }
}

static void basis_of_a_patch_may_be_a_callback(void **state) {
    const material *const m = *state;
    reader r = reader_of(&m->basis);
    rd_memory made = {0};
    const rd_source basis = rd_source_callback(read_some, &r, RD_UNKNOWN, true);
    const rd_source delta = bytes_source(&m->delta);
    const rd_sink out = rd_sink_memory(&made);
    r.in_order = false;
    assert_int_equal(rd_patch_apply(&basis, &delta, &out, NULL), RD_OK);
    check_memory(made, m->new_file, "basis by callback");
    rd_memory_free(&made);
}

static void failing_read_ends_the_operation_at_any_call(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_result result = RD_E_LIMIT;
        for (size_t fail_at = 0; result != RD_OK; fail_at++) {
            rd_error error = {.result = RD_OK};
            rd_memory made = {0};
            reader r = reader_of(input_of(m, o));
            const rd_source in = rd_source_callback(read_some, &r, RD_UNKNOWN, false);
            const rd_sink out = rd_sink_memory(&made);
            const rd_options options = options_with(&error, NULL);
            r.fail_at = fail_at;
            r.failure = fail_at % 2 ? RD_E_IO : RD_E_LIMIT;
            result = run(m, o, &in, &out, &options);
            if (r.calls > fail_at) {
                check_equal(result, r.failure, "operation %d call %zu", o, fail_at);
                check_equal(r.calls, fail_at + 1, "operation %d call %zu: no further call", o, fail_at);
                check_equal(error.result, r.failure, "operation %d call %zu", o, fail_at);
                check_equal(error.role, role_of(o), "operation %d call %zu", o, fail_at);
                check_equal(error.system_error, EREMOTEIO, "operation %d call %zu", o, fail_at);
                assert_non_null(error.reason);
            } else {
                check_equal(result, RD_OK, "operation %d call %zu", o, fail_at);
                check_true(fail_at >= 2, "operation %d: %zu calls", o, fail_at);
            }
            rd_memory_free(&made);
        }
    }
}

static void failing_read_of_a_basis_ends_the_patch_at_any_call(void **state) {
    const material *const m = *state;
    rd_result result = RD_E_IO;
    for (size_t fail_at = 0; result != RD_OK; fail_at += 7) {
        rd_error error = {.result = RD_OK};
        rd_memory made = {0};
        reader r = reader_of(&m->basis);
        const rd_source basis = rd_source_callback(read_some, &r, RD_UNKNOWN, true);
        const rd_source delta = bytes_source(&m->delta);
        const rd_sink out = rd_sink_memory(&made);
        const rd_options options = options_with(&error, NULL);
        r.in_order = false;
        r.fail_at = fail_at;
        r.failure = RD_E_IO;
        result = rd_patch_apply(&basis, &delta, &out, &options);
        check_equal(result, r.calls > fail_at ? RD_E_IO : RD_OK, "call %zu", fail_at);
        check_equal(error.role, r.calls > fail_at ? RD_ROLE_BASIS : RD_ROLE_NONE, "call %zu", fail_at);
        rd_memory_free(&made);
    }
}

static void read_that_claims_too_much_is_refused_at_any_call(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        for (size_t fail_at = 0; fail_at < 3; fail_at++) {
            rd_error error = {.result = RD_OK};
            rd_memory made = {0};
            reader r = reader_of(input_of(m, o));
            const rd_source in = rd_source_callback(read_some, &r, RD_UNKNOWN, false);
            const rd_sink out = rd_sink_memory(&made);
            const rd_options options = options_with(&error, NULL);
            r.fail_at = fail_at;
            r.overstate = true;
            const rd_result result = run(m, o, &in, &out, &options);
            if (r.calls > fail_at) {
                check_equal(result, RD_E_PARAMETER, "operation %d call %zu", o, fail_at);
                check_equal(error.role, role_of(o), "operation %d call %zu", o, fail_at);
            }
            rd_memory_free(&made);
        }
    }
}

/* ---- Callbacks as sinks ------------------------------------------------------------------------------------------ */

typedef struct writer {
    rd_memory bytes;
    size_t calls;
    size_t fail_at;
    rd_result failure;
} writer;

static rd_result write_some(void *context, const void *data, size_t size) {
    writer *const w = context;
    note_thread();
    const rd_sink sink = rd_sink_memory(&w->bytes);
    assert_true(size > 0);
    if (w->calls++ == w->fail_at) {
        errno = EDQUOT;
        return w->failure;
    }
    return sink.write(sink.context, data, size);
}

static void failing_write_ends_the_operation_at_any_call(void **state) {
    static const operation writing[] = {MAKE_SIGNATURE, MAKE_DELTA, APPLY_PATCH};
    static const rd_result failures[] = {RD_E_IO, RD_E_MEMORY, RD_E_CANCELLED};
    const material *const m = *state;
    for (size_t i = 0; i < ITEMS(writing) * ITEMS(failures); i++) {
        const operation o = writing[i % ITEMS(writing)];
        const rd_memory expected = output_of(m, o);
        rd_result result = RD_E_IO;
        for (size_t fail_at = 0; result != RD_OK; fail_at++) {
            rd_error error = {.result = RD_OK};
            rd_stats stats = {.size = sizeof(rd_stats)};
            writer w = {.fail_at = fail_at, .failure = failures[i / ITEMS(writing)]};
            const rd_source in = bytes_source(input_of(m, o));
            const rd_sink out = rd_sink_callback(write_some, &w);
            const rd_options options = options_with(&error, &stats);
            result = run(m, o, &in, &out, &options);
            check_equal(result, w.calls > fail_at ? w.failure : RD_OK, "operation %d call %zu", o, fail_at);
            check_equal(error.result, result, "operation %d call %zu", o, fail_at);
            check_equal(stats.out_bytes, w.bytes.size, "operation %d call %zu", o, fail_at);
            if (result == RD_E_IO)
                check_true(error.role == RD_ROLE_OUTPUT && error.system_error == EDQUOT, "operation %d", o);
            check_bytes(w.bytes.data, w.bytes.size, expected.data, w.bytes.size, "operation %d call %zu", o, fail_at);
            check_true(result != RD_OK || w.bytes.size == expected.size, "operation %d", o);
            rd_memory_free(&w.bytes);
        }
    }
}

/* A literal that was not written is longer than what a segment keeps for the next one. */
static void failing_write_of_a_long_literal_ends_the_operation(void **state) {
    const material *const m = *state;
    random_source r = random_from(11);
    rd_memory noise = bytes_random(&r, 5000000, 256);
    const rd_source new_file = bytes_source(&noise);
    rd_result result = RD_E_IO;
    for (size_t fail_at = 0; result != RD_OK; fail_at++) {
        writer w = {.fail_at = fail_at, .failure = RD_E_IO};
        const rd_sink out = rd_sink_callback(write_some, &w);
        const rd_options options = {OPTIONS, .threads = 1 + (unsigned)(fail_at % 3)};
        result = rd_delta_make(m->loaded, &new_file, &out, &options);
        check_equal(result, w.calls > fail_at ? RD_E_IO : RD_OK, "call %zu", fail_at);
        rd_memory_free(&w.bytes);
    }
    rd_memory_free(&noise);
}

/* ---- File descriptors -------------------------------------------------------------------------------------------- */

/* An open file without a name, with `before` other bytes in front of the given ones, at which it is positioned. */
static int file_with(const rd_memory *bytes, size_t before) {
    char name[] = "/tmp/redelta-test-XXXXXX";
    const int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    for (size_t i = 0; i < before; i++)
        assert_int_equal(write(fd, "?", 1), 1);
    if (bytes)
        assert_int_equal(write(fd, bytes->data, bytes->size), bytes->size);
    assert_int_equal(lseek(fd, (off_t)before, SEEK_SET), (off_t)before);
    return fd;
}

static rd_memory file_bytes(int fd, off_t from) {
    const off_t end = lseek(fd, 0, SEEK_END);
    assert_true(end >= from);
    rd_memory made = {.data = bytes_new((size_t)(end - from)), .size = (size_t)(end - from)};
    assert_int_equal(pread(fd, made.data, made.size, from), end - from);
    return made;
}

static void file_is_read_from_its_position_which_stays(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        for (size_t before = 0; before < 3; before++) {
            const int in_fd = file_with(input_of(m, o), before);
            const int out_fd = file_with(NULL, before);
            const rd_source in = rd_source_fd(in_fd);
            const rd_sink out = rd_sink_fd(out_fd);
            const rd_options options = options_with(NULL, NULL);
            assert_true(in.seekable);
            assert_int_equal(in.size, input_of(m, o)->size);
            check_equal(run(m, o, &in, &out, &options), RD_OK, "operation %d", o);
            assert_int_equal(lseek(in_fd, 0, SEEK_CUR), before);
            rd_memory made = file_bytes(out_fd, (off_t)before);
            check_memory(made, output_of(m, o), "operation %d", o);
            rd_memory_free(&made);
            close(in_fd);
            close(out_fd);
        }
    }
}

static void check_patch_of(const material *m, const rd_source *basis, const char *where) {
    const rd_source delta = bytes_source(&m->delta);
    rd_memory made = {0};
    const rd_sink out = rd_sink_memory(&made);
    assert_int_equal(rd_patch_apply(basis, &delta, &out, NULL), RD_OK);
    check_memory(made, m->new_file, "%s", where);
    rd_memory_free(&made);
}

static void basis_of_a_patch_is_read_from_its_position(void **state) {
    const int fd = file_with(&((const material *)*state)->basis, 12345);
    const rd_source basis = rd_source_fd(fd);
    check_patch_of(*state, &basis, "from a position");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 12345);
    close(fd);
}

static void basis_of_a_patch_is_read_from_where_it_is_said_to_begin(void **state) {
    const int fd = file_with(&((const material *)*state)->basis, 12345);
    assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
    const rd_source basis = rd_source_fd_at(fd, 12345);
    check_patch_of(*state, &basis, "from an offset");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 7);
    close(fd);
}

static void check_unreadable(const material *m, const rd_source *basis, int system_error) {
    rd_error error = {.result = RD_OK};
    rd_memory made = {0};
    const rd_sink out = rd_sink_memory(&made);
    const rd_source delta = bytes_source(&m->delta);
    const rd_options options = options_with(&error, NULL);
    assert_int_equal(rd_patch_apply(basis, &delta, &out, &options), RD_E_IO);
    assert_int_equal(error.system_error, system_error);
    rd_memory_free(&made);
}

static void what_has_no_such_place_cannot_be_read_from_there(void **state) {
    const material *const m = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int fd = file_with(&m->basis, 0);
    const rd_source closed = rd_source_fd_at(-1, 0);
    const rd_source unplaced = rd_source_fd_at(ends[0], 0);
    const rd_source beyond = rd_source_fd_at(fd, UINT64_MAX);
    check_unreadable(m, &closed, EBADF);
    check_unreadable(m, &unplaced, ESPIPE);
    check_unreadable(m, &beyond, EINVAL);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

static void position_beyond_the_end_is_an_empty_file(void **state) {
    (void)state;
    static const uint8_t empty_signature[] = {0x72, 0x73, 0x01, 0x47, 0, 0, 1, 0, 0, 0, 0, 32};
    const int fd = file_with(NULL, 0);
    assert_int_equal(lseek(fd, 1000, SEEK_SET), 1000);
    const rd_source in = rd_source_fd(fd);
    rd_memory made = {0};
    const rd_sink out = rd_sink_memory(&made);
    assert_int_equal(in.size, 0);
    assert_int_equal(rd_signature_make(&in, &out, NULL), RD_OK);
    check_bytes(made.data, made.size, empty_signature, sizeof empty_signature, "empty");
    rd_memory_free(&made);
    close(fd);
}

/* A pipe that gives these bytes, from another process. */
static int pipe_with(const rd_memory *bytes, pid_t *child) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *child = fork();
    assert_true(*child >= 0);
    if (*child == 0) {
        size_t at = 0;
        close(ends[0]);
        for (ssize_t n = 1; at < bytes->size && n > 0; at += (size_t)n)
            n = write(ends[1], bytes->data + at, bytes->size - at < 5000 ? bytes->size - at : 5000);
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static void pipe_is_read_in_order(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        pid_t child = 0;
        const int fd = pipe_with(input_of(m, o), &child);
        const rd_source in = rd_source_fd(fd);
        const rd_options options = options_with(NULL, NULL);
        rd_memory made = {0};
        const rd_sink out = rd_sink_memory(&made);
        assert_false(in.seekable);
        assert_true(in.size == RD_UNKNOWN);
        check_equal(run(m, o, &in, &out, &options), RD_OK, "operation %d", o);
        check_memory(made, output_of(m, o), "operation %d", o);
        rd_memory_free(&made);
        close(fd);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
}

static void patch_refuses_a_basis_that_cannot_seek(void **state) {
    const material *const m = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const rd_source pipes[] = {rd_source_fd(ends[0]), rd_source_callback(read_some, NULL, RD_UNKNOWN, false)};
    for (size_t i = 0; i < ITEMS(pipes); i++) {
        rd_error error = {.result = RD_OK};
        writer w = {.fail_at = SIZE_MAX};
        const rd_source delta = bytes_source(&m->delta);
        const rd_sink out = rd_sink_callback(write_some, &w);
        const rd_options options = options_with(&error, NULL);
        check_equal(rd_patch_apply(&pipes[i], &delta, &out, &options), RD_E_IO, "basis %zu", i);
        assert_int_equal(error.role, RD_ROLE_BASIS);
        assert_int_equal(w.calls, 0);
    }
    close(ends[0]);
    close(ends[1]);
}

static void failures_of_the_system_are_told_with_their_number(void **state) {
    const material *const m = *state;
    const int unwritable = open("/dev/full", O_WRONLY);
    const int unreadable = open("/tmp", O_RDONLY | O_DIRECTORY);
    assert_true(unwritable >= 0 && unreadable >= 0);
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_error error = {.result = RD_OK};
        const rd_source in = bytes_source(input_of(m, o));
        const rd_source bad_in = rd_source_fd(unreadable);
        const rd_sink out = rd_sink_fd(unwritable);
        const rd_options options = options_with(&error, NULL);
        check_equal(run(m, o, &bad_in, &out, &options), RD_E_IO, "operation %d", o);
        check_true(error.role == role_of(o) && error.system_error == EISDIR, "operation %d", o);
        if (o == LOAD_SIGNATURE || o == EACH_OP)
            continue;
        check_equal(run(m, o, &in, &out, &options), RD_E_IO, "operation %d", o);
        check_true(error.role == RD_ROLE_OUTPUT && error.system_error == ENOSPC, "operation %d", o);
    }
    close(unwritable);
    close(unreadable);
}

static void caller_can_write_to_any_sink(void **state) {
    (void)state;
    rd_error error = {.result = RD_OK};
    rd_memory made = {0};
    int ends[2];
    char got[7] = "";
    assert_int_equal(pipe(ends), 0);
    const rd_sink memory = rd_sink_memory(&made);
    const rd_sink fd = rd_sink_fd(ends[1]);
    const rd_sink closed = rd_sink_fd(-1);
    assert_int_equal(rd_sink_write(&memory, "some ", 5, &error), RD_OK);
    assert_int_equal(rd_sink_write(&memory, "thing", 5, NULL), RD_OK);
    assert_int_equal(made.size, 10);
    assert_memory_equal(made.data, "some thing", 10);
    assert_int_equal(rd_sink_write(&fd, "a file", 6, &error), RD_OK);
    assert_int_equal(read(ends[0], got, sizeof got), 6);
    assert_memory_equal(got, "a file", 6);
    assert_int_equal(rd_sink_write(&closed, "nothing", 0, &error), RD_OK);
    assert_int_equal(rd_sink_write(&closed, "a file", 6, NULL), RD_E_IO);
    assert_int_equal(rd_sink_write(&closed, "a file", 6, &error), RD_E_IO);
    assert_true(error.role == RD_ROLE_OUTPUT && error.system_error == EBADF && error.reason);
    rd_memory_free(&made);
    close(ends[0]);
    close(ends[1]);
}

static void what_cannot_be_examined_cannot_be_read(void **state) {
    const material *const m = *state;
    const rd_source closed = rd_source_fd(-1);
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_error error = {.result = RD_OK};
        rd_memory made = {0};
        const rd_sink out = rd_sink_memory(&made);
        const rd_options options = options_with(&error, NULL);
        check_equal(run(m, o, &closed, &out, &options), RD_E_IO, "operation %d", o);
        check_true(error.role == role_of(o) && error.system_error == EBADF, "operation %d", o);
        assert_string_equal(error.reason, "cannot be examined");
        rd_memory_free(&made);
    }
}

static void closed_pipe_is_a_failure_to_write(void **state) {
    const material *const m = *state;
    int ends[2];
    rd_error error = {.result = RD_OK};
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    const rd_source in = bytes_source(&m->new_file);
    const rd_sink out = rd_sink_fd(ends[1]);
    const rd_options options = options_with(&error, NULL);
    assert_int_equal(rd_delta_make(NULL, &in, &out, &options), RD_E_IO);
    assert_int_equal(error.system_error, EPIPE);
    close(ends[1]);
}

/* ---- Large files ------------------------------------------------------------------------------------------------- */

enum { LARGE_BLOCK = 16 << 20, LARGE_BLOCKS = 400, LARGE_MATCH = 350 };

/* A delta with one copy of eight-byte operands. */
static rd_memory delta_with_copy(uint64_t offset, uint64_t length) {
    rd_memory made = bytes_copy("\x72\x73\x02\x36\x54\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
    for (size_t i = 0; i < 8; i++) {
        made.data[5 + i] = (uint8_t)(offset >> (56 - 8 * i));
        made.data[13 + i] = (uint8_t)(length >> (56 - 8 * i));
    }
    return made;
}

/* Appends an op, as the format has it, and what it makes. */
static void add_op(rd_memory *delta, rd_memory *expected, const rd_op *op, const uint8_t *bytes) {
    rd_stats counts = {0};
    rd__emitter emitter = {.stats = &counts, .target = expected->size};
    uint8_t command[RD__EMIT_MAX];
    const rd_op next = {op->kind, expected->size, op->length, op->basis_offset};
    const rd_sink to_delta = rd_sink_memory(delta);
    const rd_sink to_expected = rd_sink_memory(expected);
    assert_int_equal(to_delta.write(to_delta.context, command, rd__emit_op(&emitter, &next, command)), RD_OK);
    if (op->kind == RD_LITERAL)
        assert_int_equal(to_delta.write(to_delta.context, bytes, (size_t)op->length), RD_OK);
    assert_int_equal(to_expected.write(to_expected.context, bytes, (size_t)op->length), RD_OK);
}

/*
 * Long copies, from page to page, which the kernel may make, and others; also from a basis that starts inside its file.
 */
static void long_copies_from_file_to_file_are_exact(void **state) {
    (void)state;
    static const rd_op ops[] = {
        {.kind = RD_COPY, .basis_offset = 4096, .length = 600000},
        {.kind = RD_LITERAL, .length = 3},
        {.kind = RD_COPY, .basis_offset = 5, .length = 10},
        {.kind = RD_COPY, .basis_offset = 7, .length = 131072},
        {.kind = RD_COPY, .basis_offset = 0, .length = 1000000},
        {.kind = RD_LITERAL, .length = 70000},
        {.kind = RD_COPY, .basis_offset = 869000, .length = 131000},
    };
    rd_memory basis = bytes_random(&(random_source){5}, 1000000, 256);
    for (size_t before = 0; before < 4; before += 3) {
        rd_memory delta = bytes_copy("\x72\x73\x02\x36", 4);
        rd_memory expected = {0};
        for (size_t i = 0; i < ITEMS(ops); i++)
            add_op(&delta, &expected, &ops[i], basis.data + ops[i].basis_offset);
        const int from = file_with(&basis, before);
        const int to = file_with(NULL, 2);
        const rd_source source = rd_source_fd(from);
        const rd_sink sink = rd_sink_fd(to);
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_options options = options_with(NULL, &stats);
        delta.data = realloc(delta.data, delta.size + 1);
        assert_non_null(delta.data);
        delta.data[delta.size++] = 0;
        const rd_source commands = bytes_source(&delta);
        assert_int_equal(rd_patch_apply(&source, &commands, &sink, &options), RD_OK);
        rd_memory made = file_bytes(to, 2);
        check_bytes(made.data, made.size, expected.data, expected.size, "before %zu", before);
        check_equal(stats.out_bytes, expected.size, "before %zu", before);
        rd_memory_free(&made);
        rd_memory_free(&expected);
        rd_memory_free(&delta);
        close(from);
        close(to);
    }
    rd_memory_free(&basis);
}

static void long_copy_past_the_end_of_the_basis_tells_where_it_ends(void **state) {
    (void)state;
    rd_memory basis = bytes_random(&(random_source){6}, 1000000, 256);
    rd_memory delta = delta_with_copy(503808, 600000);
    const int from = file_with(&basis, 0);
    const int to = file_with(NULL, 0);
    const rd_source source = rd_source_fd(from);
    const rd_source commands = bytes_source(&delta);
    const rd_sink sink = rd_sink_fd(to);
    rd_error error = {.result = RD_OK};
    const rd_options options = options_with(&error, NULL);
    assert_int_equal(rd_patch_apply(&source, &commands, &sink, &options), RD_E_MISMATCH);
    assert_int_equal(error.role, RD_ROLE_BASIS);
    assert_int_equal(error.offset, 1000000);
    rd_memory_free(&delta);
    rd_memory_free(&basis);
    close(from);
    close(to);
}

static void patch_copies_from_beyond_4_gib(void **state) {
    (void)state;
    const uint64_t size = (uint64_t)5 << 30;
    const rd_memory nothing = {0};
    const int fd = file_with(&nothing, 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, "far away", 8, (off_t)size - 9), 8);
    rd_memory delta = delta_with_copy(size - 9, 8);
    rd_memory made = {0};
    const rd_source basis = rd_source_fd(fd);
    const rd_source commands = bytes_source(&delta);
    const rd_sink out = rd_sink_memory(&made);
    assert_int_equal(basis.size, size);
    assert_int_equal(rd_patch_apply(&basis, &commands, &out, NULL), RD_OK);
    check_bytes(made.data, made.size, (const uint8_t *)"far away", 8u, "beyond 4 GiB");
    rd_memory_free(&made);
    rd_memory_free(&delta);
    close(fd);
}

static void signature_is_made_from_a_position_beyond_4_gib(void **state) {
    (void)state;
    const uint64_t position = (uint64_t)5 << 30;
    const rd_memory nothing = {0};
    rd_memory bytes = bytes_random(&(random_source){1}, 5000, 256);
    const int fd = file_with(&nothing, 0);
    assert_int_equal(pwrite(fd, bytes.data, bytes.size, (off_t)position), bytes.size);
    assert_int_equal(lseek(fd, (off_t)position, SEEK_SET), (off_t)position);
    const rd_source basis = rd_source_fd(fd);
    const rd_options options = options_with(NULL, NULL);
    rd_memory made = {0};
    const rd_sink out = rd_sink_memory(&made);
    assert_int_equal(rd_signature_make(&basis, &out, &options), RD_OK);
    rd_memory expected = signature_of(&bytes, usual);
    check_memory(made, expected, "beyond 4 GiB");
    rd_memory_free(&expected);
    rd_memory_free(&made);
    rd_memory_free(&bytes);
    close(fd);
}

static bool keep_op(void *context, const rd_op *op) {
    *(rd_op *)context = *op;
    return true;
}

/* A signature of 400 blocks of 16 MiB, of which one is the new file: 350 blocks into the basis. */
static void delta_copies_from_beyond_4_gib(void **state) {
    (void)state;
    rd_op op = {.length = 0};
    rd_memory new_file = {.data = calloc(LARGE_BLOCK, 1), .size = LARGE_BLOCK};
    rd_memory one = signature_of(&new_file, (rd_params){.strong = RD_MD4, .block_len = LARGE_BLOCK, .strong_len = 8});
    rd_memory file = bytes_random(&(random_source){1}, 12 + LARGE_BLOCKS * 12, 256);
    memcpy(file.data, one.data, 12);
    memcpy(file.data + 12 + LARGE_MATCH * 12, one.data + 12, 12);
    rd_signature *const signature = loaded(&file);
    rd_memory delta = delta_of(signature, &new_file, NULL);
    const rd_source source = bytes_source(&delta);
    assert_int_equal(rd_delta_each_op(&source, keep_op, &op, NULL), RD_OK);
    assert_true(op.kind == RD_COPY && op.length == LARGE_BLOCK);
    assert_int_equal(op.basis_offset, (uint64_t)LARGE_MATCH * LARGE_BLOCK);
    rd_signature_free(signature);
    rd_memory_free(&delta);
    rd_memory_free(&file);
    rd_memory_free(&one);
    free(new_file.data);
}

static rd_result read_anything(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    uint64_t *const reached = context;
    memset(data, 0, 1);
    *reached = offset + size;
    *got = size;
    return RD_OK;
}

static rd_result count_bytes(void *context, const void *data, size_t size) {
    (void)data;
    *(uint64_t *)context += size;
    return RD_OK;
}

static void new_file_may_be_longer_than_4_gib(void **state) {
    (void)state;
    const uint64_t offset = (uint64_t)3 << 30;
    const uint64_t length = ((uint64_t)5 << 30) + 3;
    rd_memory delta = delta_with_copy(offset, length);
    uint64_t reached = 0;
    uint64_t written = 0;
    rd_stats stats = {.size = sizeof(rd_stats)};
    const rd_source basis = rd_source_callback(read_anything, &reached, RD_UNKNOWN, true);
    const rd_source commands = bytes_source(&delta);
    const rd_sink out = rd_sink_callback(count_bytes, &written);
    const rd_options options = options_with(NULL, &stats);
    assert_int_equal(rd_patch_apply(&basis, &commands, &out, &options), RD_OK);
    assert_int_equal(written, length);
    assert_int_equal(reached, offset + length);
    assert_int_equal(stats.out_bytes, length);
    assert_int_equal(stats.copy_bytes, length);
    rd_memory_free(&delta);
}

static void patch_tells_where_it_left_the_basis(void **state) {
    const material *const m = *state;
    static const struct {
        uint64_t offset;
        uint64_t length;
        uint64_t reached;
        rd_result result;
    } cases[] = {
        {7, 10, 17, RD_OK},
        {4096, 600000, 604096, RD_OK}, /* from file to file, by the kernel */
        {999990, 100, 1000000, RD_E_MISMATCH},
        {0, 1000001, 1000000, RD_E_MISMATCH},
    };
    rd_memory bytes = bytes_random(&(random_source){5}, 1000000, 256);
    const int from = file_with(&bytes, 0);
    const int to = file_with(NULL, 0);
    const rd_source basis = rd_source_fd(from);
    const rd_sink sink = rd_sink_fd(to);
    uint64_t reached = 0;
    for (size_t i = 0; i < ITEMS(cases); i++) {
        rd_memory delta = delta_with_copy(cases[i].offset, cases[i].length);
        const rd_source commands = bytes_source(&delta);
        check_equal(rd__patch_apply(&basis, &commands, &sink, NULL, &reached), cases[i].result, "case %zu", i);
        check_equal(reached, cases[i].reached, "case %zu", i);
        rd_memory_free(&delta);
    }
    rd_memory literals = delta_of(NULL, &m->new_file, NULL);
    const rd_source commands = bytes_source(&literals);
    assert_int_equal(rd__patch_apply(&basis, &commands, &sink, NULL, &reached), RD_OK);
    assert_true(reached == RD_UNKNOWN);
    rd_memory_free(&literals);
    rd_memory_free(&bytes);
    close(from);
    close(to);
}

/* Whatever the delta claims: a basis that is shorter than that is too short, wherever in its file it starts. */
static void copy_from_beyond_any_file_is_a_basis_too_short(void **state) {
    const material *const m = *state;
    rd_memory delta = delta_with_copy((uint64_t)INT64_MAX - 10, 10);
    for (size_t before = 0; before < 2; before++) {
        const int fd = file_with(&m->signature, before);
        const rd_source bases[] = {rd_source_fd(fd), bytes_source(&m->basis)};
        for (size_t i = 0; i < ITEMS(bases); i++) {
            rd_error error = {.result = RD_OK};
            rd_memory made = {0};
            const rd_source commands = bytes_source(&delta);
            const rd_sink out = rd_sink_memory(&made);
            const rd_options options = options_with(&error, NULL);
            check_equal(rd_patch_apply(&bases[i], &commands, &out, &options), RD_E_MISMATCH, "before %zu basis %zu",
                        before, i);
            check_equal(error.role, RD_ROLE_BASIS, "before %zu basis %zu", before, i);
            assert_int_equal(made.size, 0);
        }
        close(fd);
    }
    rd_memory_free(&delta);
}

/* Truncates the file when progress is reported for the first time. */
typedef struct cutter {
    int fd;
    off_t size;
} cutter;

static bool cut_off(void *context, uint64_t done, uint64_t total) {
    const cutter *const c = context;
    (void)done, (void)total;
    return ftruncate(c->fd, c->size) == 0;
}

/* The cuts lie around the end of the first chunks in which a file is read, and inside a block that crosses it. */
static void file_that_shrinks_meanwhile_ends_early(void **state) {
    (void)state;
    static const off_t sizes[] = {0,       1,       1000000, 1048575, 1048576, 1048577,
                                  1050000, 1064961, 1100000, 1120000, 2000000};
    rd_memory basis = bytes_random(&(random_source){1}, 3000000, 256);
    rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = 5000});
    for (size_t i = 0; i < 2 * 3 * ITEMS(sizes); i++) {
        const bool make_delta = i % 2;
        const int fd = file_with(&basis, 1);
        cutter c = {.fd = fd, .size = sizes[i / 6] + 1};
        rd_memory made = {0};
        assert_int_equal(lseek(fd, make_delta ? 0 : 1, SEEK_SET), make_delta ? 0 : 1);
        const rd_source in = rd_source_fd(fd);
        const rd_sink out = rd_sink_memory(&made);
        rd_options options = options_with(NULL, NULL);
        options.progress = cut_off;
        options.progress_context = &c;
        options.threads = (unsigned)(i / 2 % 3);
        const rd_result result =
            make_delta ? rd_delta_make(signature, &in, &out, &options) : rd_signature_make(&in, &out, &options);
        check_equal(result, RD_E_CHANGED, "case %zu cut to %zu", i, (size_t)c.size);
        if (make_delta) {
            rd_memory back = patched(&basis, &made);
            /* After the cut, a read during the truncation may give anything. */
            const size_t kept = back.size < (size_t)c.size ? back.size : (size_t)c.size;
            check_true(back.size <= basis.size + 1 && kept == (size_t)c.size, "case %zu: %zu bytes", i, back.size);
            check_bytes(back.data + 1, kept - 1, basis.data, kept - 1, "case %zu cut to %zu", i, (size_t)c.size);
            rd_memory_free(&back);
        }
        rd_memory_free(&made);
        close(fd);
    }
    rd_signature_free(signature);
    rd_memory_free(&basis);
}

/* Overwrites a range of the file whenever progress is reported. */
static bool write_over(void *context, uint64_t done, uint64_t total) {
    const int fd = *(const int *)context;
    uint8_t bytes[100000]; /* which is more than is read twice */
    (void)total;
    memset(bytes, (int)(done >> 20), sizeof bytes);
    return pwrite(fd, bytes, sizeof bytes, (off_t)(done + 100)) == (ssize_t)sizeof bytes;
}

/* The bytes after each segment are read with it and with the next one. In between, they change. */
static void file_that_changes_meanwhile_makes_a_delta_that_verifies(void **state) {
    (void)state;
    rd_memory basis = bytes_random(&(random_source){1}, 5000000, 256);
    rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = 1000});
    for (unsigned threads = 1; threads <= 4; threads++) {
        int fd = file_with(&basis, 0);
        rd_memory made = {0};
        const rd_source in = rd_source_fd(fd);
        const rd_sink out = rd_sink_memory(&made);
        const rd_options options = {OPTIONS, .progress = write_over, .progress_context = &fd, .threads = threads};
        assert_int_equal(rd_delta_make(signature, &in, &out, &options), RD_E_CHANGED);
        rd_memory back = patched(&basis, &made); /* which verifies it */
        assert_int_equal(back.size, basis.size);
        if (threads == 1) /* more may have read all before the first change */
            assert_memory_not_equal(back.data, basis.data, basis.size);
        rd_memory_free(&back);
        rd_memory_free(&made);
        close(fd);
    }
    rd_signature_free(signature);
    rd_memory_free(&basis);
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static void any_number_of_threads_may_be_asked_for(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_memory made = {0};
        const rd_source in = bytes_source(input_of(m, o));
        const rd_sink out = rd_sink_memory(&made);
        rd_options options = options_with(NULL, NULL);
        options.threads = 1000000;
        check_equal(run(m, o, &in, &out, &options), RD_OK, "operation %d", o);
        rd_memory_free(&made);
    }
}

static void options_without_a_size_are_refused(void **state) {
    const material *const m = *state;
    rd_memory made = {0};
    const rd_source in = bytes_source(&m->basis);
    const rd_sink out = rd_sink_memory(&made);
    rd_options options = options_with(NULL, NULL);
    options.size = 0;
    assert_int_equal(rd_signature_make(&in, &out, &options), RD_E_PARAMETER);
    assert_int_equal(made.size, 0);
}

static void statistics_tell_what_was_done(void **state) {
    const material *const m = *state;
    rd_stats of[OPERATIONS];
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_memory made = {0};
        const rd_source in = bytes_source(input_of(m, o));
        const rd_sink out = rd_sink_memory(&made);
        const rd_options options = options_with(NULL, &of[o]);
        memset(&of[o], 0xff, sizeof of[o]);
        of[o].size = sizeof of[o];
        assert_int_equal(run(m, o, &in, &out, &options), RD_OK);
        check_equal(of[o].in_bytes, input_of(m, o)->size, "operation %d", o);
        check_equal(of[o].out_bytes, output_of(m, o).size, "operation %d", o);
        rd_memory_free(&made);
    }
    const uint64_t blocks = (m->basis.size + 699) / 700;
    assert_int_equal(of[MAKE_SIGNATURE].blocks, blocks);
    assert_int_equal(of[LOAD_SIGNATURE].blocks, blocks);
    assert_int_equal(of[MAKE_DELTA].blocks, blocks);
    const rd_stats *const d = &of[MAKE_DELTA];
    assert_int_equal(d->literal_bytes + d->copy_bytes, m->new_file.size);
    assert_true(d->literal_commands > 0 && d->copy_commands > 0);
    assert_true(d->literal_command_bytes > 0 && d->copy_command_bytes > 0);
    assert_int_equal(4 + d->literal_command_bytes + d->literal_bytes + d->copy_command_bytes + 1 + TRAILER,
                     m->delta.size);
    for (operation o = APPLY_PATCH; o <= EACH_OP; o++) {
        check_equal(of[o].literal_commands, d->literal_commands, "operation %d", o);
        check_equal(of[o].literal_bytes, d->literal_bytes, "operation %d", o);
        check_equal(of[o].copy_commands, d->copy_commands, "operation %d", o);
        check_equal(of[o].copy_bytes, d->copy_bytes, "operation %d", o);
        check_equal(of[o].literal_command_bytes, d->literal_command_bytes, "operation %d", o);
        check_equal(of[o].copy_command_bytes, d->copy_command_bytes, "operation %d", o);
    }
}

static void statistics_are_told_after_a_failure_too(void **state) {
    const material *const m = *state;
    rd_memory cut = bytes_copy(m->delta.data, m->delta.size - 1);
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_error error = {.result = RD_OK};
    const rd_source source = bytes_source(&cut);
    const rd_options options = options_with(&error, &stats);
    memset(&stats, 0xff, sizeof stats);
    stats.size = sizeof stats;
    assert_int_equal(rd_delta_each_op(&source, keep_going, NULL, &options), RD_E_TRUNCATED);
    assert_int_equal(error.offset, cut.size);
    assert_int_equal(stats.in_bytes, cut.size);
    assert_int_equal(stats.literal_bytes + stats.copy_bytes, m->new_file.size);
    rd_memory_free(&cut);
}

typedef struct meter {
    uint64_t done;
    uint64_t total;
    size_t calls;
    size_t cancel_at; /* the call that answers no */
} meter;

static bool measure(void *context, uint64_t done, uint64_t total) {
    meter *const m = context;
    note_thread();
    check_true(done >= m->done, "progress falls from %llu to %llu", (unsigned long long)m->done,
               (unsigned long long)done);
    m->done = done;
    m->total = total;
    return m->calls++ != m->cancel_at;
}

/* A source of many chunks: the given bytes over and over. */
static rd_memory repeated(const rd_memory *bytes, size_t times) {
    rd_memory made = {.data = bytes_new(times * bytes->size), .size = times * bytes->size};
    for (size_t i = 0; i < times; i++)
        memcpy(made.data + i * bytes->size, bytes->data, bytes->size);
    return made;
}

/* What was written counts for a patch: its delta may be short, whatever it makes. */
static void progress_rises_to_the_total(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        const bool delta = o == APPLY_PATCH || o == EACH_OP;
        rd_memory bytes = delta || o == LOAD_SIGNATURE ? bytes_copy(input_of(m, o)->data, input_of(m, o)->size)
                                                       : repeated(input_of(m, o), 8);
        meter p = {.cancel_at = SIZE_MAX};
        uint64_t written = 0;
        const rd_source in = bytes_source(&bytes);
        const rd_sink out = rd_sink_callback(count_bytes, &written);
        rd_options options = options_with(NULL, NULL);
        options.progress = measure;
        options.progress_context = &p;
        check_equal(run(m, o, &in, &out, &options), RD_OK, "operation %d", o);
        check_equal(p.done, o == APPLY_PATCH ? written : bytes.size, "operation %d", o);
        check_equal(p.total, p.done, "operation %d", o);
        check_true(p.calls > (bytes.size > 2000000 ? 2 : 0), "operation %d: %zu calls", o, p.calls);
        rd_memory_free(&bytes);
    }
}

static void progress_of_a_verification_goes_through_both_files(void **state) {
    const material *const m = *state;
    meter p = {.cancel_at = SIZE_MAX};
    const rd_source delta = bytes_source(&m->delta);
    const rd_source file = bytes_source(&m->new_file);
    rd_options options = {.size = sizeof options, .progress = measure, .progress_context = &p};
    assert_int_equal(rd_delta_verify(&delta, &file, &options), RD_OK);
    assert_true(p.total == m->delta.size + m->new_file.size && p.done == p.total);
    const size_t calls = p.calls;
    for (size_t i = 0; i < calls; i++) {
        p = (meter){.cancel_at = i};
        assert_int_equal(rd_delta_verify(&delta, &file, &options), RD_E_CANCELLED);
    }
}

static void the_total_of_a_patch_is_unknown_without_a_trailer(void **state) {
    const material *const m = *state;
    meter p = {.cancel_at = SIZE_MAX};
    uint64_t written = 0;
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = rd_source_memory(m->delta.data, m->delta.size - 56);
    const rd_sink out = rd_sink_callback(count_bytes, &written);
    const rd_options options = {.size = sizeof options, .progress = measure, .progress_context = &p};
    assert_int_equal(rd_patch_apply(&basis, &delta, &out, &options), RD_OK);
    assert_true(p.total == RD_UNKNOWN && p.done == written && written == m->new_file.size);
}

static void total_is_unknown_for_a_source_of_unknown_size(void **state) {
    const material *const m = *state;
    reader r = reader_of(&m->new_file);
    meter p = {.cancel_at = SIZE_MAX};
    uint64_t written = 0;
    const rd_source in = rd_source_callback(read_some, &r, RD_UNKNOWN, false);
    const rd_sink out = rd_sink_callback(count_bytes, &written);
    const rd_options options = {.size = sizeof options, .progress = measure, .progress_context = &p};
    assert_int_equal(rd_delta_make(NULL, &in, &out, &options), RD_OK);
    assert_true(p.total == RD_UNKNOWN && p.done == m->new_file.size);
}

static void output_does_not_depend_on_threads(void **state) {
    static const unsigned threads[] = {0, 1, 2, 3, 8, 64};
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_memory bytes = o == MAKE_SIGNATURE || o == MAKE_DELTA
                              ? repeated(input_of(m, o), 20)
                              : bytes_copy(input_of(m, o)->data, input_of(m, o)->size);
        rd_memory expected = {0};
        rd_stats expected_stats = {.size = sizeof(rd_stats)};
        for (size_t i = 0; i < 2 * ITEMS(threads); i++) {
            reader r = reader_of(&bytes);
            rd_memory made = {0};
            rd_stats stats = {.size = sizeof(rd_stats)};
            const rd_source in =
                i % 2 ? rd_source_callback(read_some, &r, RD_UNKNOWN, false) : rd_source_memory(bytes.data, bytes.size);
            const rd_sink out = rd_sink_memory(&made);
            rd_options options = options_with(NULL, &stats);
            options.threads = threads[i / 2];
            check_equal(run(m, o, &in, &out, &options), RD_OK, "operation %d threads %u", o, options.threads);
            if (i == 0) {
                expected = made;
                expected_stats = stats;
                continue;
            }
            check_memory(made, expected, "operation %d threads %u", o, options.threads);
            stats.false_matches = expected_stats.false_matches; /* a thread may have worked for nothing */
            assert_memory_equal(&stats, &expected_stats, sizeof stats);
            rd_memory_free(&made);
        }
        rd_memory_free(&expected);
        rd_memory_free(&bytes);
    }
}

static void functions_of_the_caller_are_called_by_its_thread_alone(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_memory bytes = o == MAKE_SIGNATURE || o == MAKE_DELTA
                              ? repeated(input_of(m, o), 20)
                              : bytes_copy(input_of(m, o)->data, input_of(m, o)->size);
        reader r = reader_of(&bytes);
        writer w = {.fail_at = SIZE_MAX};
        meter p = {.cancel_at = SIZE_MAX};
        const rd_source in = rd_source_callback(read_some, &r, bytes.size, true);
        const rd_sink out = rd_sink_callback(write_some, &w);
        rd_options options = options_with(NULL, NULL);
        r.in_order = false;
        options.threads = 4;
        options.progress = measure;
        options.progress_context = &p;
        check_equal(run(m, o, &in, &out, &options), RD_OK, "operation %d", o);
        check_true(r.calls > 0 && p.calls > 0, "operation %d", o);
        check_equal(atomic_load(&calls_by_others), 0, "operation %d", o);
        rd_memory_free(&w.bytes);
        rd_memory_free(&bytes);
    }
}

static void progress_can_cancel_at_any_call(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        rd_result result = RD_E_CANCELLED;
        size_t calls = 0;
        for (; result != RD_OK; calls++) {
            rd_error error = {.result = RD_OK};
            meter p = {.cancel_at = calls};
            uint64_t written = 0;
            const rd_source in = bytes_source(input_of(m, o));
            const rd_sink out = rd_sink_callback(count_bytes, &written);
            rd_options options = options_with(&error, NULL);
            options.progress = measure;
            options.progress_context = &p;
            result = run(m, o, &in, &out, &options);
            check_equal(result, p.calls > calls ? RD_E_CANCELLED : RD_OK, "operation %d call %zu", o, calls);
            check_equal(error.result, result, "operation %d call %zu", o, calls);
            check_equal(p.calls, result == RD_OK ? calls : calls + 1, "operation %d: none after the answer", o);
        }
        check_true(calls > 1, "operation %d", o);
    }
}

static bool stop_at_second(void *context, const rd_op *op) {
    (void)op;
    return ++*(size_t *)context < 2;
}

static void walk_over_ops_can_be_cancelled(void **state) {
    const material *const m = *state;
    size_t count = 0;
    rd_error error = {.result = RD_OK};
    const rd_source source = bytes_source(&m->delta);
    const rd_options options = options_with(&error, NULL);
    assert_int_equal(rd_delta_each_op(&source, stop_at_second, &count, &options), RD_E_CANCELLED);
    assert_int_equal(error.result, RD_E_CANCELLED);
    assert_int_equal(count, 2);
}

static void options_of_an_older_caller_are_understood(void **state) {
    const material *const m = *state;
    const size_t size = offsetof(rd_options, progress); /* it knew the parameters and nothing more */
    rd_options *const options = (rd_options *)(void *)bytes_new(size);
    const rd_options full = options_with(NULL, NULL);
    const rd_source in = bytes_source(&m->basis);
    rd_memory made = {0};
    const rd_sink out = rd_sink_memory(&made);
    memcpy(options, &full, size);
    memcpy(options, &size, sizeof size);
    assert_int_equal(rd_signature_make(&in, &out, options), RD_OK);
    check_memory(made, m->signature, "older caller");
    rd_memory_free(&made);
    free(options);
}

static void options_of_a_newer_caller_are_understood(void **state) {
    const material *const m = *state;
    struct newer {
        rd_options options;
        uint64_t more[4];
    } newer = {.options = options_with(NULL, NULL), .more = {1, 2, 3, 4}};
    const rd_source in = bytes_source(&m->basis);
    rd_memory made = {0};
    const rd_sink out = rd_sink_memory(&made);
    newer.options.size = sizeof newer;
    assert_int_equal(rd_signature_make(&in, &out, &newer.options), RD_OK);
    check_memory(made, m->signature, "newer caller");
    rd_memory_free(&made);
}

static void no_options_are_the_defaults_for_the_size(void **state) {
    (void)state;
    static const uint8_t header[] = {0x72, 0x73, 0x01, 0x47, 0, 0, 3, 128, 0, 0, 0, 32};
    rd_memory basis = bytes_random(&(random_source){1}, 1000 * 1000, 256);
    rd_memory made = {0};
    const rd_source in = bytes_source(&basis);
    const rd_sink out = rd_sink_memory(&made);
    assert_int_equal(rd_signature_make(&in, &out, NULL), RD_OK);
    check_bytes(made.data, sizeof header, header, sizeof header, "the root of a million is 1000, and 7 * 128 is 896");
    rd_memory_free(&made);
    rd_memory_free(&basis);
}

static void parameters_out_of_range_are_refused_before_anything_is_read(void **state) {
    const material *const m = *state;
    static const rd_params bad[] = {
        {.block_len = 0x80000000}, {.strong_len = 33}, {.strong = RD_MD4, .strong_len = 17}};
    for (size_t i = 0; i < ITEMS(bad); i++) {
        rd_error error = {.result = RD_OK};
        reader r = reader_of(&m->basis);
        writer w = {.fail_at = SIZE_MAX};
        const rd_source in = rd_source_callback(read_some, &r, RD_UNKNOWN, false);
        const rd_sink out = rd_sink_callback(write_some, &w);
        const rd_options options = {.size = sizeof options, .params = bad[i], .error = &error};
        check_equal(rd_signature_make(&in, &out, &options), RD_E_PARAMETER, "params %zu", i);
        check_equal(error.result, RD_E_PARAMETER, "params %zu", i);
        assert_true(r.calls == 0 && w.calls == 0);
    }
}

/* ---- Bad input --------------------------------------------------------------------------------------------------- */

/* As librsync does, if nothing is to be verified; else they are taken for a trailer, which they are not. */
static void bytes_after_the_end_of_a_delta_are_looked_at_to_verify(void **state) {
    const material *const m = *state;
    rd_memory longer = bytes_random(&(random_source){1}, m->delta.size + 3000000, 256);
    memcpy(longer.data, m->delta.data, m->delta.size);
    for (int i = 0; i < 6; i++) {
        reader r = reader_of(&longer);
        rd_memory made = {0};
        rd_error error = {.result = RD_OK};
        const rd_source basis = bytes_source(&m->basis);
        const rd_source delta = i % 2 ? rd_source_callback(read_some, &r, RD_UNKNOWN, false) : bytes_source(&longer);
        const rd_sink out = rd_sink_memory(&made);
        const rd_options options = {OPTIONS, .error = &error, .verify = (rd_verify)(i / 2)};
        const bool looked_at = options.verify != RD_VERIFY_NEVER;
        check_equal(rd_patch_apply(&basis, &delta, &out, &options), looked_at ? RD_E_CORRUPT : RD_OK, "case %d", i);
        if (looked_at)
            check_true(error.role == RD_ROLE_DELTA && error.offset >= m->delta.size - TRAILER, "case %d", i);
        else
            check_memory(made, m->new_file, "case %d", i);
        rd_memory_free(&made);
    }
    rd_memory_free(&longer);
}

static void input_of_the_wrong_kind_is_refused_without_output(void **state) {
    const material *const m = *state;
    for (operation o = 0; o < OPERATIONS; o++) {
        if (o == MAKE_SIGNATURE || o == MAKE_DELTA)
            continue; /* they take any bytes */
        rd_error error = {.result = RD_OK};
        writer w = {.fail_at = SIZE_MAX};
        const rd_source in = bytes_source(o == LOAD_SIGNATURE ? &m->delta : &m->signature);
        const rd_sink out = rd_sink_callback(write_some, &w);
        const rd_options options = options_with(&error, NULL);
        check_equal(run(m, o, &in, &out, &options), RD_E_MAGIC, "operation %d", o);
        check_true(error.role == role_of(o) && error.offset == 0, "operation %d", o);
        assert_int_equal(w.calls, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_reads_in_order_give_the_same),
        cmocka_unit_test(basis_of_a_patch_may_be_a_callback),
        cmocka_unit_test(failing_read_ends_the_operation_at_any_call),
        cmocka_unit_test(failing_read_of_a_basis_ends_the_patch_at_any_call),
        cmocka_unit_test(read_that_claims_too_much_is_refused_at_any_call),
        cmocka_unit_test(failing_write_ends_the_operation_at_any_call),
        cmocka_unit_test(failing_write_of_a_long_literal_ends_the_operation),
        cmocka_unit_test(file_is_read_from_its_position_which_stays),
        cmocka_unit_test(basis_of_a_patch_is_read_from_its_position),
        cmocka_unit_test(basis_of_a_patch_is_read_from_where_it_is_said_to_begin),
        cmocka_unit_test(what_has_no_such_place_cannot_be_read_from_there),
        cmocka_unit_test(position_beyond_the_end_is_an_empty_file),
        cmocka_unit_test(pipe_is_read_in_order),
        cmocka_unit_test(patch_refuses_a_basis_that_cannot_seek),
        cmocka_unit_test(failures_of_the_system_are_told_with_their_number),
        cmocka_unit_test(caller_can_write_to_any_sink),
        cmocka_unit_test(what_cannot_be_examined_cannot_be_read),
        cmocka_unit_test(closed_pipe_is_a_failure_to_write),
        cmocka_unit_test(long_copies_from_file_to_file_are_exact),
        cmocka_unit_test(long_copy_past_the_end_of_the_basis_tells_where_it_ends),
        cmocka_unit_test(patch_copies_from_beyond_4_gib),
        cmocka_unit_test(signature_is_made_from_a_position_beyond_4_gib),
        cmocka_unit_test(delta_copies_from_beyond_4_gib),
        cmocka_unit_test(new_file_may_be_longer_than_4_gib),
        cmocka_unit_test(patch_tells_where_it_left_the_basis),
        cmocka_unit_test(copy_from_beyond_any_file_is_a_basis_too_short),
        cmocka_unit_test(file_that_shrinks_meanwhile_ends_early),
        cmocka_unit_test(file_that_changes_meanwhile_makes_a_delta_that_verifies),
        cmocka_unit_test(any_number_of_threads_may_be_asked_for),
        cmocka_unit_test(options_without_a_size_are_refused),
        cmocka_unit_test(statistics_tell_what_was_done),
        cmocka_unit_test(statistics_are_told_after_a_failure_too),
        cmocka_unit_test(progress_rises_to_the_total),
        cmocka_unit_test(progress_of_a_verification_goes_through_both_files),
        cmocka_unit_test(the_total_of_a_patch_is_unknown_without_a_trailer),
        cmocka_unit_test(total_is_unknown_for_a_source_of_unknown_size),
        cmocka_unit_test(output_does_not_depend_on_threads),
        cmocka_unit_test(functions_of_the_caller_are_called_by_its_thread_alone),
        cmocka_unit_test(progress_can_cancel_at_any_call),
        cmocka_unit_test(walk_over_ops_can_be_cancelled),
        cmocka_unit_test(options_of_an_older_caller_are_understood),
        cmocka_unit_test(options_of_a_newer_caller_are_understood),
        cmocka_unit_test(no_options_are_the_defaults_for_the_size),
        cmocka_unit_test(parameters_out_of_range_are_refused_before_anything_is_read),
        cmocka_unit_test(bytes_after_the_end_of_a_delta_are_looked_at_to_verify),
        cmocka_unit_test(input_of_the_wrong_kind_is_refused_without_output),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
