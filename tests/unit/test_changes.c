/*
 * Files that change while they are read. Each operation reads a file that something is done to in the midst of it, by
 * its progress function: whatever alters the bytes is told, and what does not is not.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- A system whose times are coarse ----------------------------------------------------------------------------- */

/* Nanoseconds; 0: as they are. Times of files and the clock that gives them are cut to a whole number of these. */
static long tick;

static struct timespec ticked(struct timespec time) {
    if (tick > 0)
        time.tv_nsec -= time.tv_nsec % tick;
    return time;
}

/* Under other names in C, so that the declarations of the system's headers do not matter. */
int fstat_here(int fd, struct stat *status) __asm__("fstat");
int fstat64_here(int fd, struct stat *status) __asm__("fstat64");
int clock_gettime_here(clockid_t clock, struct timespec *time) __asm__("clock_gettime");

static int examine(int fd, struct stat *status) {
    if (fstatat(fd, "", status, AT_EMPTY_PATH) != 0)
        return -1;
    status->st_mtim = ticked(status->st_mtim);
    status->st_ctim = ticked(status->st_ctim);
    return 0;
}

int fstat_here(int fd, struct stat *status) {
    return examine(fd, status);
}

int fstat64_here(int fd, struct stat *status) {
    return examine(fd, status);
}

int clock_gettime_here(clockid_t clock, struct timespec *time) {
    const int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME_COARSE)
        *time = ticked(*time);
    return result;
}

/* ---- What is done to a file -------------------------------------------------------------------------------------- */

enum { SIZE = 3000000, BLOCK = 1000 };

typedef struct place {
    char directory[32];
    char path[64];
    char other[64];
    int fd; /* of the file, to write to it */
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_signature *loaded;
} place;

typedef void act_fn(const place *p);

static void write_byte(const place *p, off_t offset) {
    uint8_t byte;
    assert_int_equal(pread(p->fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(p->fd, &byte, 1, offset), 1);
}

static void act_write(const place *p) {
    write_byte(p, 10);
}

static void act_append(const place *p) {
    assert_int_equal(pwrite(p->fd, "more", 4, lseek(p->fd, 0, SEEK_END)), 4);
}

static void act_cut(const place *p) {
    assert_int_equal(ftruncate(p->fd, lseek(p->fd, 0, SEEK_END) - 1), 0);
}

/* Only ctime tells. */
static void act_write_and_set_mtime_back(const place *p) {
    struct stat before;
    assert_int_equal(fstatat(p->fd, "", &before, AT_EMPTY_PATH), 0);
    write_byte(p, 10);
    assert_int_equal(futimens(p->fd, (const struct timespec[]){before.st_atim, before.st_mtim}), 0);
}

static void act_append_and_cut(const place *p) {
    act_append(p);
    assert_int_equal(ftruncate(p->fd, lseek(p->fd, 0, SEEK_END) - 4), 0);
}

static void act_nothing(const place *p) {
    (void)p;
}

static void act_mode(const place *p) {
    assert_int_equal(fchmod(p->fd, 0640), 0);
}

static void act_link(const place *p) {
    assert_int_equal(link(p->path, p->other), 0);
}

static void act_remove(const place *p) {
    assert_int_equal(unlink(p->path), 0);
}

/* The name gets another file. */
static void act_replace(const place *p) {
    const int fd = open(p->other, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "another", 7), 7);
    assert_int_equal(close(fd), 0);
    assert_int_equal(rename(p->other, p->path), 0);
}

static const struct {
    const char *name;
    act_fn *act;
    bool changes;
} acts[] = {
    {"write", act_write, true},
    {"append", act_append, true},
    {"cut", act_cut, true},
    {"write and set mtime back", act_write_and_set_mtime_back, true},
    {"append and cut", act_append_and_cut, true},
    {"nothing", act_nothing, false},
    {"mode", act_mode, false},
    {"link", act_link, false},
    {"remove", act_remove, false},
    {"replace", act_replace, false},
};

