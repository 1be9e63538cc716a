/*
 * What librsync 2.3 gets wrong and this library must not: a test for each. The comment above a test says what librsync
 * 2.3.2 did when the test ran on it (LD_LIBRARY_PATH, one test at a time). What may crash, spin or use up memory runs
 * in a child under limits; those of processor time are many times what is needed, and do not test speed.
 */
#define _GNU_SOURCE
#include "rs_support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MIB ((size_t)1 << 20)

static const rs_limits little_memory = {.cpu_seconds = 60, .memory = 128 * MIB};
static const rs_limits little_time = {.cpu_seconds = 20};

static bool is_failure(int result) {
    return result >= RS_IO_ERROR && result <= RS_PARAM_ERROR;
}

/* ---- Headers that claim much ------------------------------------------------------------------------------------- */

enum { HEADER_SIZE = 12 };

static void put_header(uint8_t *to, rs_magic_number magic, uint32_t block_len, uint32_t strong_len) {
    put_be32(to, (uint32_t)magic);
    put_be32(to + 4, block_len);
    put_be32(to + 8, strong_len);
}

/* Feeds a job in the child; `out` is thrown away. */
static rs_result feed(rs_job_t *job, const void *data, size_t size, bool end) {
    static char room[65536];
    rs_buffers_t buffers = {.next_in = (char *)data, .avail_in = size, .eof_in = end};
    rs_result result;
    do {
        buffers.next_out = room;
        buffers.avail_out = sizeof room;
        result = rs_job_iter(job, &buffers);
    } while (result == RS_BLOCKED && (end || buffers.avail_in > 0));
    return result;
}

static const char short_file[] = "a new file that is much shorter than the block";

static rd_memory signature_of_one_block(uint32_t block_len) {
    static uint8_t bytes[HEADER_SIZE + 4 + 32];
    put_header(bytes, RS_RK_BLAKE2_SIG_MAGIC, block_len, 32);
    return (rd_memory){.data = bytes, .size = sizeof bytes};
}

/* A delta of a few bytes against a block of this length, by jobs. */
static int delta_by_jobs(const void *context) {
    const uint32_t *const block_len = context;
    const rd_memory bytes = signature_of_one_block(*block_len);
    rs_signature_t *signature = NULL;
    rs_job_t *const load = rs_loadsig_begin(&signature);
    rs_result result = feed(load, bytes.data, bytes.size, true);
    (void)rs_job_free(load);
    if (result == RS_DONE)
        result = rs_build_hash_table(signature);
    if (result == RS_DONE) {
        rs_job_t *const delta = rs_delta_begin(signature);
        result = feed(delta, short_file, sizeof short_file, true);
        (void)rs_job_free(delta);
    }
    rs_free_sumset(signature);
    return (int)result;
}

/* The same with files. */
static int delta_by_files(const void *context) {
    const uint32_t *const block_len = context;
    const rd_memory bytes = signature_of_one_block(*block_len);
    rs_signature_t *signature = NULL;
    FILE *const sig = tmpfile();
    FILE *const new_file = tmpfile();
    FILE *const delta = tmpfile();
    if (!sig || !new_file || !delta || fwrite(bytes.data, 1, bytes.size, sig) != bytes.size ||
        fputs(short_file, new_file) < 0)
        return 255;
    rewind(sig);
    rewind(new_file);
    rs_result result = rs_loadsig_file(sig, &signature, NULL);
    if (result == RS_DONE)
        result = rs_build_hash_table(signature);
    if (result == RS_DONE)
        result = rs_delta_file(signature, new_file, delta, NULL);
    return (int)result;
}

/* 2.3.2: rs_delta_file asks for a buffer of some blocks, and aborts the process when there is none. */
static void a_huge_block_length_takes_no_memory(void **state) {
    static const uint32_t block_lens[] = {0x10000000, 0x40000000, 0x7fffffff};
    (void)state;
    for (size_t i = 0; i < ITEMS(block_lens); i++) {
        check_equal(in_child(little_memory, delta_by_jobs, &block_lens[i]), RS_DONE, "%x", block_lens[i]);
        check_equal(in_child(little_memory, delta_by_files, &block_lens[i]), RS_DONE, "%x", block_lens[i]);
    }
}

