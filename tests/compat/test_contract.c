/*
 * What programs built for librsync rely on, each tested by doing what that program does: its calls in its order, its
 * buffers, its way to end the input, its cleaning up. Nothing here depends on which librsync is loaded, and all tests
 * also pass on librsync 2.3.2, with LD_LIBRARY_PATH.
 */
#define _GNU_SOURCE
#include "rs_support.h"

#include <pthread.h>
#include <sys/stat.h>

/* This many calls without an end mean that there is none. */
enum { CALLS_MAX = 100000 };

/* ---- rdiff-backup, duplicity ------------------------------------------------------------------------------------- */

/*
 * Both wrap a job as an object with a method cycle(): input of any size in, up to 64 KiB out. An empty input means the
 * end of the input. Files are read in chunks of 64 KiB until 64 KiB are available, so there may be more than that.
 */
enum { CYCLE_SIZE = 65536 };

static bool cycle(rs_job_t *job, rd_memory *input, rd_memory *output) {
    char *const room = malloc(CYCLE_SIZE);
    rs_buffers_t buffers = {.next_in = (char *)input->data,
                            .avail_in = input->size,
                            .eof_in = input->size == 0,
                            .next_out = room,
                            .avail_out = CYCLE_SIZE};
    const rs_result result = rs_job_iter(job, &buffers);
    assert_true(result == RS_DONE || result == RS_BLOCKED);
    bytes_append(output, room, CYCLE_SIZE - buffers.avail_out);
    if (buffers.avail_in > 0)
        memmove(input->data, buffers.next_in, buffers.avail_in);
    input->size = buffers.avail_in;
    free(room);
    return result == RS_DONE;
}

static rd_memory cycle_to_end(rs_job_t *job, const rd_memory *file) {
    rd_memory input = {0};
    rd_memory output = {0};
    size_t at = 0;
    int calls = 0;
    bool done = false;
    while (!done) {
        while (input.size < CYCLE_SIZE && at < file->size) {
            const size_t size = file->size - at < CYCLE_SIZE ? file->size - at : CYCLE_SIZE;
            bytes_append(&input, file->data + at, size);
            at += size;
        }
        done = cycle(job, &input, &output);
        assert_true(calls++ < CALLS_MAX);
    }
    assert_int_equal(at, file->size);
    bytes_free(&input);
    return output;
}

/* The whole signature in one iteration, without room for output. */
static rs_signature_t *load_at_once(const rd_memory *bytes) {
    rs_signature_t *signature = NULL;
    rs_job_t *const job = rs_loadsig_begin(&signature);
    rs_buffers_t buffers = {.next_in = (char *)bytes->data, .avail_in = bytes->size, .eof_in = 1};
    assert_int_equal(rs_job_iter(job, &buffers), RS_DONE);
    assert_int_equal(buffers.avail_in, 0);
    assert_int_equal(rs_job_free(job), RS_DONE);
    assert_int_equal(rs_build_hash_table(signature), RS_DONE);
    return signature;
}

static void back_up_and_restore(rs_pair *pair, size_t block_len) {
    rs_job_t *const sig_job = rs_sig_begin(block_len, 8, RS_MD4_SIG_MAGIC);
    rd_memory signature_bytes = cycle_to_end(sig_job, &pair->basis);
    (void)rs_job_free(sig_job);
    const size_t blocks = (pair->basis.size + block_len - 1) / block_len;
    check_equal(signature_bytes.size, 12 + 12 * blocks, "signature of %zu bytes", pair->basis.size);

    rs_signature_t *const signature = load_at_once(&signature_bytes);
    rs_job_t *const delta_job = rs_delta_begin(signature);
    rd_memory delta = cycle_to_end(delta_job, &pair->new_file);
    rs_free_sumset(signature);
    assert_int_equal(rs_job_free(delta_job), RS_DONE); /* after the object it points to: a destructor's order */

    FILE *const basis_file = file_of(&pair->basis);
    rs_job_t *const patch_job = rs_patch_begin(rs_file_copy_cb, basis_file);
    rd_memory restored = cycle_to_end(patch_job, &delta);
    (void)rs_job_free(patch_job);
    (void)fclose(basis_file);
    check_memory(restored, pair->new_file, "restored %zu bytes", pair->new_file.size);

    bytes_free(&restored);
    bytes_free(&delta);
    bytes_free(&signature_bytes);
}

static void a_backup_cycles_jobs_with_64_kib_buffers(void **state) {
    static const size_t sizes[] = {0, 1, 2047, 2048, 2049, 65535, 65536, 65537, 131072, 700000};
    (void)state;
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        rs_pair pair = rs_pair_new(100 + i, sizes[i]);
        back_up_and_restore(&pair, 2048);
        rs_pair_free(&pair);
    }
}

static void a_backup_may_use_blocks_longer_than_its_buffers(void **state) {
    rs_pair pair = rs_pair_new(120, 900000);
    (void)state;
    back_up_and_restore(&pair, 200000);
    back_up_and_restore(&pair, 16);
    rs_pair_free(&pair);
}

/* Python frees in any order: here a delta is abandoned in the middle, first the signature, then the job. */
static void a_delta_may_be_given_up_after_its_signature(void **state) {
    rs_pair pair = rs_pair_new(121, 300000);
    rd_memory signature_bytes = rs_signature_of(&pair.basis, 2048, 8, RS_MD4_SIG_MAGIC);
    rs_signature_t *const signature = load_at_once(&signature_bytes);
    rs_job_t *const job = rs_delta_begin(signature);
    rd_memory input = {0};
    rd_memory output = {0};
    (void)state;
    bytes_append(&input, pair.new_file.data, 100000);
    assert_false(cycle(job, &input, &output));
    rs_free_sumset(signature);
    assert_int_equal(rs_job_free(job), RS_DONE);
    bytes_free(&input);
    bytes_free(&output);
    bytes_free(&signature_bytes);
    rs_pair_free(&pair);
}

/* ---- burp -------------------------------------------------------------------------------------------------------- */

/*
 * burp's files: one buffer each. Filling does nothing while input is left, and returns "blocked" when the network has
 * nothing; draining only makes room the first time, and may be blocked too.
 */
typedef struct burp_file {
    rd_memory bytes;
    size_t at;
    char room[16384];
    size_t piece;    /* the most that one call moves */
    unsigned called; /* every third call is blocked, if `blocks` */
    bool blocks;
} burp_file;

static bool is_blocked(burp_file *file) {
    return file->blocks && ++file->called % 3 == 0;
}

static rs_result burp_fill(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    burp_file *const file = context;
    (void)job;
    if (buffers->eof_in || buffers->avail_in > 0)
        return RS_DONE;
    if (is_blocked(file))
        return RS_BLOCKED;
    const size_t left = file->bytes.size - file->at;
    const size_t size = left < file->piece ? left : file->piece;
    if (size > 0)
        memcpy(file->room, file->bytes.data + file->at, size);
    file->at += size;
    buffers->next_in = file->room;
    buffers->avail_in = size;
    buffers->eof_in = size == 0;
    return RS_DONE;
}