/* Acts when progress is reported for the first time, or for the first time after `from` bytes. */
typedef struct actor {
    const place *place;
    act_fn *act;
    uint64_t from;
    bool acted;
} actor;

static bool act_once(void *context, uint64_t done, uint64_t total) {
    actor *const a = context;
    (void)total;
    if (!a->acted && done > a->from) {
        a->act(a->place);
        a->acted = true;
    }
    return true;
}

/* ---- The operations ---------------------------------------------------------------------------------------------- */

static rd_result nowhere(void *context, const void *data, size_t size) {
    *(uint64_t *)context += size;
    (void)data;
    return RD_OK;
}

/* Reads `file`; *written counts the bytes of output. */
typedef rd_result reading_fn(const place *p, const rd_source *file, const rd_options *options, uint64_t *written);

static rd_result read_signature_make(const place *p, const rd_source *file, const rd_options *options,
                                     uint64_t *written) {
    const rd_sink out = rd_sink_callback(nowhere, written);
    (void)p;
    return rd_signature_make(file, &out, options);
}

static rd_result check_made(rd_signature *made, rd_result result) {
    assert_true((made != NULL) == (result == RD_OK));
    rd_signature_free(made);
    return result;
}

static rd_result read_signature_build(const place *p, const rd_source *file, const rd_options *options,
                                      uint64_t *written) {
    rd_signature *made = NULL;
    (void)p, (void)written;
    const rd_result result = rd_signature_build(&made, file, options);
    return check_made(made, result);
}

/* Of a range in the middle, which the change need not touch: the file does not tell. */
static rd_result read_signature_part(const place *p, const rd_source *file, const rd_options *options,
                                     uint64_t *written) {
    rd_signature *made = NULL;
    (void)p, (void)written;
    const rd_result result =
        rd_signature_build_part(&made, file, (uint64_t)BLOCK * 100, (uint64_t)BLOCK * 2000, options);
    return check_made(made, result);
}

static rd_result read_signature_load(const place *p, const rd_source *file, const rd_options *options,
                                     uint64_t *written) {
    rd_signature *made = NULL;
    (void)p, (void)written;
    const rd_result result = rd_signature_load(&made, file, options);
    return check_made(made, result);
}

static rd_result read_signature_load_part(const place *p, const rd_source *file, const rd_options *options,
                                          uint64_t *written) {
    rd_signature *made = NULL;
    (void)p, (void)written;
    const rd_result result = rd_signature_load_part(&made, file, 0, options);
    return check_made(made, result);
}

static rd_result read_delta_make(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_sink out = rd_sink_callback(nowhere, written);
    return rd_delta_make(p->loaded, file, &out, options);
}

static rd_result read_diff_new(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_source old_file = bytes_source(&p->basis);
    const rd_sink out = rd_sink_callback(nowhere, written);
    return rd_diff_make(&old_file, file, &out, options);
}

/* In little memory, so that the file is read again, after it was changed. */
static rd_result read_diff_old(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_source new_file = bytes_source(&p->new_file);
    const rd_sink out = rd_sink_callback(nowhere, written);
    rd_options little = *options;
    little.limits.memory = SIZE;
    return rd_diff_make(file, &new_file, &out, &little);
}

static rd_result read_digest(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    uint8_t digest[RD_DIGEST_LEN];
    (void)p, (void)written;
    return rd_digest(file, digest, options);
}

static rd_result read_range_of_digest(const place *p, const rd_source *file, const rd_options *options,
                                      uint64_t *written) {
    const rd_source range = rd_source_range(file, 100, SIZE - 200);
    return read_digest(p, &range, options, written);
}

static rd_result read_verified(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_source delta = bytes_source(&p->delta);
    (void)written;
    return rd_delta_verify(&delta, file, options);
}

static rd_result read_verifying(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_source new_file = bytes_source(&p->new_file);
    (void)written;
    return rd_delta_verify(file, &new_file, options);
}