/* 2.3.2: the same result. */
static void an_impossible_block_length_is_corrupt(void **state) {
    static const uint32_t block_lens[] = {0, 0x80000000, 0xffffffff};
    (void)state;
    for (size_t i = 0; i < ITEMS(block_lens); i++) {
        check_equal(in_child(little_memory, delta_by_jobs, &block_lens[i]), RS_CORRUPT, "%x", block_lens[i]);
        check_equal(in_child(little_memory, delta_by_files, &block_lens[i]), RS_CORRUPT, "%x", block_lens[i]);
    }
}

/* Indexes a signature that nothing was loaded into, and makes a delta if that is allowed. */
static int index_unloaded(const void *context) {
    rs_signature_t *signature = NULL;
    rs_job_t *const load = rs_loadsig_begin(&signature);
    (void)context;
    rs_result result = rs_build_hash_table(signature);
    (void)rs_job_free(load);
    if (result == RS_DONE) {
        rs_job_t *const delta = rs_delta_begin(signature);
        result = feed(delta, short_file, sizeof short_file, true);
        (void)rs_job_free(delta);
    }
    rs_free_sumset(signature);
    return (int)result;
}

/* 2.3.2: an assertion ends the process. */
static void an_unloaded_signature_does_not_end_the_process(void **state) {
    (void)state;
    const int result = in_child(little_memory, index_unloaded, NULL);
    check_true(result == RS_DONE || is_failure(result), "gives %d", result);
}

/* ---- Memory that ends -------------------------------------------------------------------------------------------- */

/* A signature of endless blocks, in chunks. */
static int load_until_memory_ends(const void *context) {
    static uint8_t piece[36000];
    rs_signature_t *signature = NULL;
    random_source r = random_from(300);
    (void)context;
    put_header(piece, RS_RK_BLAKE2_SIG_MAGIC, 2048, 32);
    rs_job_t *const job = rs_loadsig_begin(&signature);
    rs_result result = feed(job, piece, HEADER_SIZE, false);
    for (size_t i = 0; i < 10000 && result == RS_BLOCKED; i++) {
        random_fill(&r, piece, (size_t)36 * 20, 256);
        result = feed(job, piece, sizeof piece, false);
    }
    (void)rs_job_free(job);
    rs_free_sumset(signature);
    return (int)result;
}

/* 2.3.2: says "couldn't reallocate" and aborts the process. */
static void memory_that_ends_is_a_result(void **state) {
    (void)state;
    if (!RS_SANITIZED)
        assert_int_equal(in_child(little_memory, load_until_memory_ends, NULL), RS_MEM_ERROR);
}

typedef enum job_kind { SIGNATURE_JOB, LOADSIG_JOB, DELTA_JOB, PATCH_JOB } job_kind;

static rs_result copy_nothing(void *context, rs_long_t pos, size_t *len, void **buf);

static rs_job_t *begin_job(job_kind kind, rs_signature_t **signature) {
    switch (kind) {
    case SIGNATURE_JOB: return rs_sig_begin(64, 0, RS_RK_BLAKE2_SIG_MAGIC);
    case LOADSIG_JOB: return rs_loadsig_begin(signature);
    case DELTA_JOB: return rs_delta_begin(NULL);
    default: return rs_patch_begin(copy_nothing, NULL);
    }
}

/* Takes all memory to the last few bytes, then creates a job. A job that cannot be created is NULL. */
static int job_without_memory(const void *context) {
    const job_kind *const kind = context;
    const size_t least = 16;
    rs_signature_t *signature = NULL;
    for (size_t size = 64 * MIB; size >= least; size /= 2)
        while (malloc(size))
            ;
    rs_job_t *const job = begin_job(*kind, &signature);
    return job ? (int)feed(job, "input", 5, true) : RS_MEM_ERROR;
}

