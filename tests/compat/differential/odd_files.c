/*
 * Odd calls: FILEs that cannot be read or written, with every whole-file function, and names that cannot be opened.
 */
#define _POSIX_C_SOURCE 200809L
#include "odd_calls.h"
#include "wholefile.h"

#include <fcntl.h>
#include <unistd.h>

typedef struct files_case {
    const char *name;
    bool deaf_in;   /* the input is open for writing only */
    bool full_out;  /* the output is /dev/full */
    bool deaf_out;  /* the output is open for reading only */
    bool deaf_base; /* the basis of the patch is open for writing only */
    bool no_stats;
} files_case;

static FILE *reading(const rd_memory *bytes, bool deaf) {
    return deaf ? fopen("/dev/null", "wb") : file_of(bytes);
}

static FILE *writing(const files_case *c) {
    const rd_memory none = {0};
    if (c->full_out)
        return fopen("/dev/full", "wb");
    return c->deaf_out ? fopen("/dev/null", "rb") : file_of(&none);
}

/* The program checks both results: of the function, and of fflush or fclose. Either may show the failure. */
static void note(transcript *t, const char *what, rs_result result, FILE *out) {
    const bool lost = fflush(out) != 0 || ferror(out);
    transcript_add(t, "%s %d%s; ", what, result, result == RS_DONE && lost ? " but lost" : "");
}

static guarded_fn all_four;
static void all_four(const library *lib, void *context, transcript *t) {
    const files_case *const c = context;
    odd_setting s = odd_setting_new();
    rs_stats_t stats;
    rs_stats_t *const wanted = c->no_stats ? NULL : &stats;
    rs_signature_t *loaded = NULL;
    FILE *out = writing(c);
    note(t, "signature", lib->sig_file(reading(&s.old, c->deaf_in), out, 100, 8, RS_MD4_SIG_MAGIC, wanted), out);
    transcript_add(t, "load %d; ", lib->loadsig_file(reading(&s.signature, c->deaf_in), &loaded, wanted));
    out = writing(c);
    rs_signature_t *const good = odd_loaded(lib, &s);
    note(t, "delta", lib->delta_file(good, reading(&s.new_file, c->deaf_in), out, wanted), out);
    out = writing(c);
    note(t, "patch", lib->patch_file(reading(&s.old, c->deaf_base), reading(&s.delta, c->deaf_in), out, wanted), out);
}

/* ---- rs_file_open, _size, _close, _copy_cb ----------------------------------------------------------------------- */

static guarded_fn file_functions;
static void file_functions(const library *lib, void *context, transcript *t) {
    odd_setting s = odd_setting_new();
    FILE *const file = file_of(&s.old);
    char buffer[100];
    static const rs_long_t offsets[] = {0, 10, 200, 249, 250, 251, 100000, -1};
    (void)context;
    transcript_add(t, "size %jd; ", lib->file_size(file));
    for (size_t i = 0; i < ITEMS(offsets); i++) {
        size_t size = sizeof buffer;
        void *at = buffer;
        const rs_result result = lib->file_copy_cb(file, offsets[i], &size, &at);
        transcript_add(t, "copy at %jd: %d", offsets[i], result);
        if (result == RS_DONE)
            transcript_add(t, " %zu %d %d", size, at == buffer, memcmp(buffer, s.old.data + offsets[i], size));
        transcript_add(t, "; ");
    }
    transcript_add(t, "close %d", lib->file_close(file));
}

static void open_and_close(const library *lib, const char *name, const char *mode, int force, transcript *t) {
    FILE *const file = lib->file_open(name, mode, force);
    transcript_add(t, "%s %d: %d", mode, force, file != NULL);
    if (file && *mode == 'w')
        transcript_add(t, " %d", fputs("text", file) >= 0);
    if (file)
        transcript_add(t, " size %jd", lib->file_size(file));
    if (file)
        transcript_add(t, " close %d", lib->file_close(file));
    transcript_add(t, "; ");
}

static guarded_fn file_names;
static void file_names(const library *lib, void *context, transcript *t) {
    char name[] = "/tmp/redelta-XXXXXX";
    const int fd = mkstemp(name);
    (void)context;
    (void)close(fd);
    open_and_close(lib, name, "rb", 0, t);
    open_and_close(lib, name, "wb", 1, t);
    open_and_close(lib, name, "rb", 1, t);
    (void)unlink(name);
    open_and_close(lib, name, "wb", 0, t);
    (void)unlink(name);
}

static guarded_fn standard_streams;
static void standard_streams(const library *lib, void *context, transcript *t) {
    static const char *const names[] = {"-", NULL};
    const char *const name = names[*(const size_t *)context];
    transcript_add(t, "%d ", lib->file_open(name, "rb", 0) == stdin);
    transcript_add(t, "%d ", lib->file_open(name, "wb", 0) == stdout);
    transcript_add(t, "%d ", lib->file_open(name, "wb", 1) == stdout);
    transcript_add(t, "close %d ", lib->file_close(stdin));
    transcript_add(t, "%d ", lib->file_close(stdout));
    transcript_add(t, "still open %d", fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0);
}

static guarded_fn size_of_pipe;
static void size_of_pipe(const library *lib, void *context, transcript *t) {
    int ends[2];
    (void)context;
    assert_int_equal(pipe(ends), 0);
    transcript_add(t, "%jd", lib->file_size(fdopen(ends[0], "rb")));
}

static guarded_fn empty_name;
static void empty_name(const library *lib, void *context, transcript *t) {
    (void)context;
    transcript_add(t, "%d", lib->file_open("", "rb", 0) != NULL);
}

static guarded_fn missing_file;
static void missing_file(const library *lib, void *context, transcript *t) {
    (void)context;
    transcript_add(t, "%d", lib->file_open("/nonexistent/file", "rb", 0) != NULL);
}

static guarded_fn existing_file;
static void existing_file(const library *lib, void *context, transcript *t) {
    (void)context;
    transcript_add(t, "%d", lib->file_open("/dev/null", "wb", 0) != NULL);
}

static guarded_fn output_in_no_folder;
static void output_in_no_folder(const library *lib, void *context, transcript *t) {
    (void)context;
    transcript_add(t, "%d", lib->file_open("/nonexistent/file", "wb", 1) != NULL);
}

void odd_files(void) {
    static const files_case cases[] = {
        {"usual files", false, false, false, false, false},
        {"files without statistics", false, false, false, false, true},
        {"inputs that cannot be read", true, false, false, false, false},
        {"outputs that cannot be written", false, false, true, false, false},
        {"a basis that cannot be read", false, false, false, true, false},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        files_case c = cases[i];
        odd_compare(c.name, all_four, &c);
    }
    files_case full = {"a full device", false, true, false, false, false};
    odd_expect(full.name, all_four, &full, "signature 100; load 0; delta 100; patch 100; ");
    odd_compare("functions of a file", file_functions, NULL);
    odd_compare("names of files", file_names, NULL);
    for (size_t i = 0; i < 2; i++)
        odd_compare("standard streams", standard_streams, &i);
    odd_compare("size of a pipe", size_of_pipe, NULL);
    odd_compare_exit("a file that is not there", missing_file, NULL, RS_IO_ERROR);
    odd_compare_exit("an empty name", empty_name, NULL, RS_IO_ERROR);
    odd_compare_exit("a file that exists", existing_file, NULL, RS_IO_ERROR);
    odd_compare_exit("an output in no folder", output_in_no_folder, NULL, RS_IO_ERROR);
}