/* As in librsync, nothing is verified. */
static rd_result read_basis(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_source delta = bytes_source(&p->delta);
    const rd_sink out = rd_sink_callback(nowhere, written);
    rd_options bare = *options;
    bare.verify = RD_VERIFY_NEVER;
    return rd_patch_apply(file, &delta, &out, &bare);
}

static rd_result read_delta(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_source basis = bytes_source(&p->basis);
    const rd_sink out = rd_sink_callback(nowhere, written);
    rd_options bare = *options;
    bare.verify = RD_VERIFY_NEVER;
    return rd_patch_apply(&basis, file, &out, &bare);
}

/* The delta is made while it is read. It verifies: its digest is that of what was read. */
static rd_result read_through_a_stream(const place *p, const rd_source *file, const rd_options *options,
                                       uint64_t *written) {
    const rd_source basis = bytes_source(&p->basis);
    const rd_sink out = rd_sink_callback(nowhere, written);
    rd_stream *stream = NULL;
    rd_filter *filter = NULL;
    assert_int_equal(rd_delta_stream_new(&stream, p->loaded, NULL), RD_OK);
    assert_int_equal(rd_filter_stream_new(&filter, stream, file, NULL), RD_OK);
    const rd_source delta = rd_filter_source(filter);
    const rd_result result = rd_patch_apply(&basis, &delta, &out, options);
    assert_true(!options->stats || options->stats->has_digest);
    rd_filter_free(filter);
    rd_stream_free(stream);
    return result;
}

static rd_result read_merged(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_sink out = rd_sink_callback(nowhere, written);
    (void)p;
    return rd_delta_merge(file, 1, NULL, &out, options);
}

static rd_result read_reversed_basis(const place *p, const rd_source *file, const rd_options *options,
                                     uint64_t *written) {
    const rd_source delta = bytes_source(&p->delta);
    const rd_sink out = rd_sink_callback(nowhere, written);
    return rd_delta_reverse(file, &delta, &out, options);
}

static rd_result read_reversed(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    const rd_source basis = bytes_source(&p->basis);
    const rd_sink out = rd_sink_callback(nowhere, written);
    return rd_delta_reverse(&basis, file, &out, options);
}

static bool each(void *context, const rd_op *op) {
    (void)context, (void)op;
    return true;
}

static rd_result read_each_op(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    (void)p, (void)written;
    return rd_delta_each_op(file, each, NULL, options);
}

static rd_result read_peeked(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    rd_filter *filter = NULL;
    assert_int_equal(rd_filter_peek_new(&filter, file, 1000, NULL), RD_OK);
    const rd_source source = rd_filter_source(filter);
    const rd_result result = read_each_op(p, &source, options, written);
    rd_filter_free(filter);
    return result;
}

static rd_result read_ops(const place *p, const rd_source *file, const rd_options *options, uint64_t *written) {
    rd_ops *ops = NULL;
    rd_op op;
    uint8_t data[10000];
    rd_result result = rd_ops_open(&ops, file, options);
    (void)p, (void)written;
    assert_int_equal(result, RD_OK);
    do {
        size_t got = 0;
        result = rd_ops_next(ops, &op);
        if (result == RD_MORE && op.kind == RD_LITERAL) {
            const rd_result read = rd_ops_read(ops, data, sizeof data, &got);
            result = read == RD_OK ? result : read;
        }
    } while (result == RD_MORE);
    if (result != RD_OK && options->error)
        *options->error = *rd_ops_error(ops);
    if (options->stats)
        assert_int_equal(rd_ops_stats(ops, options->stats), RD_OK);
    rd_ops_close(ops);
    return result;
}