/* 2.3.2: says "couldn't allocate" and aborts the process. */
static void no_memory_at_all_is_a_result(void **state) {
    static const job_kind kinds[] = {SIGNATURE_JOB, LOADSIG_JOB, DELTA_JOB, PATCH_JOB};
    (void)state;
    for (size_t i = 0; i < ITEMS(kinds) && !RS_SANITIZED; i++)
        check_equal(in_child(little_memory, job_without_memory, &kinds[i]), RS_MEM_ERROR, "job %zu", i);
}

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

static int signature_with_block_length(const void *context) {
    const size_t *const block_len = context;
    rs_job_t *const job = rs_sig_begin(*block_len, 0, RS_RK_BLAKE2_SIG_MAGIC);
    if (!job)
        return RS_PARAM_ERROR;
    const rs_result result = feed(job, "basis", 5, true);
    (void)rs_job_free(job);
    return (int)result;
}

/* `rdiff -b -5`. 2.3.2: an assertion ends the process. */
static void a_negative_block_length_is_an_error(void **state) {
    static const size_t block_lens[] = {(size_t)-5, (size_t)-1, (size_t)1 << 40};
    (void)state;
    for (size_t i = 0; i < ITEMS(block_lens); i++) {
        const int result = in_child(little_memory, signature_with_block_length, &block_lens[i]);
        check_true(is_failure(result), "%zx gives %d", block_lens[i], result);
    }
}

static int signature_file_with_buffers_of(const void *context) {
    const int *const length = context;
    FILE *const basis = tmpfile();
    FILE *const signature = tmpfile();
    if (!basis || !signature || fputs("basis", basis) < 0)
        return 255;
    rewind(basis);
    rs_inbuflen = *length;
    rs_outbuflen = *length;
    return (int)rs_sig_file(basis, signature, 64, 0, RS_RK_BLAKE2_SIG_MAGIC, NULL);
}

/* `rdiff -I -5`: the lengths are hints. 2.3.2: finds no such buffer and aborts the process. */
static void a_negative_buffer_length_does_no_harm(void **state) {
    static const int lengths[] = {-5, -1, INT32_MIN, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < ITEMS(lengths); i++) {
        const int result = in_child(little_memory, signature_file_with_buffers_of, &lengths[i]);
        check_true(result == RS_DONE || is_failure(result), "%d gives %d", lengths[i], result);
    }
}

/* ---- Equal weak sums --------------------------------------------------------------------------------------------- */

/* Blocks whose weak sums are all that of zeros; the strong sums differ, and none is that of zeros. */
static rd_memory crafted_signature(uint32_t blocks) {
    rd_memory zeros = {.data = calloc(1, 64), .size = 64};
    rd_memory honest = rs_signature_of(&zeros, 64, 16, RS_MD4_SIG_MAGIC);
    rd_memory crafted = {0};
    random_source r = random_from(301);
    bytes_append(&crafted, honest.data, HEADER_SIZE);
    for (uint32_t i = 0; i < blocks; i++) {
        uint8_t strong[16];
        random_fill(&r, strong, sizeof strong, 256);
        bytes_append(&crafted, honest.data + HEADER_SIZE, 4);
        bytes_append(&crafted, strong, sizeof strong);
    }
    bytes_free(&honest);
    free(zeros.data);
    return crafted;
}

static int delta_of_zeros_against(const void *context) {
    const rd_memory *const crafted = context;
    static const char zeros[200000];
    rs_signature_t *signature = NULL;
    rs_job_t *const load = rs_loadsig_begin(&signature);
    rs_result result = feed(load, crafted->data, crafted->size, true);
    (void)rs_job_free(load);
    if (result == RS_DONE)
        result = rs_build_hash_table(signature);
    if (result == RS_DONE) {
        rs_job_t *const delta = rs_delta_begin(signature);
        result = feed(delta, zeros, sizeof zeros, true);
        (void)rs_job_free(delta);
    }
    rs_free_sumset(signature);
    return (int)result;
}

