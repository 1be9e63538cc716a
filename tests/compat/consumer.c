/*
 * A program for librsync that uses every public type, macro and function, in the common part of C and C++. It prints
 * what it finds: the same, whichever header it was compiled with and whichever library it runs on. It prints which
 * library that is to standard error.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librsync.h>

#ifdef RS_DEFAULT_STRONG_LEN
#error "programs take this macro for a librsync older than 1.0"
#endif

#define SHOW(value) printf("%s %ld\n", #value, (long)(value))
#define SHOW_FIELD(type, field)                                                                                        \
    printf("%s.%s at %zu of %zu\n", #type, #field, offsetof(type, field), sizeof(((type *)NULL)->field))

enum { OLD_SIZE = 10000, MADE_MAX = 50000 };

static unsigned char old_bytes[OLD_SIZE];
static unsigned char new_bytes[OLD_SIZE];

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

/* ---- What the compiler sees -------------------------------------------------------------------------------------- */

static void show_layouts(void) {
    SHOW(sizeof(rs_buffers_t));
    SHOW_FIELD(rs_buffers_t, next_in);
    SHOW_FIELD(rs_buffers_t, avail_in);
    SHOW_FIELD(rs_buffers_t, eof_in);
    SHOW_FIELD(rs_buffers_t, next_out);
    SHOW_FIELD(rs_buffers_t, avail_out);
    SHOW(sizeof(struct rs_buffers_s));
    SHOW(sizeof(rs_stats_t));
    SHOW_FIELD(rs_stats_t, op);
    SHOW_FIELD(rs_stats_t, lit_cmds);
    SHOW_FIELD(rs_stats_t, lit_bytes);
    SHOW_FIELD(rs_stats_t, lit_cmdbytes);
    SHOW_FIELD(rs_stats_t, copy_cmds);
    SHOW_FIELD(rs_stats_t, copy_bytes);
    SHOW_FIELD(rs_stats_t, copy_cmdbytes);
    SHOW_FIELD(rs_stats_t, sig_cmds);
    SHOW_FIELD(rs_stats_t, sig_bytes);
    SHOW_FIELD(rs_stats_t, false_matches);
    SHOW_FIELD(rs_stats_t, sig_blocks);
    SHOW_FIELD(rs_stats_t, block_len);
    SHOW_FIELD(rs_stats_t, in_bytes);
    SHOW_FIELD(rs_stats_t, out_bytes);
    SHOW_FIELD(rs_stats_t, start);
    SHOW_FIELD(rs_stats_t, end);
    SHOW(sizeof(struct rs_stats));
    SHOW(sizeof(rs_byte_t));
    SHOW(sizeof(rs_long_t));
    SHOW((rs_long_t)-1 < 0);
    SHOW(sizeof(rs_weak_sum_t));
    SHOW(sizeof(rs_strong_sum_t));
    SHOW(sizeof(rs_magic_number));
    SHOW(sizeof(rs_result));
    SHOW(sizeof(enum rs_result));
    SHOW(sizeof(rs_loglevel));
}

static void show_constants(void) {
    SHOW(RS_DELTA_MAGIC);
    SHOW(RS_MD4_SIG_MAGIC);
    SHOW(RS_BLAKE2_SIG_MAGIC);
    SHOW(RS_RK_MD4_SIG_MAGIC);
    SHOW(RS_RK_BLAKE2_SIG_MAGIC);
    SHOW(RS_LOG_EMERG);
    SHOW(RS_LOG_ALERT);
    SHOW(RS_LOG_CRIT);
    SHOW(RS_LOG_ERR);
    SHOW(RS_LOG_WARNING);
    SHOW(RS_LOG_NOTICE);
    SHOW(RS_LOG_INFO);
    SHOW(RS_LOG_DEBUG);
    SHOW(RS_DONE);
    SHOW(RS_BLOCKED);
    SHOW(RS_RUNNING);
    SHOW(RS_TEST_SKIPPED);
    SHOW(RS_IO_ERROR);
    SHOW(RS_SYNTAX_ERROR);
    SHOW(RS_MEM_ERROR);
    SHOW(RS_INPUT_ENDED);
    SHOW(RS_BAD_MAGIC);
    SHOW(RS_UNIMPLEMENTED);
    SHOW(RS_CORRUPT);
    SHOW(RS_INTERNAL_ERROR);
    SHOW(RS_PARAM_ERROR);
    SHOW(RS_DEFAULT_BLOCK_LEN);
    SHOW(RS_DEFAULT_MIN_STRONG_LEN);
    SHOW(RS_MAX_STRONG_SUM_LENGTH);
    SHOW(RS_MD4_SUM_LENGTH);
    SHOW(RS_BLAKE2_SUM_LENGTH);
    SHOW(rs_inbuflen);
    SHOW(rs_outbuflen);
    check(strlen(rs_librsync_version) > 0, "version");
}