static const struct {
    const char *name;
    reading_fn *read;
    rd_role role;
    bool checks_bytes; /* so that other bytes are a failure even if a change is accepted */
} readings[] = {
    {"signature_make", read_signature_make, RD_ROLE_BASIS, false},
    {"signature_build", read_signature_build, RD_ROLE_BASIS, false},
    {"signature_build_part", read_signature_part, RD_ROLE_BASIS, false},
    {"signature_load", read_signature_load, RD_ROLE_SIGNATURE, true},
    {"signature_load_part", read_signature_load_part, RD_ROLE_SIGNATURE, true},
    {"delta_make", read_delta_make, RD_ROLE_NEW, false},
    {"diff_make, the old file", read_diff_old, RD_ROLE_BASIS, true},
    {"diff_make, the new file", read_diff_new, RD_ROLE_NEW, false},
    {"digest", read_digest, RD_ROLE_NEW, false},
    {"range", read_range_of_digest, RD_ROLE_NEW, false},
    {"delta_verify, the file", read_verified, RD_ROLE_NEW, true},
    {"delta_verify, the delta", read_verifying, RD_ROLE_DELTA, true},
    {"patch_apply, the basis", read_basis, RD_ROLE_BASIS, true},
    {"patch_apply, the delta", read_delta, RD_ROLE_DELTA, true},
    {"patch_apply, a stream", read_through_a_stream, RD_ROLE_NEW, false},
    {"each_op", read_each_op, RD_ROLE_DELTA, true},
    {"peek", read_peeked, RD_ROLE_DELTA, true},
    {"ops", read_ops, RD_ROLE_DELTA, true},
    {"merge", read_merged, RD_ROLE_DELTA, true},
    {"reverse, the basis", read_reversed_basis, RD_ROLE_BASIS, true},
    {"reverse, the delta", read_reversed, RD_ROLE_DELTA, true},
};

static const rd_memory *contents_for(const place *p, rd_role role) {
    switch (role) {
    case RD_ROLE_BASIS: return &p->basis;
    case RD_ROLE_SIGNATURE: return &p->signature;
    case RD_ROLE_NEW: return &p->new_file;
    default: return &p->delta;
    }
}

/* ---- A place for each test --------------------------------------------------------------------------------------- */