/* 2.3.2: still working when its 20 s of processor time were over. */
static void equal_weak_sums_take_no_square_of_time(void **state) {
    rd_memory crafted = crafted_signature(300000);
    (void)state;
    assert_int_equal(in_child(little_time, delta_of_zeros_against, &crafted), RS_DONE);
    bytes_free(&crafted);
}

/* ---- Output that fails ------------------------------------------------------------------------------------------- */

static FILE *full_device(void) {
    FILE *const full = fopen("/dev/full", "wb");
    assert_non_null(full);
    return full;
}

/* 2.3.2: RS_DONE. */
static void a_full_device_is_told(void **state) {
    rs_pair pair = rs_pair_new(302, 500);
    rd_memory signature_bytes = rs_signature_of(&pair.basis, 64, 0, RS_RK_BLAKE2_SIG_MAGIC);
    rs_signature_t *const signature = rs_loaded(&signature_bytes);
    rd_memory delta_bytes = rs_delta_of(signature, &pair.new_file);
    FILE *const basis = file_of(&pair.basis);
    FILE *const new_file = file_of(&pair.new_file);
    FILE *const delta = file_of(&delta_bytes);
    FILE *full = full_device();
    (void)state;
    assert_int_equal(rs_sig_file(basis, full, 64, 0, RS_RK_BLAKE2_SIG_MAGIC, NULL), RS_IO_ERROR);
    (void)fclose(full);
    full = full_device();
    assert_int_equal(rs_delta_file(signature, new_file, full, NULL), RS_IO_ERROR);
    (void)fclose(full);
    full = full_device();
    assert_int_equal(rs_patch_file(basis, delta, full, NULL), RS_IO_ERROR);
    (void)fclose(full);
    (void)fclose(basis);
    (void)fclose(new_file);
    (void)fclose(delta);
    rs_free_sumset(signature);
    bytes_free(&delta_bytes);
    bytes_free(&signature_bytes);
    rs_pair_free(&pair);
}

/* ---- Output that is also input ----------------------------------------------------------------------------------- */

/* A directory with nothing in it, for the paths of a test. */
typedef struct scratch {
    char directory[32];
    char path[64];
} scratch;

static scratch scratch_new(void) {
    scratch s = {.directory = "/tmp/redelta-defects-XXXXXX"};
    assert_non_null(mkdtemp(s.directory));
    (void)snprintf(s.path, sizeof s.path, "%s/file", s.directory);
    return s;
}

static void scratch_free(const scratch *s) {
    (void)unlink(s->path);
    assert_int_equal(rmdir(s->directory), 0);
}

static void write_to(const char *path, const rd_memory *bytes) {
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    assert_int_equal(fclose(file), 0);
}

static void check_file(const char *path, const rd_memory *bytes) {
    FILE *const file = fopen(path, "rb");
    assert_non_null(file);
    rd_memory found = rest_of(file);
    (void)fclose(file);
    check_memory(found, *bytes, "%s", path);
    bytes_free(&found);
}

/* A delta that puts the second half of the basis before the first: written over the basis, it reads its own output. */
static rd_memory swapping_delta(uint32_t half) {
    uint8_t bytes[4 + 9 + 9 + 1] = {'r', 's', 2, '6'};
    bytes[4] = bytes[13] = 0x4f; /* a copy, offset and length of four bytes each */
    put_be32(bytes + 5, half);
    put_be32(bytes + 9, half);
    put_be32(bytes + 18, half);
    return bytes_copy(bytes, sizeof bytes);
}