/* Every function has exactly the type of its field, or this does not compile. */
static const struct {
    void (*base64)(unsigned char const *, int, char *);
    size_t (*unbase64)(char *);
    void (*hexify)(char *, void const *, int);
    char const *(*text_of)(rs_result);
    void (*log_signature)(rs_signature_t const *);
    void (*dump)(rs_signature_t const *);
    int (*log_stats)(rs_stats_t const *);
    char *(*format_stats)(rs_stats_t const *, char *, size_t);
    int (*traces)(void);
    rs_trace_fn_t *to_stderr;
    rs_copy_cb *copy;
    FILE *(*open_file)(char const *, char const *, int);
    int (*close_file)(FILE *);
    rs_long_t (*size_of)(FILE *);
    void (*mdfour)(unsigned char *, void const *, size_t);
    void (*mdfour_begin)(rs_mdfour_t *);
    void (*mdfour_update)(rs_mdfour_t *, void const *, size_t);
    void (*mdfour_result)(rs_mdfour_t *, unsigned char *);
} functions = {
    rs_base64,     rs_unbase64,     rs_hexify,         rs_strerror,     rs_signature_log_stats, rs_sumset_dump,
    rs_log_stats,  rs_format_stats, rs_supports_trace, rs_trace_stderr, rs_file_copy_cb,        rs_file_open,
    rs_file_close, rs_file_size,    rs_mdfour,         rs_mdfour_begin, rs_mdfour_update,       rs_mdfour_result,
};

/* ---- What the library does --------------------------------------------------------------------------------------- */

static void show_sum(const char *what, const void *bytes, size_t size) {
    unsigned char sum[16];
    char text[2 * sizeof sum + 1];
    char base64[32];
    functions.mdfour(sum, bytes, size);
    functions.hexify(text, sum, sizeof sum);
    functions.base64(sum, sizeof sum, base64);
    printf("%s: %zu bytes, %s %s", what, size, text, base64);
    printf(" %zu\n", functions.unbase64(base64));
}

static void fill_bytes(void) {
    unsigned state = 1;
    for (size_t i = 0; i < OLD_SIZE; i++) {
        state = state * 1103515245u + 12345u;
        old_bytes[i] = (unsigned char)(state >> 16);
    }
    memcpy(new_bytes, old_bytes + 100, OLD_SIZE - 100);
    memset(new_bytes + 5000, 'n', 50);
}

static rs_result fill_input(rs_job_t *job, rs_buffers_t *buffers, void *opaque) {
    FILE *const file = (FILE *)opaque;
    static char room[777];
    (void)job;
    if (buffers->avail_in == 0) {
        buffers->next_in = room;
        buffers->avail_in = fread(room, 1, sizeof room, file);
        buffers->eof_in = feof(file);
    }
    return ferror(file) ? RS_IO_ERROR : RS_DONE;
}

static rs_result drain_output(rs_job_t *job, rs_buffers_t *buffers, void *opaque) {
    static char room[333];
    (void)job;
    if (buffers->next_out)
        fwrite(room, 1, (size_t)(buffers->next_out - room), (FILE *)opaque);
    buffers->next_out = room;
    buffers->avail_out = sizeof room;
    return RS_DONE;
}

static FILE *file_with(const void *bytes, size_t size) {
    FILE *const file = tmpfile();
    check(file && fwrite(bytes, 1, size, file) == size, "tmpfile");
    rewind(file);
    return file;
}

static void show_file(const char *what, FILE *file) {
    static unsigned char bytes[MADE_MAX];
    check(fflush(file) == 0, "fflush");
    rewind(file);
    show_sum(what, bytes, fread(bytes, 1, sizeof bytes, file));
    rewind(file);
}

