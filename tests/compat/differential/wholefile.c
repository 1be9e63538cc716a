/*
 * FILEs of all kinds around the whole-file functions. A pipe is filled before and drained after the call, by the same
 * thread, so its content must fit; if it would not, a plain file replaces it.
 */
#define _GNU_SOURCE /* F_GETPIPE_SZ, memfd_create */
#include "wholefile.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report.h"

enum { BEFORE = 700, MARK = '|' };

const char *file_kind_text(file_kind kind) {
    static const char *const names[FILE_KINDS] = {"plain", "sought", "started", "memory", "pipe"};
    return names[kind];
}

file_kind file_kind_random(random_source *r) {
    return (file_kind)random_below(r, FILE_KINDS);
}

static FILE *plain_new(void) {
    const int fd = memfd_create("rsync", MFD_CLOEXEC);
    assert_true(fd >= 0);
    FILE *const file = fdopen(fd, "w+b");
    assert_non_null(file);
    return file;
}

static void write_all(int fd, const void *data, size_t size) {
    const char *const bytes = data;
    for (size_t at = 0; at < size;) {
        const ssize_t written = write(fd, bytes + at, size - at);
        assert_true(written > 0);
        at += (size_t)written;
    }
}

FILE *file_of(const rd_memory *bytes) {
    FILE *const file = plain_new();
    write_all(fileno(file), bytes->data, bytes->size);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    return file;
}

/* ---- Inputs ------------------------------------------------------------------------------------------------------ */

typedef struct input {
    FILE *file;
    long start;
} input;

static bool fits_pipe(int fd, size_t size) {
    const int capacity = fcntl(fd, F_GETPIPE_SZ);
    return capacity > 0 && size <= (size_t)capacity;
}

static FILE *pipe_with(const rd_memory *bytes) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    if (!fits_pipe(ends[1], bytes->size)) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return file_of(bytes);
    }
    write_all(ends[1], bytes->data, bytes->size);
    (void)close(ends[1]);
    return fdopen(ends[0], "rb");
}

/* A plain file positioned at its byte BEFORE, where `bytes` start. */
static FILE *file_behind(const rd_memory *bytes, bool sought) {
    uint8_t before[BEFORE];
    FILE *const file = plain_new();
    memset(before, 'b', sizeof before);
    write_all(fileno(file), before, sizeof before);
    write_all(fileno(file), bytes->data, bytes->size);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    if (sought)
        assert_int_equal(fseek(file, BEFORE, SEEK_SET), 0);
    else
        assert_int_equal(fread(before, 1, BEFORE, file), BEFORE);
    return file;
}

static input input_open(file_kind kind, const rd_memory *bytes) {
    input in = {0};
    if (kind == FILE_SOUGHT || kind == FILE_STARTED) {
        in.file = file_behind(bytes, kind == FILE_SOUGHT);
        in.start = BEFORE;
    } else if (kind == FILE_MEMORY && bytes->size > 0) {
        in.file = fmemopen(bytes->data, bytes->size, "rb");
    } else if (kind == FILE_PIPE) {
        in.file = pipe_with(bytes);
    } else {
        in.file = file_of(bytes);
    }
    assert_non_null(in.file);
    return in;
}

/* Stores the position of the input in element `which`, and closes it. */
static void input_close(input *in, file_outcome *o, int which) {
    const long position = ftell(in->file);
    o->in_position[which] = position < 0 ? -1 : position - in->start;
    o->in_eof[which] = feof(in->file) != 0;
    o->in_next[which] = fgetc(in->file);
    assert_int_equal(fclose(in->file), 0);
}

/* ---- Outputs ----------------------------------------------------------------------------------------------------- */

typedef struct output {
    FILE *file;
    int other_end; /* of a pipe, or -1 */
    char *memory;
    size_t memory_size;
    size_t start;
} output;

static FILE *pipe_new(int *other_end, size_t expected) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    if (!fits_pipe(ends[1], expected)) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return plain_new();
    }
    *other_end = ends[0];
    return fdopen(ends[1], "wb");
}

