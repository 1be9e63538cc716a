/*
 * What the tests of librsync's interface share: jobs run in the plainest way, for steps that are not the subject of a
 * test; a basis in memory; and children under limits, for what may crash, spin or use up memory.
 *
 * Nothing here depends on which library is loaded. Random data and checks come from the unit tests; of redelta only the
 * type rd_memory is used, and its memory is released with free.
 */
#ifndef RD_TESTS_RS_SUPPORT_H
#define RD_TESTS_RS_SUPPORT_H

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librsync.h>

#include "support.h"

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

static inline void bytes_append(rd_memory *to, const void *data, size_t size) {
    if (size > to->capacity - to->size) {
        to->capacity = 2 * to->size + size;
        to->data = realloc(to->data, to->capacity);
        assert_non_null(to->data);
    }
    if (size > 0)
        memcpy(to->data + to->size, data, size);
    to->size += size;
}

static inline void bytes_free(rd_memory *bytes) {
    free(bytes->data);
    *bytes = (rd_memory){0};
}

static inline void put_be32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* ---- The library ------------------------------------------------------------------------------------------------- */

/* A test: the librsync that runs is the one that REDELTA_LOADED names, if it is set. */
static inline void the_library_is_the_one_meant(void **state) {
    const char *const name = getenv("REDELTA_LOADED");
    Dl_info info = {0};
    (void)state;
    if (!name)
        return;
    assert_int_not_equal(dladdr(rs_strerror(RS_DONE), &info), 0);
    char *const meant = realpath(name, NULL);
    char *const found = realpath(info.dli_fname, NULL);
    assert_true(meant && found);
    assert_string_equal(found, meant);
    free(found);
    free(meant);
}

/* ---- Files without a name ---------------------------------------------------------------------------------------- */

/* A plain file with these bytes, at its start. */
static inline FILE *file_of(const rd_memory *bytes) {
    FILE *const file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    rewind(file);
    return file;
}

/* What the file holds from its position on. */
static inline rd_memory rest_of(FILE *file) {
    rd_memory rest = {0};
    uint8_t piece[4096];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        bytes_append(&rest, piece, got);
    return rest;
}

/* ---- Jobs -------------------------------------------------------------------------------------------------------- */

/* A copy callback over an rd_memory: short at its end, and RS_INPUT_ENDED there. */
static inline rs_result copy_from_memory(void *context, rs_long_t pos, size_t *len, void **buf) {
    const rd_memory *const basis = context;
    if (pos < 0 || (uint64_t)pos >= basis->size)
        return RS_INPUT_ENDED;
    const size_t left = basis->size - (size_t)pos;
    *len = *len < left ? *len : left;
    memcpy(*buf, basis->data + pos, *len);
    return RS_DONE;
}

/* Runs a job over all of `in` with one input buffer, and frees it. */
static inline rs_result run_job(rs_job_t *job, const rd_memory *in, rd_memory *out) {
    char room[5000];
    rs_buffers_t buffers = {.next_in = (char *)in->data, .avail_in = in->size, .eof_in = 1};
    rs_result result;
    do {
        buffers.next_out = room;
        buffers.avail_out = sizeof room;
        result = rs_job_iter(job, &buffers);
        bytes_append(out, room, sizeof room - buffers.avail_out);
    } while (result == RS_BLOCKED);
    (void)rs_job_free(job);
    return result;
}

/* The four steps, which must succeed. The results are to be freed. */
static inline rd_memory rs_signature_of(const rd_memory *basis, size_t block_len, size_t strong_len,
                                        rs_magic_number magic) {
    rd_memory made = {0};
    assert_int_equal(run_job(rs_sig_begin(block_len, strong_len, magic), basis, &made), RS_DONE);
    return made;
}

static inline rs_signature_t *rs_loaded(const rd_memory *bytes) {
    rs_signature_t *signature = NULL;
    rd_memory nothing = {0};
    assert_int_equal(run_job(rs_loadsig_begin(&signature), bytes, &nothing), RS_DONE);
    assert_int_equal(nothing.size, 0);
    assert_int_equal(rs_build_hash_table(signature), RS_DONE);
    return signature;
}