/* The delta is long, too: half of the new file is new. */
static int set_up(void **state) {
    place *const p = calloc(1, sizeof *p);
    random_source r = random_from(1);
    assert_non_null(p);
    (void)snprintf(p->directory, sizeof p->directory, "/tmp/redelta-changes-XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    (void)snprintf(p->path, sizeof p->path, "%s/file", p->directory);
    (void)snprintf(p->other, sizeof p->other, "%s/other", p->directory);
    p->fd = -1;
    p->basis = bytes_random(&r, SIZE, 256);
    p->new_file = bytes_random(&r, SIZE, 256);
    memcpy(p->new_file.data + SIZE / 2, p->basis.data, SIZE / 2);
    p->signature = signature_of(&p->basis, (rd_params){.block_len = 60});
    p->loaded = loaded_signature_of(&p->basis, (rd_params){.block_len = BLOCK});
    p->delta = delta_of(p->loaded, &p->new_file, NULL);
    *state = p;
    return 0;
}

static void remove_files(place *p) {
    if (p->fd >= 0)
        assert_int_equal(close(p->fd), 0);
    p->fd = -1;
    (void)unlink(p->path);
    (void)unlink(p->other);
}

static int tear_down(void **state) {
    place *const p = *state;
    tick = 0;
    remove_files(p);
    assert_int_equal(rmdir(p->directory), 0);
    rd_signature_free(p->loaded);
    rd_memory_free(&p->basis);
    rd_memory_free(&p->new_file);
    rd_memory_free(&p->signature);
    rd_memory_free(&p->delta);
    free(p);
    return 0;
}

/* A new file with these bytes; returns a descriptor to read it by. */
static int file_with(place *p, const rd_memory *bytes) {
    remove_files(p);
    p->fd = open(p->path, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(p->fd >= 0);
    assert_int_equal(write(p->fd, bytes->data, bytes->size), bytes->size);
    const int fd = open(p->path, O_RDONLY);
    assert_true(fd >= 0);
    return fd;
}

typedef struct outcome {
    rd_result result;
    rd_error error;
    rd_stats stats;
    uint64_t written;
} outcome;

static outcome run(place *p, size_t reading, size_t act, rd_changed changed, unsigned threads) {
    const int fd = file_with(p, contents_for(p, readings[reading].role));
    const rd_source file = rd_source_fd(fd);
    /* A patch reports what it has made, rd_delta_verify starts with the delta, and rd_diff_make with the old file. */
    const uint64_t first = readings[reading].read == read_verified   ? p->delta.size
                           : readings[reading].read == read_diff_new ? p->basis.size
                                                                     : 0;
    actor a = {.place = p, .act = acts[act].act, .from = first > 0 ? first + SIZE / 2 : 0};
    outcome o = {.stats.size = sizeof o.stats};
    const rd_options options = {OPTIONS,
                                .params = {.block_len = BLOCK},
                                .progress = act_once,
                                .progress_context = &a,
                                .stats = &o.stats,
                                .error = &o.error,
                                .threads = threads,
                                .changed = changed};
    o.result = readings[reading].read(p, &file, &options, &o.written);
    check_true(a.acted, "%s, %s", readings[reading].name, acts[act].name);
    assert_int_equal(close(fd), 0);
    return o;
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static void a_change_of_the_bytes_is_told_and_nothing_else(void **state) {
    place *const p = *state;
    for (size_t i = 0; i < ITEMS(readings) * ITEMS(acts) * 2; i++) {
        const size_t reading = i / 2 % ITEMS(readings);
        const size_t act = i / 2 / ITEMS(readings);
        const outcome o = run(p, reading, act, RD_CHANGED_FAIL, i % 2 == 0 ? 1 : 3);
        const char *const name = readings[reading].name;
        if (!acts[act].changes) {
            check_equal(o.result, RD_OK, "%s, %s: %s", name, acts[act].name, o.error.reason ? o.error.reason : "");
            check_equal(o.stats.changed, RD_ROLE_NONE, "%s, %s", name, acts[act].name);
            continue;
        }
        check_equal(o.result, RD_E_CHANGED, "%s, %s: %s", name, acts[act].name, o.error.reason ? o.error.reason : "");
        check_equal(o.error.result, RD_E_CHANGED, "%s, %s", name, acts[act].name);
        check_equal(o.error.role, readings[reading].role, "%s, %s", name, acts[act].name);
        check_equal(o.error.offset, RD_UNKNOWN, "%s, %s", name, acts[act].name);
        check_equal(o.error.system_error, 0, "%s, %s", name, acts[act].name);
        check_equal(o.stats.changed, readings[reading].role, "%s, %s", name, acts[act].name);
    }
}

/* As if nobody looked, except for the statistics. What checks its bytes may find that they are not right. */
static void a_change_that_is_accepted_is_only_noted(void **state) {
    place *const p = *state;
    for (size_t i = 0; i < ITEMS(readings) * ITEMS(acts); i++) {
        const size_t reading = i % ITEMS(readings);
        const size_t act = i / ITEMS(readings);
        const outcome o = run(p, reading, act, RD_CHANGED_ACCEPT, 1);
        const char *const name = readings[reading].name;
        check_true(o.result == RD_OK || (readings[reading].checks_bytes && acts[act].changes), "%s, %s: %s", name,
                   acts[act].name, o.error.reason ? o.error.reason : "");
        check_true(o.result != RD_E_CHANGED, "%s, %s", name, acts[act].name);
        check_equal(o.stats.changed, acts[act].changes ? readings[reading].role : RD_ROLE_NONE, "%s, %s", name,
                    acts[act].name);
    }
}

/* The output is all there: as much as if the change were accepted, and of the same bytes. */
static void the_output_is_written_to_its_end(void **state) {
    place *const p = *state;
    for (size_t reading = 0; reading < ITEMS(readings); reading++) {
        if (readings[reading].checks_bytes)
            continue;
        const outcome failed = run(p, reading, 0, RD_CHANGED_FAIL, 1);
        const outcome accepted = run(p, reading, 0, RD_CHANGED_ACCEPT, 1);
        check_equal(failed.result, RD_E_CHANGED, "%s", readings[reading].name);
        check_equal(accepted.result, RD_OK, "%s", readings[reading].name);
        check_equal(failed.written, accepted.written, "%s", readings[reading].name);
        check_equal(failed.stats.in_bytes, accepted.stats.in_bytes, "%s", readings[reading].name);
        check_equal(failed.stats.has_digest, accepted.stats.has_digest, "%s", readings[reading].name);
        check_bytes(failed.stats.digest, sizeof failed.stats.digest, accepted.stats.digest,
                    sizeof accepted.stats.digest, "%s", readings[reading].name);
    }
}

/* The new file is verified, so neither the basis nor the delta can have done any harm. */
static void a_patch_that_is_verified_succeeds(void **state) {
    place *const p = *state;
    for (int changes_delta = 0; changes_delta < 2; changes_delta++) {
        const int fd = file_with(p, changes_delta ? &p->delta : &p->basis);
        /* The start of the delta was read before, and nothing is copied from what is appended to the basis. */
        actor a = {.place = p, .act = changes_delta ? act_write : act_append};
        const rd_source file = rd_source_fd(fd);
        const rd_source other = bytes_source(changes_delta ? &p->basis : &p->delta);
        rd_memory made = {0};
        const rd_sink out = rd_sink_memory(&made);
        rd_stats stats = {.size = sizeof stats};
        const rd_options options = {OPTIONS, .progress = act_once, .progress_context = &a, .stats = &stats,
                                    .threads = 1};
        assert_int_equal(changes_delta ? rd_patch_apply(&other, &file, &out, &options)
                                       : rd_patch_apply(&file, &other, &out, &options),
                         RD_OK);
        assert_true(a.acted);
        check_memory(made, p->new_file, "the new file");
        assert_int_equal(stats.changed, changes_delta ? RD_ROLE_DELTA : RD_ROLE_BASIS);
        rd_memory_free(&made);
        assert_int_equal(close(fd), 0);
    }
}

/* Without the change it would have been another failure. */
static void a_failure_that_the_change_explains_is_that_of_the_change(void **state) {
    place *const p = *state;
    const int fd = file_with(p, &p->basis);
    actor a = {.place = p, .act = act_write};
    const rd_source file = rd_source_fd(fd);
    const rd_source delta = bytes_source(&p->delta);
    uint64_t written = 0;
    const rd_sink out = rd_sink_callback(nowhere, &written);
    rd_error error;
    rd_stats stats = {.size = sizeof stats};
    rd_options options = {OPTIONS,         .progress = act_once, .progress_context = &a,
                          .stats = &stats, .error = &error,      .threads = 1};
    /* The first byte that is copied, which is read last: its place in the new file is in the middle. */
    assert_int_equal(rd_patch_apply(&file, &delta, &out, &options), RD_E_CHANGED);
    assert_int_equal(error.role, RD_ROLE_BASIS);
    a.acted = false;
    options.changed = RD_CHANGED_ACCEPT;
    assert_int_equal(rd_patch_apply(&file, &delta, &out, &options), RD_OK); /* the byte is again what it was */
    act_write(p);
    a.act = act_append;
    a.acted = false;
    assert_int_equal(rd_patch_apply(&file, &delta, &out, &options), RD_E_MISMATCH);
    assert_int_equal(stats.changed, RD_ROLE_BASIS);
    assert_int_equal(close(fd), 0);
}

static bool cancel_after_change(void *context, uint64_t done, uint64_t total) {
    (void)done, (void)total;
    act_write(context);
    return false;
}

static void other_failures_stay_what_they_are(void **state) {
    place *const p = *state;
    const int fd = file_with(p, &p->basis);
    const rd_source file = rd_source_fd(fd);
    uint8_t digest[RD_DIGEST_LEN];
    rd_error error;
    rd_stats stats = {.size = sizeof stats};
    const rd_options options = {OPTIONS, .progress = cancel_after_change, .progress_context = p, .error = &error,
                                .stats = &stats};
    assert_int_equal(rd_digest(&file, digest, &options), RD_E_CANCELLED);
    assert_int_equal(error.result, RD_E_CANCELLED);
    assert_int_equal(stats.changed, RD_ROLE_NEW);
    assert_int_equal(close(fd), 0);
}

/* The source has the size that the file had when it was made. */
static void a_file_that_grew_before_the_operation_is_told(void **state) {
    place *const p = *state;
    for (int range = 0; range < 3; range++) {
        const int fd = file_with(p, &p->basis);
        const rd_source whole = rd_source_fd(fd);
        const rd_source file = range == 0   ? whole
                               : range == 1 ? rd_source_range(&whole, 1000, RD_UNKNOWN)
                                            : rd_source_range(&whole, SIZE - 1000, 5000);
        uint8_t digest[RD_DIGEST_LEN];
        act_append(p);
        assert_int_equal(rd_digest(&file, digest, NULL), RD_E_CHANGED);
        const rd_source again = rd_source_fd(fd);
        assert_int_equal(rd_digest(&again, digest, NULL), RD_OK);
        /* What follows a range does not make it longer. */
        const rd_source inner = rd_source_range(&whole, 1000, 5000);
        assert_int_equal(rd_digest(&inner, digest, NULL), RD_OK);
        assert_int_equal(close(fd), 0);
    }
}

/*
 * A file that was just written to, on a system whose clock ticks every 10 ms: without waiting for the next tick, what
 * is written meanwhile would get the time that the file already has.
 */
static void a_second_write_within_a_tick_is_told(void **state) {
    place *const p = *state;
    rd_memory few = bytes_copy(p->basis.data, 10000);
    tick = 10000000;
    for (size_t run = 0; run < 50; run++) {
        const int fd = file_with(p, &few);
        const rd_source file = rd_source_fd(fd);
        actor a = {.place = p, .act = act_write};
        uint8_t digest[RD_DIGEST_LEN];
        const rd_options options = {OPTIONS, .progress = act_once, .progress_context = &a, .threads = 1};
        check_equal(rd_digest(&file, digest, &options), RD_E_CHANGED, "run %zu", run);
        check_true(a.acted, "run %zu", run);
        assert_int_equal(close(fd), 0);
    }
    rd_memory_free(&few);
}

/* A clock that was set back, or another machine's, is not waited for. */
static void a_file_from_the_future_is_read(void **state) {
    place *const p = *state;
    const int fd = file_with(p, &p->basis);
    const struct timespec future = {.tv_sec = time(NULL) + 1000000};
    assert_int_equal(futimens(fd, (const struct timespec[]){future, future}), 0);
    const rd_source file = rd_source_fd(fd);
    uint8_t digest[RD_DIGEST_LEN];
    assert_int_equal(rd_digest(&file, digest, NULL), RD_OK);
    assert_int_equal(close(fd), 0);
}

static void what_is_no_file_is_not_watched(void **state) {
    place *const p = *state;
    int ends[2];
    uint8_t digest[RD_DIGEST_LEN];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "0123456789", 10), 10);
    assert_int_equal(close(ends[1]), 0);
    const int null = open("/dev/null", O_RDONLY);
    const rd_source sources[] = {rd_source_fd(ends[0]), rd_source_fd(null), bytes_source(&p->basis)};
    for (size_t i = 0; i < ITEMS(sources); i++) {
        rd_stats stats = {.size = sizeof stats};
        assert_int_equal(rd_digest(&sources[i], digest, &(rd_options){OPTIONS, .stats = &stats}), RD_OK);
        assert_int_equal(stats.changed, RD_ROLE_NONE);
    }
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(null), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_change_of_the_bytes_is_told_and_nothing_else),
        TEST(a_change_that_is_accepted_is_only_noted),
        TEST(the_output_is_written_to_its_end),
        TEST(a_patch_that_is_verified_succeeds),
        TEST(a_failure_that_the_change_explains_is_that_of_the_change),
        TEST(other_failures_stay_what_they_are),
        TEST(a_file_that_grew_before_the_operation_is_told),
        TEST(a_second_write_within_a_tick_is_told),
        TEST(a_file_from_the_future_is_read),
        TEST(what_is_no_file_is_not_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