/* `expected`: no more bytes than these are written. */
static void output_open(output *out, file_kind kind, size_t expected) {
    char before[BEFORE];
    memset(before, 'b', sizeof before);
    *out = (output){.other_end = -1};
    if (kind == FILE_MEMORY)
        out->file = open_memstream(&out->memory, &out->memory_size);
    else if (kind == FILE_PIPE)
        out->file = pipe_new(&out->other_end, expected + 1);
    else
        out->file = plain_new();
    assert_non_null(out->file);
    if (kind == FILE_STARTED || kind == FILE_SOUGHT) {
        out->start = BEFORE;
        if (kind == FILE_STARTED)
            assert_int_equal(fwrite(before, 1, BEFORE, out->file), BEFORE);
        else
            assert_int_equal(fseek(out->file, BEFORE, SEEK_SET), 0);
    }
}

static void read_all(int fd, rd_memory *made) {
    char buffer[4096];
    ssize_t got = 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0)
        append(made, buffer, (size_t)got);
    assert_int_equal(got, 0);
}

/* What was written from the start on, and after it a mark that was written after the call. */
static void output_close(output *out, rd_memory *made) {
    assert_int_equal(fputc(MARK, out->file), MARK);
    assert_int_equal(fflush(out->file), 0);
    if (out->memory) {
        append(made, out->memory, out->memory_size);
    } else if (out->other_end < 0) {
        assert_int_equal(lseek(fileno(out->file), (off_t)out->start, SEEK_SET), (off_t)out->start);
        read_all(fileno(out->file), made);
    }
    assert_int_equal(fclose(out->file), 0);
    if (out->other_end >= 0) {
        read_all(out->other_end, made);
        (void)close(out->other_end);
    }
    free(out->memory);
    if (made->size == 0 || made->data[made->size - 1] != MARK)
        report_difference("the output does not end where its FILE stands");
    else
        made->size--;
}

/* ---- The four functions ------------------------------------------------------------------------------------------ */

file_outcome file_signature(const library *lib, const rd_memory *old, sig_params params, file_kind in, file_kind out) {
    file_outcome o = {0};
    output written;
    input read = input_open(in, old);
    output_open(&written, out, 12 + 36 * (old->size / (params.block_len ? params.block_len : 256) + 1));
    o.result = lib->sig_file(read.file, written.file, params.block_len, params.strong_len, params.magic, &o.stats);
    input_close(&read, &o, 0);
    output_close(&written, &o.out);
    return o;
}

file_outcome file_load(const library *lib, const rd_memory *bytes, file_kind in, rs_signature_t **signature) {
    file_outcome o = {0};
    input read = input_open(in, bytes);
    *signature = NULL;
    o.result = lib->loadsig_file(read.file, signature, &o.stats);
    input_close(&read, &o, 0);
    if (o.result == RS_DONE)
        o.result = lib->build_hash_table(*signature);
    return o;
}

file_outcome file_delta(const library *lib, rs_signature_t *signature, const rd_memory *new_file, file_kind in,
                        file_kind out) {
    file_outcome o = {0};
    output written;
    input read = input_open(in, new_file);
    output_open(&written, out, 100 + new_file->size * 20);
    o.result = lib->delta_file(signature, read.file, written.file, &o.stats);
    input_close(&read, &o, 0);
    output_close(&written, &o.out);
    return o;
}

/* The basis is read by absolute position, so it is a plain file or memory, positioned somewhere after its start. */
file_outcome file_patch(const library *lib, const rd_memory *basis, const rd_memory *delta, size_t expected,
                        file_kind in, file_kind out) {
    file_outcome o = {0};
    output written;
    input old = input_open(in == FILE_MEMORY ? FILE_MEMORY : FILE_PLAIN, basis);
    input commands = input_open(in, delta);
    if (in == FILE_SOUGHT)
        (void)fgetc(old.file);
    output_open(&written, out, expected);
    o.result = lib->patch_file(old.file, commands.file, written.file, &o.stats);
    input_close(&commands, &o, 0);
    input_close(&old, &o, 1);
    output_close(&written, &o.out);
    return o;
}

void file_outcome_free(file_outcome *o) {
    rd_memory_free(&o->out);
}