/* 2.3.2: RS_DONE, and half of the file is neither old nor new. */
static void a_patch_onto_its_basis_is_refused(void **state) {
    const scratch s = scratch_new();
    rs_pair pair = rs_pair_new(303, 400000);
    rd_memory delta_bytes = swapping_delta(200000);
    (void)state;
    write_to(s.path, &pair.basis);
    FILE *const basis = fopen(s.path, "rb");
    FILE *const delta = file_of(&delta_bytes);
    FILE *const new_file = fopen(s.path, "r+b");
    assert_true(basis && new_file);
    assert_true(is_failure((int)rs_patch_file(basis, delta, new_file, NULL)));
    (void)fclose(new_file);
    (void)fclose(delta);
    (void)fclose(basis);
    check_file(s.path, &pair.basis);
    bytes_free(&delta_bytes);
    rs_pair_free(&pair);
    scratch_free(&s);
}

/* 2.3.2: RS_DONE, and the delta is gone. */
static void a_patch_onto_its_delta_is_refused(void **state) {
    const scratch s = scratch_new();
    rs_pair pair = rs_pair_new(304, 400000);
    rd_memory delta_bytes = rs_delta_of_pair(&pair, 512);
    (void)state;
    write_to(s.path, &delta_bytes);
    FILE *const basis = file_of(&pair.basis);
    FILE *const delta = fopen(s.path, "rb");
    FILE *const new_file = fopen(s.path, "r+b");
    assert_true(delta && new_file);
    assert_true(is_failure((int)rs_patch_file(basis, delta, new_file, NULL)));
    (void)fclose(new_file);
    (void)fclose(delta);
    (void)fclose(basis);
    check_file(s.path, &delta_bytes);
    bytes_free(&delta_bytes);
    rs_pair_free(&pair);
    scratch_free(&s);
}

/* ---- Opening files ----------------------------------------------------------------------------------------------- */

typedef struct to_open {
    const char *path;
    const char *mode;
    int force;
} to_open;

/* 0 if it opens, else 1. */
static int try_to_open(const void *context) {
    const to_open *const what = context;
    FILE *const file = rs_file_open(what->path, what->mode, what->force);
    return !file || rs_file_close(file) != 0;
}

/* 2.3.2: creates the file that the link names. */
static void a_link_to_nowhere_is_an_existing_output(void **state) {
    const scratch s = scratch_new();
    const to_open link = {s.path, "wb", 0};
    char target[64];
    (void)state;
    (void)snprintf(target, sizeof target, "%s/target", s.directory);
    assert_int_equal(symlink(target, s.path), 0);
    const int refused = in_child(little_time, try_to_open, &link);
    const int created = unlink(target) == 0;
    scratch_free(&s);
    assert_int_equal(created, 0);
    assert_int_equal(refused, RS_EXITED + RS_IO_ERROR);
}

/* Several processes open the same name at once, as soon as the pipe is closed. Returns how many could. */
static int open_together(const to_open *what, int racers) {
    int go[2];
    int opened = 0;
    assert_int_equal(pipe(go), 0);
    (void)fflush(NULL);
    for (int i = 0; i < racers; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            char none;
            (void)close(go[1]);
            const ssize_t got = read(go[0], &none, 1);
            _exit(got == 0 && rs_file_open(what->path, what->mode, what->force) ? 0 : 1);
        }
    }
    (void)close(go[0]);
    (void)close(go[1]);
    for (int i = 0; i < racers; i++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        opened += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return opened;
}

/* 2.3.2: in the third round two processes had it. */
static void one_of_several_creates_an_output(void **state) {
    const scratch s = scratch_new();
    const to_open what = {s.path, "wb", 0};
    (void)state;
    rs_trace_to(NULL);
    for (int round = 0; round < 100; round++) {
        const int opened = open_together(&what, 8);
        assert_int_equal(unlink(s.path), 0);
        check_equal(opened, 1, "round %d", round);
    }
    rs_trace_to(rs_trace_stderr);
    scratch_free(&s);
}

/* ---- Copy callbacks ---------------------------------------------------------------------------------------------- */