static rs_result burp_drain(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    burp_file *const file = context;
    (void)job;
    if (buffers->next_out) {
        const size_t present = (size_t)(buffers->next_out - file->room);
        assert_true(present <= file->piece);
        if (present > 0 && is_blocked(file))
            return RS_BLOCKED;
        bytes_append(&file->bytes, file->room, present);
    }
    buffers->next_out = file->room;
    buffers->avail_out = file->piece;
    return RS_DONE;
}

/*
 * Drives a job and calls again when its input is blocked, as burp's loop over its sockets does. A drive sets up the
 * buffers itself, so they may hold anything before it.
 */
static rs_result burp_drive(rs_job_t *job, burp_file *in, burp_file *out) {
    rs_buffers_t buffers;
    rs_result result = RS_BLOCKED;
    in->blocks = true;
    for (int calls = 0; result == RS_BLOCKED; calls++) {
        assert_true(calls < CALLS_MAX);
        memset(&buffers, 0xaa, sizeof buffers);
        result = rs_job_drive(job, &buffers, burp_fill, in, out ? burp_drain : NULL, out);
    }
    return result;
}

/* The same by hand, as burp does when it has other work between the steps. */
static rs_result burp_async(rs_job_t *job, burp_file *in, burp_file *out) {
    rs_buffers_t buffers = {0};
    rs_result result = RS_BLOCKED;
    in->blocks = out->blocks = true;
    assert_int_equal(burp_drain(job, &buffers, out), RS_DONE);
    for (int calls = 0; result == RS_BLOCKED; calls++) {
        assert_true(calls < CALLS_MAX);
        if (burp_fill(job, &buffers, in) == RS_BLOCKED)
            continue;
        result = rs_job_iter(job, &buffers);
        while (burp_drain(job, &buffers, out) == RS_BLOCKED)
            ;
    }
    return result;
}

typedef rs_result burp_runner(rs_job_t *job, burp_file *in, burp_file *out);

/* Runs and frees a job over `in`, with chunks of these sizes. */
static rd_memory burp_run(burp_runner *runner, rs_job_t *job, const rd_memory *in, size_t piece_in, size_t piece_out) {
    burp_file *const files = calloc(2, sizeof *files);
    assert_non_null(files);
    files[0].bytes = *in;
    files[0].piece = piece_in;
    files[1].piece = piece_out;
    const rs_result result = runner(job, &files[0], &files[1]);
    assert_string_equal(rs_strerror(result), rs_strerror(RS_DONE));
    assert_int_equal(rs_job_free(job), RS_DONE);
    const rd_memory made = files[1].bytes;
    free(files);
    return made;
}

static rs_signature_t *burp_load(const rd_memory *bytes, size_t piece) {
    burp_file *const from = calloc(1, sizeof *from);
    rs_signature_t *signature = NULL;
    assert_non_null(from);
    *from = (burp_file){.bytes = *bytes, .piece = piece};
    rs_job_t *const job = rs_loadsig_begin(&signature);
    assert_int_equal(burp_drive(job, from, NULL), RS_DONE);
    assert_int_equal(rs_job_free(job), RS_DONE);
    assert_int_equal(rs_build_hash_table(signature), RS_DONE);
    free(from);
    return signature;
}

static void burp_round(burp_runner *runner, rs_pair *pair, size_t piece_in, size_t piece_out) {
    rs_job_t *job = rs_sig_begin(4096, 16, RS_RK_MD4_SIG_MAGIC);
    rd_memory signature_bytes = burp_run(runner, job, &pair->basis, piece_in, piece_out);
    rd_memory expected = rs_signature_of(&pair->basis, 4096, 16, RS_RK_MD4_SIG_MAGIC);
    check_memory(signature_bytes, expected, "pieces of %zu and %zu", piece_in, piece_out);
    rs_signature_t *const signature = burp_load(&signature_bytes, piece_in);
    rd_memory delta = burp_run(runner, rs_delta_begin(signature), &pair->new_file, piece_in, piece_out);
    rs_free_sumset(signature);
    FILE *const basis = file_of(&pair->basis);
    rd_memory patched = burp_run(runner, rs_patch_begin(rs_file_copy_cb, basis), &delta, piece_in, piece_out);
    check_memory(patched, pair->new_file, "pieces of %zu and %zu", piece_in, piece_out);
    (void)fclose(basis);
    bytes_free(&patched);
    bytes_free(&delta);
    bytes_free(&expected);
    bytes_free(&signature_bytes);
}

static void burp_calls_again_when_a_callback_blocked(void **state) {
    static const size_t pieces[] = {1, 7, 4095, 16384};
    rs_pair pair = rs_pair_new(130, 20000);
    (void)state;
    for (size_t i = 0; i < ITEMS(pieces); i++)
        for (size_t o = 0; o < ITEMS(pieces); o++) {
            burp_round(burp_drive, &pair, pieces[i], pieces[o]);
            burp_round(burp_async, &pair, pieces[i], pieces[o]);
        }
    rs_pair_free(&pair);
}

/* The drive returns a callback's own failure unchanged. */
static rs_result fail_to_fill(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    (void)job, (void)buffers, (void)context;
    return RS_IO_ERROR;
}

static void a_drive_ends_with_the_failure_of_a_callback(void **state) {
    rs_buffers_t buffers = {0};
    rs_job_t *const job = rs_sig_begin(64, 8, RS_MD4_SIG_MAGIC);
    (void)state;
    assert_int_equal(rs_job_drive(job, &buffers, fail_to_fill, NULL, NULL, NULL), RS_IO_ERROR);
    assert_int_equal(rs_job_free(job), RS_DONE);
}

/*
 * Without a callback for one side of the buffers, that side is empty, whatever was there before: burp loads a signature
 * without one for output.
 */
static rs_result stop_second_drain(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    int *const calls = context;
    (void)job;
    assert_null(buffers->next_in);
    assert_int_equal(buffers->avail_in, 0);
    assert_int_equal(buffers->eof_in, 0);
    return ++*calls < 2 ? RS_DONE : RS_IO_ERROR;
}

static rs_result stop_second_fill(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    int *const calls = context;
    (void)job;
    assert_null(buffers->next_out);
    assert_int_equal(buffers->avail_out, 0);
    return ++*calls < 2 ? RS_DONE : RS_IO_ERROR;
}