static inline rd_memory rs_delta_of(rs_signature_t *signature, const rd_memory *new_file) {
    rd_memory made = {0};
    assert_int_equal(run_job(rs_delta_begin(signature), new_file, &made), RS_DONE);
    return made;
}

static inline rd_memory rs_patched(rd_memory *basis, const rd_memory *delta) {
    rd_memory made = {0};
    assert_int_equal(run_job(rs_patch_begin(copy_from_memory, basis), delta, &made), RS_DONE);
    return made;
}

/* ---- A pair of files and what is made of it ---------------------------------------------------------------------- */

typedef struct rs_pair {
    rd_memory basis;
    rd_memory new_file;
} rs_pair;

/* A new file with bytes of the basis and bytes of its own, of a slightly different size. */
static inline rs_pair rs_pair_new(uint64_t seed, size_t size) {
    random_source r = random_from(seed);
    rs_pair pair = {.basis = bytes_random(&r, size, 256)};
    pair.new_file = bytes_edited(&r, &pair.basis, size + size / 10, 256);
    return pair;
}

static inline void rs_pair_free(rs_pair *pair) {
    bytes_free(&pair->basis);
    bytes_free(&pair->new_file);
}

/* The delta of a pair, checked: smaller than the new file if that is large, and patched to it. */
static inline rd_memory rs_delta_of_pair(rs_pair *pair, size_t block_len) {
    rd_memory signature_bytes = rs_signature_of(&pair->basis, block_len, 0, RS_RK_BLAKE2_SIG_MAGIC);
    rs_signature_t *const signature = rs_loaded(&signature_bytes);
    const rd_memory delta = rs_delta_of(signature, &pair->new_file);
    rs_free_sumset(signature);
    bytes_free(&signature_bytes);
    rd_memory patched = rs_patched(&pair->basis, &delta);
    check_memory(patched, pair->new_file, "the delta of %zu bytes", pair->new_file.size);
    bytes_free(&patched);
    return delta;
}

/* ---- Children ---------------------------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RS_SANITIZED 1
#endif
#endif
#ifndef RS_SANITIZED
#define RS_SANITIZED 0
#endif

/* What a child may use at most; 0: no limit. */
typedef struct rs_limits {
    rlim_t cpu_seconds;
    rlim_t memory; /* beyond what the process has; none under a sanitizer, whose shadow is larger than any limit */
} rs_limits;

/* The address space of this process in bytes. */
static inline rlim_t address_space(void) {
    char text[100];
    FILE *const file = fopen("/proc/self/statm", "r");
    if (!file || !fgets(text, sizeof text, file))
        abort();
    (void)fclose(file);
    return strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

static inline struct rlimit exactly(rlim_t value) {
    return (struct rlimit){.rlim_cur = value, .rlim_max = value};
}

static inline bool limit_this_process(rs_limits limits) {
    const struct rlimit core = exactly(0);
    const struct rlimit cpu = exactly(limits.cpu_seconds);
    const struct rlimit memory = exactly(address_space() + limits.memory);
    return setrlimit(RLIMIT_CORE, &core) == 0 && (limits.cpu_seconds == 0 || setrlimit(RLIMIT_CPU, &cpu) == 0) &&
           (limits.memory == 0 || RS_SANITIZED || setrlimit(RLIMIT_AS, &memory) == 0);
}

enum { RS_SIGNALLED = 1000, RS_EXITED = 2000 };

/*
 * Runs `work` in a child. Returns its result, 0 .. 255; RS_EXITED + the status if it called exit; or RS_SIGNALLED + the
 * signal. No assertions in `work`: they would jump into the copy of the test run.
 */
static inline int in_child(rs_limits limits, int (*work)(const void *context), const void *context) {
    int returned[2];
    uint8_t value = 0;
    int status = 0;
    assert_int_equal(pipe(returned), 0);
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!limit_this_process(limits))
            abort();
        value = (uint8_t)work(context);
        _exit(write(returned[1], &value, 1) == 1 ? 0 : 1);
    }
    (void)close(returned[1]);
    const ssize_t got = read(returned[0], &value, 1);
    (void)close(returned[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return RS_SIGNALLED + WTERMSIG(status);
    return got == 1 ? value : RS_EXITED + WEXITSTATUS(status);
}

#endif