/* Done with nothing, forever. */
static rs_result copy_nothing(void *context, rs_long_t pos, size_t *len, void **buf) {
    (void)context, (void)pos, (void)buf;
    *len = 0;
    return RS_DONE;
}

/* The bytes of a basis of ten bytes; done with nothing at its end. */
static rs_result copy_of_ten(void *context, rs_long_t pos, size_t *len, void **buf) {
    static const char basis[] = "0123456789";
    (void)context;
    const size_t left = pos < 10 ? 10 - (size_t)pos : 0;
    *len = *len < left ? *len : left;
    memcpy(*buf, basis + 10 - left, *len);
    return RS_DONE;
}

typedef struct to_copy {
    rs_copy_cb *copy;
    uint8_t from;
} to_copy;

/* A patch of one copy of ten bytes. */
static int patch_with(const void *context) {
    const to_copy *const what = context;
    const uint8_t delta[] = {'r', 's', 2, '6', 0x45, what->from, 10, 0};
    rs_job_t *const job = rs_patch_begin(what->copy, NULL);
    const rs_result result = feed(job, delta, sizeof delta, true);
    (void)rs_job_free(job);
    return (int)result;
}

/* 2.3.2: asks it forever. */
static void a_copy_callback_that_gives_nothing_is_an_error(void **state) {
    const to_copy nothing = {copy_nothing, 0};
    (void)state;
    const int result = in_child(little_time, patch_with, &nothing);
    check_true(is_failure(result), "gives %d", result);
}

/* 2.3.2: asks forever, across the end and beyond it. */
static void a_copy_past_the_end_of_the_basis_is_an_error(void **state) {
    const to_copy inside = {copy_of_ten, 0};
    const to_copy across = {copy_of_ten, 5};
    const to_copy outside = {copy_of_ten, 50};
    (void)state;
    assert_int_equal(in_child(little_time, patch_with, &inside), RS_DONE);
    const int crossing = in_child(little_time, patch_with, &across);
    check_true(is_failure(crossing), "gives %d", crossing);
    const int beyond = in_child(little_time, patch_with, &outside);
    check_true(is_failure(beyond), "gives %d", beyond);
}

/* ---- Drives ------------------------------------------------------------------------------------------------------ */

/* Room for one byte; blocked in every third call that has one to take. */
typedef struct narrow_output {
    rd_memory taken;
    char room[1];
    int calls;
} narrow_output;

static rs_result end_input(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    (void)job, (void)context;
    buffers->eof_in = 1;
    return RS_DONE;
}

static rs_result take_a_byte(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    narrow_output *const output = context;
    (void)job;
    if (buffers->next_out > output->room) {
        if (++output->calls % 3 == 0)
            return RS_BLOCKED;
        bytes_append(&output->taken, output->room, 1);
    }
    buffers->next_out = output->room;
    buffers->avail_out = 1;
    return RS_DONE;
}

/* 2.3.2: a byte is lost each time. */
static void a_drive_loses_nothing_when_its_output_is_blocked(void **state) {
    const rd_memory basis = {0};
    rd_memory expected = rs_signature_of(&basis, 64, 0, RS_RK_BLAKE2_SIG_MAGIC);
    narrow_output output = {.calls = 0};
    rs_job_t *const job = rs_sig_begin(64, 0, RS_RK_BLAKE2_SIG_MAGIC);
    rs_buffers_t buffers;
    rs_result result;
    (void)state;
    do
        result = rs_job_drive(job, &buffers, end_input, NULL, take_a_byte, &output);
    while (result == RS_BLOCKED);
    assert_int_equal(result, RS_DONE);
    check_memory(output.taken, expected, "a byte at a time");
    (void)rs_job_free(job);
    bytes_free(&output.taken);
    bytes_free(&expected);
}

/* ---- More than an int holds -------------------------------------------------------------------------------------- */

/* Passes delta bytes to a patch job, and returns the size of its output. */
typedef struct measured_patch {
    rs_job_t *job;
    uint64_t size;
    rs_result result;
} measured_patch;