static void a_drive_uses_no_buffer_that_no_callback_gave(void **state) {
    static char bytes[100];
    rs_buffers_t set = {.next_in = bytes, .avail_in = 50, .eof_in = 1, .next_out = bytes + 50, .avail_out = 50};
    rs_buffers_t poisoned;
    (void)state;
    memset(&poisoned, 0xee, sizeof poisoned);
    for (int i = 0; i < 4; i++) {
        rs_buffers_t buffers = i % 2 ? set : poisoned;
        int calls = 0;
        rs_job_t *const job = rs_sig_begin(10, 8, RS_MD4_SIG_MAGIC);
        if (i < 2)
            (void)rs_job_drive(job, &buffers, NULL, NULL, stop_second_drain, &calls);
        else
            (void)rs_job_drive(job, &buffers, stop_second_fill, &calls, NULL, NULL);
        check_true(calls > 0, "drive %d calls nothing", i);
        assert_int_equal(rs_job_free(job), RS_DONE);
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0);
}

/* After a failed load: report why, free the job, free the signature, complete or not. */
static void burp_frees_the_signature_after_a_failed_load(void **state) {
    static const uint8_t junk[] = "this is not a signature";
    const rd_memory basis = bytes_copy(junk, sizeof junk);
    rd_memory whole = rs_signature_of(&basis, 4, 16, RS_MD4_SIG_MAGIC);
    const rd_memory cases[] = {
        {0}, {.data = whole.data, .size = 3}, {.data = whole.data, .size = 9}, {.data = whole.data, .size = 47}, basis};
    (void)state;
    for (size_t i = 0; i < ITEMS(cases); i++) {
        burp_file *const from = calloc(1, sizeof *from);
        rs_signature_t *signature = NULL;
        assert_non_null(from);
        *from = (burp_file){.bytes = cases[i], .piece = 16384};
        rs_job_t *const job = rs_loadsig_begin(&signature);
        const rs_result result = burp_drive(job, from, NULL);
        check_true(result >= RS_IO_ERROR, "case %zu gives %d", i, (int)result);
        assert_true(strlen(rs_strerror(result)) > 0);
        assert_int_equal(rs_job_free(job), RS_DONE);
        assert_non_null(signature);
        rs_free_sumset(signature);
        free(from);
    }
    bytes_free(&whole);
    free(basis.data);
}

/* The connection was lost before anything came, and the other order. */
static void a_signature_exists_before_its_first_byte(void **state) {
    rs_signature_t *signature = NULL;
    rs_job_t *const job = rs_loadsig_begin(&signature);
    (void)state;
    assert_non_null(signature);
    rs_free_sumset(signature);
    assert_int_equal(rs_job_free(job), RS_DONE);
}

/* ---- csync2 ------------------------------------------------------------------------------------------------------ */

/* The signature as csync2 sends it: made into a temporary file, which is read from its start. */
static rd_memory csync2_signature(const rd_memory *bytes) {
    FILE *const basis = file_of(bytes);
    FILE *const sig = tmpfile();
    assert_non_null(sig);
    assert_int_equal(rs_sig_file(basis, sig, RS_DEFAULT_BLOCK_LEN, 8, RS_MD4_SIG_MAGIC, NULL), RS_DONE);
    (void)fclose(basis);
    (void)fflush(sig);
    rewind(sig);
    rd_memory made = rest_of(sig);
    (void)fclose(sig);
    return made;
}

static rd_memory csync2_delta(const rd_memory *signature_bytes, const rd_memory *new_bytes) {
    FILE *const sig = file_of(signature_bytes);
    FILE *const new_file = file_of(new_bytes);
    FILE *const delta = tmpfile();
    rs_signature_t *signature = NULL;
    rs_stats_t stats;
    assert_non_null(delta);
    assert_int_equal(rs_loadsig_file(sig, &signature, &stats), RS_DONE);
    assert_int_equal(rs_build_hash_table(signature), RS_DONE);
    assert_int_equal(rs_delta_file(signature, new_file, delta, &stats), RS_DONE);
    rs_free_sumset(signature);
    (void)fclose(sig);
    (void)fclose(new_file);
    (void)fflush(delta);
    rewind(delta);
    rd_memory made = rest_of(delta);
    (void)fclose(delta);
    return made;
}

static rd_memory csync2_patched(const rd_memory *basis_bytes, const rd_memory *delta_bytes) {
    FILE *const basis = file_of(basis_bytes);
    FILE *const delta = file_of(delta_bytes);
    FILE *const new_file = tmpfile();
    rs_stats_t stats;
    assert_non_null(new_file);
    assert_int_equal(rs_patch_file(basis, delta, new_file, &stats), RS_DONE);
    assert_int_equal(ftell(new_file), stats.lit_bytes + stats.copy_bytes);
    (void)fclose(basis);
    (void)fclose(delta);
    (void)fflush(new_file);
    rewind(new_file);
    rd_memory made = rest_of(new_file);
    (void)fclose(new_file);
    return made;
}

static void csync2_sends_a_file(void **state) {
    rs_pair pair = rs_pair_new(140, 500000);
    rd_memory signature = csync2_signature(&pair.basis);
    rd_memory delta = csync2_delta(&signature, &pair.new_file);
    rd_memory patched = csync2_patched(&pair.basis, &delta);
    (void)state;
    assert_true(delta.size < pair.new_file.size);
    check_memory(patched, pair.new_file, "patched");
    bytes_free(&patched);
    bytes_free(&delta);
    bytes_free(&signature);
    rs_pair_free(&pair);
}

static void a_patch_fills_the_holes_of_its_basis(void **state) {
    enum { SIZE = 1 << 20 };
    static const uint8_t copy_all[] = {0x72, 0x73, 0x02, 0x36, 0x47, 0, 0, 0x10, 0, 0, 0};
    rd_memory delta_bytes = bytes_copy(copy_all, sizeof copy_all);
    FILE *const basis = tmpfile();
    FILE *const delta = file_of(&delta_bytes);
    FILE *const new_file = tmpfile();
    struct stat status;
    (void)state;
    assert_true(basis && new_file);
    assert_int_equal(ftruncate(fileno(basis), SIZE), 0);
    assert_int_equal(rs_patch_file(basis, delta, new_file, NULL), RS_DONE);
    (void)fflush(new_file);
    assert_int_equal(fstat(fileno(new_file), &status), 0);
    assert_int_equal(status.st_size, SIZE);
    assert_true(status.st_blocks >= SIZE / 512);
    (void)fclose(basis);
    (void)fclose(delta);
    (void)fclose(new_file);
    bytes_free(&delta_bytes);
}

static void md4_text(const rd_memory *bytes, char text[33]) {
    unsigned char sum[16];
    rs_mdfour(sum, bytes->data, bytes->size);
    rs_hexify(text, sum, sizeof sum);
}

/* Two hosts may run two versions: these are the sums of librsync 2.3.2's signatures. */
static void csync2_compares_signatures_of_two_hosts(void **state) {
    static const struct {
        size_t size;
        const char *sum;
    } cases[] = {{0, "7ce5123b1d649af1128068b626c12399"},
                 {1, "5fb0aa249885e853d7b298c88d626ce8"},
                 {2048, "67e79d2490d0aaeccad686d8291e1051"},
                 {100001, "9952ca6d5fe046a63e2364dbb2fe3a3d"}};
    (void)state;
    for (size_t i = 0; i < ITEMS(cases); i++) {
        random_source r = random_from(141);
        rd_memory bytes = bytes_random(&r, cases[i].size, 256);
        rd_memory signature = csync2_signature(&bytes);
        char text[33];
        md4_text(&signature, text);
        assert_string_equal(text, cases[i].sum);
        bytes_free(&signature);
        bytes_free(&bytes);
    }
}