static void round_trip_of_files(void) {
    FILE *const old_file = file_with(old_bytes, sizeof old_bytes);
    FILE *const new_file = file_with(new_bytes, sizeof new_bytes);
    FILE *const signature_file = tmpfile();
    FILE *const delta_file = tmpfile();
    FILE *const made_file = tmpfile();
    rs_magic_number magic = (rs_magic_number)0;
    size_t block_len = 0;
    size_t strong_len = 0;
    rs_signature_t *signature = NULL;
    rs_stats_t stats;
    check(rs_sig_args(rs_file_size(old_file), &magic, &block_len, &strong_len) == RS_DONE, "rs_sig_args");
    printf("%x %zu %zu\n", (unsigned)magic, block_len, strong_len);
    check(rs_sig_file(old_file, signature_file, block_len, strong_len, magic, &stats) == RS_DONE, "rs_sig_file");
    show_file("signature of a file", signature_file);
    check(rs_loadsig_file(signature_file, &signature, &stats) == RS_DONE, "rs_loadsig_file");
    check(rs_build_hash_table(signature) == RS_DONE, "rs_build_hash_table");
    check(rs_delta_file(signature, new_file, delta_file, &stats) == RS_DONE, "rs_delta_file");
    rewind(delta_file);
    check(rs_patch_file(old_file, delta_file, made_file, &stats) == RS_DONE, "rs_patch_file");
    show_file("new file", made_file);
    rs_free_sumset(signature);
    check(rs_file_close(made_file) == 0, "rs_file_close");
}

/* Drives the job from one file to a new one, and frees it. */
static FILE *driven(rs_job_t *job, FILE *in, const char *what) {
    FILE *const out = tmpfile();
    rs_buffers_t buffers;
    memset(&buffers, 0, sizeof buffers);
    check(job && rs_job_drive(job, &buffers, fill_input, in, drain_output, out) == RS_DONE, what);
    printf("%s: %s\n", what, rs_job_statistics(job)->op);
    check(rs_job_free(job) == RS_DONE, "rs_job_free");
    rewind(out);
    return out;
}

static void round_trip_of_jobs(void) {
    FILE *const old_file = file_with(old_bytes, sizeof old_bytes);
    rs_signature_t *signature = NULL;
    static char bytes[MADE_MAX];
    rs_buffers_t buffers;
    FILE *const signature_file = driven(rs_sig_begin(500, 8, RS_MD4_SIG_MAGIC), old_file, "signature job");
    show_file("signature of a job", signature_file);
    rs_job_t *const job = rs_loadsig_begin(&signature);
    memset(&buffers, 0, sizeof buffers);
    buffers.next_in = bytes;
    buffers.avail_in = fread(bytes, 1, sizeof bytes, signature_file);
    buffers.eof_in = 1;
    check(rs_job_iter(job, &buffers) == RS_DONE, "rs_job_iter");
    SHOW(rs_job_statistics(job)->sig_blocks);
    rs_job_free(job);
    check(rs_build_hash_table(signature) == RS_DONE, "rs_build_hash_table");
    FILE *const new_file = file_with(new_bytes, sizeof new_bytes);
    FILE *const delta_file = driven(rs_delta_begin(signature), new_file, "delta job");
    show_file("new file of a job", driven(rs_patch_begin(rs_file_copy_cb, old_file), delta_file, "patch job"));
    rs_free_sumset(signature);
}

static void show_logging(void) {
    rs_stats_t stats;
    char text[200];
    memset(&stats, 0, sizeof stats);
    stats.op = "delta";
    stats.in_bytes = 7;
    printf("%s\n", rs_format_stats(&stats, text, sizeof text));
    rs_trace_to(rs_trace_stderr);
    rs_trace_set_level(RS_LOG_EMERG);
    SHOW(rs_log_stats(&stats));
    printf("%s; %s\n", rs_strerror(RS_DONE), rs_strerror(RS_PARAM_ERROR));
}

/* The path of the library that is loaded. */
static void show_library(void) {
    char line[1000];
    FILE *const maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        if (strstr(line, "/librsync.so")) {
            fputs(strchr(line, '/'), stderr);
            break;
        }
    }
}

int main(void) {
    show_library();
    show_layouts();
    show_constants();
    fill_bytes();
    show_sum("old file", old_bytes, sizeof old_bytes);
    round_trip_of_files();
    round_trip_of_jobs();
    show_logging();
    return 0;
}