static void measure_patch(measured_patch *patch, const char *delta, size_t size) {
    static char room[MIB];
    rs_buffers_t buffers = {.next_in = (char *)delta, .avail_in = size};
    do {
        buffers.next_out = room;
        buffers.avail_out = sizeof room;
        patch->result = rs_job_iter(patch->job, &buffers);
        patch->size += sizeof room - buffers.avail_out;
    } while (patch->result == RS_BLOCKED && (buffers.avail_in > 0 || buffers.avail_out == 0));
}

/*
 * A delta of zeros in one input buffer, without a basis; the delta is passed on to a patch. Returns the latter's size.
 */
static int slack_delta_of(const void *context) {
    const uint64_t *const size = context;
    static char room[MIB];
    measured_patch patch = {.job = rs_patch_begin(copy_nothing, NULL)};
    char *const zeros = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    rs_buffers_t buffers = {.next_in = zeros, .avail_in = *size, .eof_in = 1};
    rs_job_t *const job = rs_delta_begin(NULL);
    rs_result result;
    if (zeros == MAP_FAILED)
        return 255;
    do {
        buffers.next_out = room;
        buffers.avail_out = sizeof room;
        result = rs_job_iter(job, &buffers);
        measure_patch(&patch, room, sizeof room - buffers.avail_out);
    } while (result == RS_BLOCKED && patch.result == RS_BLOCKED);
    (void)rs_job_free(job);
    (void)rs_job_free(patch.job);
    if (result != RS_DONE || patch.result != RS_DONE)
        return (int)(result != RS_DONE ? result : patch.result);
    return patch.size == *size ? RS_DONE : 254;
}

/* 2.3.2: RS_DONE, and a delta that starts with a literal of no bytes. */
static void a_slack_delta_of_one_large_buffer_is_whole(void **state) {
    const uint64_t size = ((uint64_t)1 << 31) + 5;
    (void)state;
    assert_int_equal(in_child((rs_limits){.cpu_seconds = 120}, slack_delta_of, &size), RS_DONE);
}

enum { LAST_BLOCK_SIZE = 64, MANY_PIECES = 2160, PIECE_BLOCKS = 100000, SHORT_ENTRY = 4 + 2 };

/* Loads 216 million blocks and one more, whose entry is at `last`. */
static rs_result load_many_blocks(rs_job_t *job, const uint8_t *header, const uint8_t *last) {
    static uint8_t piece[SHORT_ENTRY * PIECE_BLOCKS];
    uint32_t block = 0;
    rs_result result = feed(job, header, HEADER_SIZE, false);
    for (int i = 0; i < MANY_PIECES && result == RS_BLOCKED; i++) {
        for (size_t at = 0; at < sizeof piece; at += SHORT_ENTRY)
            put_be32(piece + at, block++ * 0x9e3779b1u);
        result = feed(job, piece, sizeof piece, false);
    }
    return result == RS_BLOCKED ? feed(job, last, SHORT_ENTRY, true) : result;
}

/* The size of the delta of the last block against all of them. */
static int find_last_of_many_blocks(const void *context) {
    const rd_memory *const one = context;
    static const char last_block[LAST_BLOCK_SIZE] = "the last block";
    rs_signature_t *signature = NULL;
    rs_job_t *const load = rs_loadsig_begin(&signature);
    rs_result result = load_many_blocks(load, one->data, one->data + HEADER_SIZE);
    if (result == RS_DONE)
        result = rs_build_hash_table(signature);
    if (result != RS_DONE)
        return 255;
    char delta[200];
    rs_buffers_t buffers = {.next_in = (char *)last_block,
                            .avail_in = sizeof last_block,
                            .eof_in = 1,
                            .next_out = delta,
                            .avail_out = sizeof delta};
    result = rs_job_iter(rs_delta_begin(signature), &buffers);
    return result == RS_DONE ? (int)(sizeof delta - buffers.avail_out) : 255;
}