/* Signatures are also sent in the middle of a longer stream. */
static void a_whole_file_call_begins_and_ends_where_the_file_stands(void **state) {
    rs_pair pair = rs_pair_new(142, 70000);
    rd_memory expected = csync2_signature(&pair.new_file);
    rd_memory both = {0};
    (void)state;
    bytes_append(&both, pair.basis.data, pair.basis.size);
    bytes_append(&both, pair.new_file.data, pair.new_file.size);
    FILE *const in = file_of(&both);
    FILE *const out = tmpfile();
    assert_non_null(out);
    for (size_t i = 0; i < pair.basis.size; i++)
        assert_int_equal(fgetc(in), pair.basis.data[i]);
    assert_true(fprintf(out, "header\n") > 0);
    assert_int_equal(rs_sig_file(in, out, RS_DEFAULT_BLOCK_LEN, 8, RS_MD4_SIG_MAGIC, NULL), RS_DONE);
    assert_int_equal(ftell(in), both.size);
    assert_true(fprintf(out, "trailer\n") > 0);
    rewind(out);
    rd_memory made = rest_of(out);
    check_equal(made.size, 7 + expected.size + 8, "size");
    assert_memory_equal(made.data, "header\n", 7);
    assert_memory_equal(made.data + 7, expected.data, expected.size);
    assert_memory_equal(made.data + 7 + expected.size, "trailer\n", 8);
    (void)fclose(in);
    (void)fclose(out);
    bytes_free(&made);
    bytes_free(&both);
    bytes_free(&expected);
    rs_pair_free(&pair);
}

/* ---- rdiff ------------------------------------------------------------------------------------------------------- */

/* An attempt to open a file: in a child, because a failure ends the process. */
typedef struct opening {
    const char *path;
    const char *mode;
    int force;
} opening;

static int opening_messages; /* the end of a pipe */

static void keep_message(rs_loglevel level, const char *message) {
    (void)level;
    (void)!write(opening_messages, message, strlen(message));
}

static int try_to_open(const void *context) {
    const opening *const o = context;
    rs_trace_to(keep_message);
    return rs_file_open(o->path, o->mode, o->force) != NULL;
}

/* rdiff opens its output after its inputs, and does not look at what it gets. */
static void a_file_that_does_not_open_ends_the_process(void **state) {
    const opening openings[] = {
        {"/nonexistent/file", "rb", 0}, {"/nonexistent/file", "wb", 1}, {"/", "wb", 1}, {"/dev/null", "wb", 0}};
    static const char *const texts[] = {
        "librsync: ERROR: (rs_file_open) Error opening \"/nonexistent/file\" for read: No such file or directory\n",
        "librsync: ERROR: (rs_file_open) Error opening \"/nonexistent/file\" for write: No such file or directory\n",
        "librsync: ERROR: (rs_file_open) Error opening \"/\" for write: Is a directory\n",
        "librsync: ERROR: (rs_file_open) File exists \"/dev/null\", aborting!\n"};
    (void)state;
    for (size_t i = 0; i < ITEMS(openings); i++) {
        int ends[2];
        char text[200] = "";
        assert_int_equal(pipe(ends), 0);
        opening_messages = ends[1];
        const int status = in_child((rs_limits){.cpu_seconds = 20}, try_to_open, &openings[i]);
        assert_int_equal(status, RS_EXITED + RS_IO_ERROR);
        (void)close(ends[1]);
        assert_true(read(ends[0], text, sizeof text - 1) > 0);
        (void)close(ends[0]);
        assert_string_equal(text, texts[i]);
    }
}

/* ---- SWUpdate ---------------------------------------------------------------------------------------------------- */

static struct {
    unsigned count;
    unsigned errors;
    char last[1024];
} swupdate_log;

/* Cuts the message at its newline, in place. */
static void swupdate_trace(rs_loglevel level, const char *message) {
    char *const text = (char *)message;
    char *const newline = strchr(text, '\n');
    assert_non_null(newline);
    assert_int_equal(newline[1], 0);
    *newline = 0;
    swupdate_log.count++;
    swupdate_log.errors += level <= RS_LOG_ERR;
    (void)snprintf(swupdate_log.last, sizeof swupdate_log.last, "%s", text);
}

/* An image arrives in chunks. The rest of a chunk stays at the front of the buffer; the end is never signalled. */
static rs_result swupdate_install(rs_job_t *job, const rd_memory *delta, size_t chunk, rd_memory *installed) {
    const size_t room = 32768;
    char *const in = malloc(2 * room);
    char *const out = malloc(room);
    rs_buffers_t buffers = {.next_in = in};
    rs_result result = RS_BLOCKED;
    assert_true(in && out);
    for (size_t at = 0; at < delta->size && result == RS_BLOCKED;) {
        size_t size = delta->size - at < chunk ? delta->size - at : chunk;
        memmove(in, buffers.next_in, buffers.avail_in);
        assert_true(buffers.avail_in + size <= 2 * room); /* or leftover input does not drain */
        memcpy(in + buffers.avail_in, delta->data + at, size);
        buffers.avail_in += size;
        buffers.next_in = in;
        at += size;
        do {
            buffers.next_out = out;
            buffers.avail_out = room;
            result = rs_job_iter(job, &buffers);
            bytes_append(installed, out, room - buffers.avail_out);
        } while (result == RS_BLOCKED && buffers.avail_out == 0);
    }
    free(in);
    free(out);
    return result;
}

static void swupdate_installs_without_ever_telling_the_end(void **state) {
    static const size_t chunks[] = {1, 100, 16384, 32768};
    rs_pair pair = rs_pair_new(150, 300000);
    rd_memory delta = rs_delta_of_pair(&pair, 1024);
    (void)state;
    for (size_t i = 0; i < ITEMS(chunks); i++) {
        rd_memory installed = {0};
        rs_job_t *const job = rs_patch_begin(copy_from_memory, &pair.basis);
        check_equal(swupdate_install(job, &delta, chunks[i], &installed), RS_DONE, "chunks of %zu", chunks[i]);
        check_memory(installed, pair.new_file, "chunks of %zu", chunks[i]);
        assert_int_equal(rs_job_free(job), RS_DONE);
        bytes_free(&installed);
    }
    bytes_free(&delta);
    rs_pair_free(&pair);
}

static void swupdate_logs_in_its_own_words(void **state) {
    const rd_memory junk = {.data = (uint8_t *)"not a delta", .size = 11};
    rd_memory installed = {0};
    rs_job_t *const job = rs_patch_begin(copy_from_memory, &installed);
    (void)state;
    memset(&swupdate_log, 0, sizeof swupdate_log);
    rs_trace_to(swupdate_trace);
    rs_trace_set_level(RS_LOG_DEBUG);
    assert_int_equal(swupdate_install(job, &junk, 4096, &installed), RS_BAD_MAGIC);
    rs_trace_set_level(RS_LOG_ERR);
    rs_trace_to(rs_trace_stderr);
    assert_int_equal(rs_job_free(job), RS_DONE);
    assert_true(swupdate_log.errors > 0);
    assert_true(strlen(swupdate_log.last) > 0);
}

static void a_trace_level_silences_what_is_less_important(void **state) {
    const rd_memory junk = {.data = (uint8_t *)"not a delta", .size = 11};
    (void)state;
    memset(&swupdate_log, 0, sizeof swupdate_log);
    rs_trace_to(swupdate_trace);
    rs_trace_set_level(RS_LOG_CRIT);
    rd_memory nothing = {0};
    assert_int_equal(run_job(rs_patch_begin(copy_from_memory, &nothing), &junk, &nothing), RS_BAD_MAGIC);
    assert_int_equal(swupdate_log.count, 0);
    rs_trace_to(NULL); /* practically none */
    rs_trace_set_level(RS_LOG_DEBUG);
    assert_int_equal(run_job(rs_patch_begin(copy_from_memory, &nothing), &junk, &nothing), RS_BAD_MAGIC);
    assert_int_equal(swupdate_log.count, 0);
    rs_trace_set_level(RS_LOG_ERR);
    rs_trace_to(rs_trace_stderr);
}

/* ---- CFEngine ---------------------------------------------------------------------------------------------------- */

/* Messages of its network hold 4095 bytes; what a job leaves moves to the front and the buffer is filled up. */
enum { MESSAGE_SIZE = 4095 };

static rd_memory cfengine_run(rs_job_t *job, const rd_memory *file) {
    char in[MESSAGE_SIZE];
    char out[MESSAGE_SIZE];
    rs_buffers_t buffers = {.next_in = in};
    rd_memory made = {0};
    rs_result result = RS_BLOCKED;
    size_t at = 0;
    for (int calls = 0; result == RS_BLOCKED; calls++) {
        assert_true(calls < CALLS_MAX);
        memmove(in, buffers.next_in, buffers.avail_in);
        const size_t space = sizeof in - buffers.avail_in;
        const size_t size = file->size - at < space ? file->size - at : space;
        memcpy(in + buffers.avail_in, file->data + at, size);
        at += size;
        buffers.next_in = in;
        buffers.avail_in += size;
        buffers.eof_in = at == file->size;
        buffers.next_out = out;
        buffers.avail_out = sizeof out;
        result = rs_job_iter(job, &buffers);
        bytes_append(&made, out, sizeof out - buffers.avail_out);
    }
    assert_int_equal(result, RS_DONE);
    assert_int_equal(rs_job_free(job), RS_DONE);
    return made;
}

static void cfengine_copies(rs_pair *pair, size_t block_len) {
    rs_magic_number magic = 0;
    size_t strong_len = 0;
    assert_int_equal(rs_sig_args((rs_long_t)pair->basis.size, &magic, &block_len, &strong_len), RS_DONE);
    assert_int_equal(magic, RS_RK_BLAKE2_SIG_MAGIC);
    assert_int_equal(strong_len, RS_BLAKE2_SUM_LENGTH);
    rd_memory signature_bytes = cfengine_run(rs_sig_begin(block_len, strong_len, magic), &pair->basis);
    rs_signature_t *signature = NULL;
    rd_memory nothing = cfengine_run(rs_loadsig_begin(&signature), &signature_bytes);
    assert_int_equal(rs_build_hash_table(signature), RS_DONE);
    rd_memory delta = cfengine_run(rs_delta_begin(signature), &pair->new_file);
    rs_free_sumset(signature);
    rd_memory patched = cfengine_run(rs_patch_begin(copy_from_memory, &pair->basis), &delta);
    check_memory(patched, pair->new_file, "blocks of %zu", block_len);
    assert_int_equal(nothing.size, 0);
    bytes_free(&patched);
    bytes_free(&delta);
    bytes_free(&signature_bytes);
}

static void cfengine_has_messages_shorter_than_a_block(void **state) {
    static const size_t block_lens[] = {0, 1000, 4094, 4095, 4096, 65536, 300000};
    rs_pair pair = rs_pair_new(160, 200000);
    (void)state;
    for (size_t i = 0; i < ITEMS(block_lens); i++)
        cfengine_copies(&pair, block_lens[i]);
    rs_pair_free(&pair);
}

static void recommended_arguments_follow_the_size(void **state) {
    rs_magic_number magic = 0;
    size_t block_len = 0;
    size_t strong_len = 0;
    (void)state;
    assert_int_equal(rs_sig_args(-1, &magic, &block_len, &strong_len), RS_DONE);
    assert_int_equal(block_len, RS_DEFAULT_BLOCK_LEN);
    assert_int_equal(strong_len, 32);
    strong_len = (size_t)-1;
    assert_int_equal(rs_sig_args(-1, &magic, &block_len, &strong_len), RS_DONE);
    assert_int_equal(strong_len, RS_DEFAULT_MIN_STRONG_LEN);
    magic = RS_MD4_SIG_MAGIC;
    strong_len = 17;
    assert_int_equal(rs_sig_args(-1, &magic, &block_len, &strong_len), RS_PARAM_ERROR);
    magic = 0x12345678;
    strong_len = 0;
    assert_int_equal(rs_sig_args(-1, &magic, &block_len, &strong_len), RS_BAD_MAGIC);
}

/* ---- dar --------------------------------------------------------------------------------------------------------- */

/* dar's own copy callback: all that is asked, or less at the end of the basis. */
static rs_result dar_copy(void *context, rs_long_t pos, size_t *len, void **buf) {
    const rd_memory *const basis = context;
    if ((uint64_t)pos > basis->size)
        return RS_IO_ERROR;
    const size_t left = basis->size - (size_t)pos;
    *len = *len < left ? *len : left;
    memcpy(*buf, basis->data + pos, *len);
    return RS_DONE;
}

/* dar's stream: writes of any size; at the end, one buffer is the empty input and the room for output. */
static rd_memory dar_run(rs_job_t *job, const rd_memory *file, size_t room_size) {
    char *const room = malloc(room_size);
    rd_memory made = {0};
    rs_buffers_t buffers = {.next_in = (char *)file->data, .avail_in = file->size};
    rs_result result = RS_BLOCKED;
    assert_non_null(room);
    while (buffers.avail_in > 0 && result == RS_BLOCKED) {
        buffers.next_out = room;
        buffers.avail_out = room_size;
        result = rs_job_iter(job, &buffers);
        bytes_append(&made, room, room_size - buffers.avail_out);
    }
    while (result == RS_BLOCKED) {
        buffers = (rs_buffers_t){.next_in = room, .eof_in = 1, .next_out = room, .avail_out = room_size};
        result = rs_job_iter(job, &buffers);
        assert_true(result == RS_DONE || buffers.avail_out < room_size); /* else it would never end */
        bytes_append(&made, room, room_size - buffers.avail_out);
    }
    assert_int_equal(result, RS_DONE);
    free(room);
    assert_int_equal(rs_job_free(job), RS_DONE);
    return made;
}