/*
 * It takes gigabytes, so it runs only on demand. 2.3.2: its hash table overflows, and the delta is one of literals.
 */
static void a_block_is_found_among_hundreds_of_millions(void **state) {
    const rd_memory last_block = bytes_copy((const char[LAST_BLOCK_SIZE]){"the last block"}, LAST_BLOCK_SIZE);
    rd_memory one = rs_signature_of(&last_block, LAST_BLOCK_SIZE, 2, RS_MD4_SIG_MAGIC);
    const int size = in_child((rs_limits){.cpu_seconds = 600}, find_last_of_many_blocks, &one);
    (void)state;
    check_true(size < LAST_BLOCK_SIZE, "a delta of %d bytes", size);
    bytes_free(&one);
    free(last_block.data);
}

/* ---- Trace from several threads ---------------------------------------------------------------------------------- */

static atomic_uint traced;

static void trace_one(rs_loglevel level, const char *message) {
    (void)level, (void)message;
    atomic_fetch_add(&traced, 1);
}

static void trace_other(rs_loglevel level, const char *message) {
    trace_one(level, message);
}

enum { TRACE_ROUNDS = 2000 };

static void *change_trace(void *none) {
    for (int i = 0; i < TRACE_ROUNDS; i++) {
        rs_trace_to(i % 2 ? trace_one : trace_other);
        rs_trace_set_level(i % 2 ? RS_LOG_ERR : RS_LOG_INFO);
    }
    return none;
}

static void *fail_jobs(void *none) {
    for (int i = 0; i < TRACE_ROUNDS; i++) {
        rs_job_t *const job = rs_patch_begin(copy_nothing, NULL);
        (void)feed(job, "not a delta", 11, true);
        (void)rs_job_free(job);
    }
    return none;
}

/* 2.3.2: passes; its plain variables are a data race that only an instrumented build could detect. */
static void trace_may_change_while_jobs_run(void **state) {
    pthread_t threads[4];
    (void)state;
    rs_trace_to(trace_one);
    for (size_t i = 0; i < ITEMS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? change_trace : fail_jobs, NULL), 0);
    for (size_t i = 0; i < ITEMS(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    rs_trace_to(rs_trace_stderr);
    rs_trace_set_level(RS_LOG_ERR);
    assert_true(atomic_load(&traced) >= 2 * TRACE_ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_is_the_one_meant),
        cmocka_unit_test(a_huge_block_length_takes_no_memory),
        cmocka_unit_test(an_impossible_block_length_is_corrupt),
        cmocka_unit_test(an_unloaded_signature_does_not_end_the_process),
        cmocka_unit_test(memory_that_ends_is_a_result),
        cmocka_unit_test(no_memory_at_all_is_a_result),
        cmocka_unit_test(a_negative_block_length_is_an_error),
        cmocka_unit_test(a_negative_buffer_length_does_no_harm),
        cmocka_unit_test(equal_weak_sums_take_no_square_of_time),
        cmocka_unit_test(a_full_device_is_told),
        cmocka_unit_test(a_patch_onto_its_basis_is_refused),
        cmocka_unit_test(a_patch_onto_its_delta_is_refused),
        cmocka_unit_test(a_link_to_nowhere_is_an_existing_output),
        cmocka_unit_test(one_of_several_creates_an_output),
        cmocka_unit_test(a_copy_callback_that_gives_nothing_is_an_error),
        cmocka_unit_test(a_copy_past_the_end_of_the_basis_is_an_error),
        cmocka_unit_test(a_drive_loses_nothing_when_its_output_is_blocked),
        cmocka_unit_test(a_slack_delta_of_one_large_buffer_is_whole),
        cmocka_unit_test(trace_may_change_while_jobs_run),
    };
    const struct CMUnitTest large_tests[] = {
        cmocka_unit_test(a_block_is_found_among_hundreds_of_millions),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return getenv("REDELTA_LARGE") ? failed + cmocka_run_group_tests(large_tests, NULL, NULL) : failed;
}