static void dar_archives(rs_pair *pair, size_t room_size) {
    rs_signature_t *signature = NULL;
    rd_memory signature_bytes = dar_run(rs_sig_begin(2048, 8, RS_RK_BLAKE2_SIG_MAGIC), &pair->basis, room_size);
    rd_memory nothing = dar_run(rs_loadsig_begin(&signature), &signature_bytes, room_size);
    assert_int_equal(nothing.size, 0);
    assert_int_equal(rs_build_hash_table(signature), RS_DONE);
    rd_memory delta = dar_run(rs_delta_begin(signature), &pair->new_file, room_size);
    rs_free_sumset(signature);
    rd_memory patched = dar_run(rs_patch_begin(dar_copy, &pair->basis), &delta, room_size);
    check_memory(patched, pair->new_file, "%zu bytes, room for %zu", pair->new_file.size, room_size);
    bytes_free(&patched);
    bytes_free(&delta);
    bytes_free(&signature_bytes);
}

static void dar_has_one_buffer_at_the_end(void **state) {
    static const size_t sizes[] = {0, 1, 2048, 50000, 102400};
    static const size_t rooms[] = {1, 7, 4095, 102400};
    (void)state;
    for (size_t i = 0; i < ITEMS(sizes); i++)
        for (size_t o = 0; o < ITEMS(rooms); o++) {
            rs_pair pair = rs_pair_new(170 + i, sizes[i]);
            dar_archives(&pair, rooms[o]);
            rs_pair_free(&pair);
        }
}

/* ---- eckit, kitty ------------------------------------------------------------------------------------------------ */

static rs_job_t *kitty_signature_job(rs_long_t size) {
    rs_magic_number magic = 0;
    size_t block_len = 0;
    size_t strong_len = 0;
    assert_int_equal(rs_sig_args(size, &magic, &block_len, &strong_len), RS_DONE);
    return rs_sig_begin(block_len, strong_len, magic);
}

/* Signature and delta with the whole-file functions, the patch by a stream with input available and little room. */
static void eckit_and_kitty_use_rabinkarp_and_blake2(void **state) {
    rs_pair pair = rs_pair_new(180, 400000);
    FILE *const basis = file_of(&pair.basis);
    FILE *const sig = tmpfile();
    (void)state;
    assert_non_null(sig);
    assert_int_equal(rs_sig_file(basis, sig, 0, 0, RS_RK_BLAKE2_SIG_MAGIC, NULL), RS_DONE);
    rewind(sig);
    rd_memory by_file = rest_of(sig);
    rd_memory by_stream = {0};
    assert_int_equal(run_job(kitty_signature_job((rs_long_t)pair.basis.size), &pair.basis, &by_stream), RS_DONE);
    check_memory(by_stream, by_file, "signatures");
    rd_memory delta = csync2_delta(&by_file, &pair.new_file);
    rd_memory patched = rs_patched(&pair.basis, &delta);
    check_memory(patched, pair.new_file, "patched");
    (void)fclose(basis);
    (void)fclose(sig);
    bytes_free(&patched);
    bytes_free(&delta);
    bytes_free(&by_stream);
    bytes_free(&by_file);
    rs_pair_free(&pair);
}

/* ---- Any program: rs_job_iter, copy callbacks, statistics -------------------------------------------------------- */

/* Input without room for output is taken, until the job has enough; without the end the job waits for more. */
static void little_input_is_absorbed(void **state) {
    rs_pair pair = rs_pair_new(190, 5000);
    rs_job_t *const job = rs_sig_begin(4096, 8, RS_RK_BLAKE2_SIG_MAGIC);
    char room[64];
    rs_buffers_t buffers = {.next_out = room, .avail_out = sizeof room};
    (void)state;
    for (size_t at = 0; at < 4095; at++) {
        buffers.next_in = (char *)pair.basis.data + at;
        buffers.avail_in = 1;
        assert_int_equal(rs_job_iter(job, &buffers), RS_BLOCKED);
        assert_int_equal(buffers.avail_in, 0);
    }
    assert_int_equal(sizeof room - buffers.avail_out, 12); /* the header, and no sum yet */
    assert_int_equal(rs_job_free(job), RS_DONE);
    rs_pair_free(&pair);
}

/* One iteration over `size` bytes, all of which must be taken. Returns the size of its output. */
static size_t step(rs_job_t *job, const uint8_t *data, size_t size) {
    static char room[4 << 20];
    rs_buffers_t buffers = {.next_in = (char *)data, .avail_in = size, .next_out = room, .avail_out = sizeof room};
    assert_int_equal(rs_job_iter(job, &buffers), RS_BLOCKED);
    assert_int_equal(buffers.avail_in, 0);
    return sizeof room - buffers.avail_out;
}

/*
 * burp's server sleeps for a second after each call that gives nothing. In the first MiB the sums of a block come with
 * its last byte; later, each call that completes a block gives some, and no more than those of 16 blocks are missing.
 */
static void the_sums_of_a_block_come_with_its_last_byte(void **state) {
    static const size_t blocks[] = {1, 64, 700, 2048, 5000, 70000, 600000};
    static const size_t pieces[] = {1, 63, 64, 1000, 2048, 4099, 16384, 65536, 300001};
    enum { EXACT = 1 << 20 };
    rs_pair pair = rs_pair_new(192, 3000000);
    (void)state;
    for (size_t b = 0; b < ITEMS(blocks); b++)
        for (size_t p = 0; p < ITEMS(pieces); p++) {
            rs_job_t *const job = rs_sig_begin(blocks[b], 8, RS_RK_BLAKE2_SIG_MAGIC);
            size_t made = 0;
            size_t at = 0;
            for (int calls = 0; calls < 3000 && at + pieces[p] <= pair.basis.size; calls++) {
                const size_t given = step(job, pair.basis.data + at, pieces[p]);
                const bool completes = at / blocks[b] < (at + pieces[p]) / blocks[b];
                const size_t late = at < EXACT ? 0 : 16 * 12;
                made += given;
                at += pieces[p];
                const size_t all = 12 + at / blocks[b] * 12;
                check_true(made <= all && made + late >= all && (given > 0 || !completes),
                           "blocks of %zu, %zu bytes of %zu each: %zu of %zu", blocks[b], at, pieces[p], made, all);
            }
            assert_int_equal(rs_job_free(job), RS_DONE);
        }
    rs_pair_free(&pair);
}

static void each_call_gives_its_literal_if_there_is_no_basis(void **state) {
    static const size_t pieces[] = {1, 64, 1000, 16384, 65535};
    rs_pair pair = rs_pair_new(193, 300000);
    (void)state;
    for (size_t p = 0; p < ITEMS(pieces); p++) {
        rs_job_t *const job = rs_delta_begin(NULL);
        for (size_t at = 0; at + pieces[p] <= pair.new_file.size; at += pieces[p])
            check_true(step(job, pair.new_file.data + at, pieces[p]) > pieces[p], "byte %zu, pieces of %zu", at,
                       pieces[p]);
        assert_int_equal(rs_job_free(job), RS_DONE);
    }
    rs_pair_free(&pair);
}

static void a_call_without_movement_is_an_error(void **state) {
    rd_memory nothing = {0};
    char data[4] = "more";
    char room[64];
    rs_job_t *const job = rs_sig_begin(64, 8, RS_RK_BLAKE2_SIG_MAGIC);
    rs_buffers_t buffers = {.eof_in = 1, .next_out = room, .avail_out = sizeof room};
    (void)state;
    assert_int_equal(rs_job_iter(job, &buffers), RS_DONE);
    buffers.next_in = data;
    buffers.avail_in = sizeof data;
    assert_int_equal(rs_job_iter(job, &buffers), RS_INTERNAL_ERROR);
    assert_int_equal(rs_job_free(job), RS_DONE);
    bytes_free(&nothing);
}

static void a_delta_against_nothing_is_one_of_literals(void **state) {
    rs_pair pair = rs_pair_new(191, 200000);
    rd_memory basis = {0};
    rd_memory delta = rs_delta_of(NULL, &pair.new_file);
    rd_memory patched = rs_patched(&basis, &delta);
    (void)state;
    check_memory(patched, pair.new_file, "patched");
    bytes_free(&patched);
    bytes_free(&delta);
    rs_pair_free(&pair);
}

/* Not even bytes that librsync's readers ignore: programs compare, hash and concatenate deltas. */
static void nothing_follows_the_end_of_a_delta(void **state) {
    static const uint8_t expected[] = {0x72, 0x73, 0x02, 0x36, 3, 'a', 'b', 'c', 0};
    rd_memory basis = bytes_copy("another", 7);
    rd_memory new_file = bytes_copy("abc", 3);
    rd_memory bytes = rs_signature_of(&basis, 64, 0, RS_RK_BLAKE2_SIG_MAGIC);
    rs_signature_t *const signature = rs_loaded(&bytes);
    rd_memory by_job = rs_delta_of(signature, &new_file);
    FILE *const in = file_of(&new_file);
    FILE *const out = tmpfile();
    (void)state;
    assert_non_null(out);
    assert_int_equal(rs_delta_file(signature, in, out, NULL), RS_DONE);
    rewind(out);
    rd_memory by_file = rest_of(out);
    check_bytes(by_job.data, by_job.size, expected, sizeof expected, "job");
    check_bytes(by_file.data, by_file.size, expected, sizeof expected, "file");
    (void)fclose(in);
    (void)fclose(out);
    rs_free_sumset(signature);
    bytes_free(&by_file);
    bytes_free(&by_job);
    bytes_free(&bytes);
    bytes_free(&new_file);
    bytes_free(&basis);
}

/* What a callback does with a copy of ten bytes, in order of its calls. */
typedef struct scripted_copy {
    const uint8_t *own;
    rs_result result;
    size_t most;
    int calls;
} scripted_copy;

static rs_result copy_as_told(void *context, rs_long_t pos, size_t *len, void **buf) {
    scripted_copy *const script = context;
    script->calls++;
    *len = *len < script->most ? *len : script->most;
    if (script->own)
        *buf = (void *)(script->own + pos);
    else
        memset(*buf, 'x', *len);
    return script->result;
}

/* A delta that copies ten bytes from the start of the basis. */
static const uint8_t copy_ten[] = {'r', 's', 2, '6', 0x45, 0, 10, 0};

static rs_result patch_ten(scripted_copy *script, rd_memory *made) {
    const rd_memory delta = {.data = (uint8_t *)copy_ten, .size = sizeof copy_ten};
    return run_job(rs_patch_begin(copy_as_told, script), &delta, made);
}

static void a_copy_callback_may_bring_its_own_buffer(void **state) {
    scripted_copy script = {.own = (const uint8_t *)"0123456789", .result = RS_DONE, .most = 10};
    rd_memory made = {0};
    (void)state;
    assert_int_equal(patch_ten(&script, &made), RS_DONE);
    check_bytes(made.data, made.size, script.own, 10, "own buffer");
    bytes_free(&made);
}

static void a_copy_callback_may_give_less_and_is_asked_again(void **state) {
    scripted_copy script = {.own = (const uint8_t *)"0123456789", .result = RS_DONE, .most = 3};
    rd_memory made = {0};
    (void)state;
    assert_int_equal(patch_ten(&script, &made), RS_DONE);
    assert_int_equal(script.calls, 4);
    check_bytes(made.data, made.size, script.own, 10, "in parts");
    bytes_free(&made);
}

static void the_failure_of_a_copy_callback_is_that_of_the_job(void **state) {
    static const rs_result failures[] = {RS_IO_ERROR, RS_MEM_ERROR, RS_INPUT_ENDED, RS_CORRUPT, RS_PARAM_ERROR};
    (void)state;
    for (size_t i = 0; i < ITEMS(failures); i++) {
        scripted_copy script = {.result = failures[i], .most = 10};
        rd_memory made = {0};
        check_equal(patch_ten(&script, &made), failures[i], "failure %zu", i);
        assert_int_equal(made.size, 0);
        bytes_free(&made);
    }
}

static rs_result copy_blocked_first(void *context, rs_long_t pos, size_t *len, void **buf) {
    scripted_copy *const script = context;
    if (script->calls == 0) {
        script->calls++;
        return RS_BLOCKED;
    }
    return copy_as_told(context, pos, len, buf);
}

static void a_blocked_copy_callback_is_asked_again(void **state) {
    scripted_copy script = {.own = (const uint8_t *)"0123456789", .result = RS_DONE, .most = 10};
    const rd_memory delta = {.data = (uint8_t *)copy_ten, .size = sizeof copy_ten};
    rd_memory made = {0};
    (void)state;
    assert_int_equal(run_job(rs_patch_begin(copy_blocked_first, &script), &delta, &made), RS_DONE);
    assert_int_equal(script.calls, 2);
    check_bytes(made.data, made.size, script.own, 10, "blocked first");
    bytes_free(&made);
}

static void statistics_tell_what_was_done(void **state) {
    rs_pair pair = rs_pair_new(192, 100000);
    rs_stats_t stats;
    char text[200];
    FILE *const basis = file_of(&pair.basis);
    FILE *const sig = tmpfile();
    (void)state;
    assert_non_null(sig);
    assert_int_equal(rs_sig_file(basis, sig, 1000, 8, RS_MD4_SIG_MAGIC, &stats), RS_DONE);
    assert_string_equal(stats.op, "signature");
    assert_int_equal(stats.in_bytes, 100000);
    assert_int_equal(stats.out_bytes, 12 + 100 * 12);
    assert_int_equal(stats.sig_blocks, 100);
    assert_int_equal(stats.block_len, 1000);
    assert_true(stats.start <= stats.end && stats.start > 0);
    assert_ptr_equal(rs_format_stats(&stats, text, sizeof text), text);
    assert_non_null(strstr(text, "signature"));
    (void)fclose(basis);
    (void)fclose(sig);
    rs_pair_free(&pair);
}

/* burp and others keep the pointer and read the statistics when the job is done. */
static void statistics_of_a_job_fill_while_it_runs(void **state) {
    rs_pair pair = rs_pair_new(193, 100000);
    rd_memory delta = rs_delta_of_pair(&pair, 500);
    rs_job_t *const job = rs_patch_begin(copy_from_memory, &pair.basis);
    const rs_stats_t *const stats = rs_job_statistics(job);
    rd_memory made = cycle_to_end(job, &delta);
    (void)state;
    assert_string_equal(stats->op, "patch");
    assert_int_equal(stats->lit_bytes + stats->copy_bytes, made.size);
    assert_int_equal(4 + stats->lit_cmdbytes + stats->lit_bytes + stats->copy_cmdbytes + 1, delta.size);
    assert_ptr_equal(rs_job_statistics(job), stats);
    (void)rs_job_free(job);
    bytes_free(&made);
    bytes_free(&delta);
    rs_pair_free(&pair);
}

/* ---- Several threads --------------------------------------------------------------------------------------------- */

typedef struct thread_work {
    pthread_t thread;
    rs_signature_t *signature;
    rd_memory new_file;
    rd_memory delta;
    bool by_files;
    rs_result result;
} thread_work;

/* The assertions of cmocka work in its own thread only. */
static void *delta_in_a_thread(void *context) {
    thread_work *const w = context;
    FILE *const new_file = w->by_files ? tmpfile() : NULL;
    FILE *const delta = w->by_files ? tmpfile() : NULL;
    if (!w->by_files)
        w->result = run_job(rs_delta_begin(w->signature), &w->new_file, &w->delta);
    else if (!new_file || !delta || fwrite(w->new_file.data, 1, w->new_file.size, new_file) != w->new_file.size)
        w->result = RS_IO_ERROR;
    else {
        rewind(new_file);
        w->result = rs_delta_file(w->signature, new_file, delta, NULL);
        rewind(delta);
        w->delta = rest_of(delta);
    }
    if (new_file)
        (void)fclose(new_file);
    if (delta)
        (void)fclose(delta);
    return NULL;
}

static void one_signature_serves_several_threads(void **state) {
    thread_work work[4] = {0};
    rs_pair pair = rs_pair_new(150, 300000);
    rd_memory bytes = rs_signature_of(&pair.basis, 500, 0, RS_RK_BLAKE2_SIG_MAGIC);
    rs_signature_t *const signature = rs_loaded(&bytes);
    (void)state;
    for (size_t i = 0; i < ITEMS(work); i++) {
        random_source r = random_from(151 + i);
        work[i] = (thread_work){.signature = signature, .by_files = i % 2 != 0};
        work[i].new_file = bytes_edited(&r, &pair.basis, 250000, 256);
    }
    for (size_t i = 0; i < ITEMS(work); i++)
        assert_int_equal(pthread_create(&work[i].thread, NULL, delta_in_a_thread, &work[i]), 0);
    for (size_t i = 0; i < ITEMS(work); i++)
        assert_int_equal(pthread_join(work[i].thread, NULL), 0);
    for (size_t i = 0; i < ITEMS(work); i++) {
        assert_int_equal(work[i].result, RS_DONE);
        rd_memory patched = rs_patched(&pair.basis, &work[i].delta);
        check_memory(patched, work[i].new_file, "thread %zu", i);
        bytes_free(&patched);
        bytes_free(&work[i].delta);
        bytes_free(&work[i].new_file);
    }
    rs_free_sumset(signature);
    bytes_free(&bytes);
    rs_pair_free(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_is_the_one_meant),
        cmocka_unit_test(a_backup_cycles_jobs_with_64_kib_buffers),
        cmocka_unit_test(a_backup_may_use_blocks_longer_than_its_buffers),
        cmocka_unit_test(a_delta_may_be_given_up_after_its_signature),
        cmocka_unit_test(burp_calls_again_when_a_callback_blocked),
        cmocka_unit_test(a_drive_ends_with_the_failure_of_a_callback),
        cmocka_unit_test(a_drive_uses_no_buffer_that_no_callback_gave),
        cmocka_unit_test(burp_frees_the_signature_after_a_failed_load),
        cmocka_unit_test(a_signature_exists_before_its_first_byte),
        cmocka_unit_test(csync2_sends_a_file),
        cmocka_unit_test(a_patch_fills_the_holes_of_its_basis),
        cmocka_unit_test(csync2_compares_signatures_of_two_hosts),
        cmocka_unit_test(a_whole_file_call_begins_and_ends_where_the_file_stands),
        cmocka_unit_test(a_file_that_does_not_open_ends_the_process),
        cmocka_unit_test(swupdate_installs_without_ever_telling_the_end),
        cmocka_unit_test(swupdate_logs_in_its_own_words),
        cmocka_unit_test(a_trace_level_silences_what_is_less_important),
        cmocka_unit_test(cfengine_has_messages_shorter_than_a_block),
        cmocka_unit_test(recommended_arguments_follow_the_size),
        cmocka_unit_test(dar_has_one_buffer_at_the_end),
        cmocka_unit_test(eckit_and_kitty_use_rabinkarp_and_blake2),
        cmocka_unit_test(little_input_is_absorbed),
        cmocka_unit_test(the_sums_of_a_block_come_with_its_last_byte),
        cmocka_unit_test(each_call_gives_its_literal_if_there_is_no_basis),
        cmocka_unit_test(a_call_without_movement_is_an_error),
        cmocka_unit_test(a_delta_against_nothing_is_one_of_literals),
        cmocka_unit_test(nothing_follows_the_end_of_a_delta),
        cmocka_unit_test(a_copy_callback_may_bring_its_own_buffer),
        cmocka_unit_test(a_copy_callback_may_give_less_and_is_asked_again),
        cmocka_unit_test(the_failure_of_a_copy_callback_is_that_of_the_job),
        cmocka_unit_test(a_blocked_copy_callback_is_asked_again),
        cmocka_unit_test(statistics_tell_what_was_done),
        cmocka_unit_test(statistics_of_a_job_fill_while_it_runs),
        cmocka_unit_test(one_signature_serves_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
