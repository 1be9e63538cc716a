/*
 * A directory in which many files are written: when each gets its name, how often the disk is waited for, what happens
 * to the others if one fails, and what a killed process leaves. Everything is tested in both ways that a destination
 * can be written: see places.h.
 *
 * The calls that flush and rename are replaced here by ones that count, and that fail or kill the process on demand. So
 * is fstatfs, which decides how a batch is flushed, since tests run on any file system.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "places.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <sys/wait.h>

/* ---- Calls that are counted and fail ----------------------------------------------------------------------------- */

enum { NEVER = -1, EXT4 = 0xef53, FUSE = 0x65735546, BATCH_FILES = 128 };

typedef struct counted_call {
    int calls;
    int fails; /* which call fails, from 0, with EIO */
    int kills;
} counted_call;

static counted_call fsyncs, syncfss, ranges, renames;
static long file_system; /* what fstatfs says */

static bool call_fails(counted_call *call) {
    const int number = call->calls++;
    if (number == call->kills)
        (void)raise(SIGKILL);
    errno = EIO;
    return number == call->fails;
}

/* Under other names in C, so that the declarations of the system's headers do not matter. */
int fsync_here(int fd) __asm__("fsync");
int syncfs_here(int fd) __asm__("syncfs");
int range_here(int fd, off_t offset, off_t size, unsigned flags) __asm__("sync_file_range");
int rename_here(int from, const char *old, int to, const char *new_name) __asm__("renameat");
int fstatfs_here(int fd, struct statfs *status) __asm__("fstatfs");
int fstatfs64_here(int fd, struct statfs *status) __asm__("fstatfs64");

int fsync_here(int fd) {
    return call_fails(&fsyncs) ? -1 : (int)syscall(SYS_fsync, fd);
}

int syncfs_here(int fd) {
    return call_fails(&syncfss) ? -1 : (int)syscall(SYS_syncfs, fd);
}

/* Its arguments are in other places on other machines, and the file is known to be written. */
int range_here(int fd, off_t offset, off_t size, unsigned flags) {
    (void)fd;
    assert_true(offset == 0 && size == 0 && flags == SYNC_FILE_RANGE_WAIT_BEFORE);
    return call_fails(&ranges) ? -1 : 0;
}

int rename_here(int from, const char *old, int to, const char *new_name) {
    return call_fails(&renames) ? -1 : (int)syscall(SYS_renameat2, from, old, to, new_name, 0);
}

int fstatfs_here(int fd, struct statfs *status) {
    (void)fd;
    *status = (struct statfs){.f_type = file_system};
    return 0;
}

int fstatfs64_here(int fd, struct statfs *status) {
    return fstatfs_here(fd, status);
}

static void count_anew(long type) {
    fsyncs = syncfss = ranges = renames = (counted_call){.fails = NEVER, .kills = NEVER};
    file_system = type;
}

/* ---- Writing many ------------------------------------------------------------------------------------------------ */

static rd_directory *opened(const char *path) {
    rd_directory *directory = NULL;
    rd_error error = {.reason = ""};
    const rd_result result = rd_directory_open(&directory, path, &error);
    check_equal(result, RD_OK, "%s: %s", path, error.reason);
    assert_non_null(directory);
    return directory;
}

/* Opens, writes and commits. The result is that of the commit; all else succeeds. */
static rd_result write_at(rd_directory *directory, const char *name, rd_replace replace, const char *content) {
    rd_destination *destination = NULL;
    rd_error error = {.reason = ""};
    const rd_result result = rd_destination_open_at(&destination, directory, name, replace, &error);
    check_equal(result, RD_OK, "%s: %s (%d)", name, error.reason, error.system_error);
    put(destination, content);
    return rd_destination_commit(destination, &error);
}

static const char *numbered(size_t number) {
    static char name[32];
    (void)snprintf(name, sizeof name, "file-%03zu", number);
    return name;
}

static void make_old_files(const place *p, size_t count) {
    for (size_t i = 0; i < count; i++)
        make_file(in_place(p, numbered(i)), "old", 0640);
}

static void replace_files(rd_directory *directory, size_t first, size_t end) {
    for (size_t i = first; i < end; i++)
        assert_int_equal(write_at(directory, numbered(i), RD_REPLACE_SAFELY, "new"), RD_OK);
}

static void assert_files(const place *p, size_t first, size_t end, const char *content) {
    for (size_t i = first; i < end; i++)
        assert_file(in_place(p, numbered(i)), content, 0640);
}

/* The next failure that a flush returns is that of this file, by this system error; RD_OK is none. */
static void assert_flush(rd_directory *directory, rd_result result, const char *failed, int system_error) {
    const char *name = "?";
    rd_error error = {.result = RD_OK};
    assert_int_equal(rd_directory_flush(directory, &name, &error), result);
    assert_int_equal(error.result, result);
    assert_int_equal(error.system_error, system_error);
    if (!failed) {
        assert_null(name);
        return;
    }
    assert_string_equal(name, failed);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    assert_non_null(error.reason);
}

static void check_close(rd_directory *directory) {
    rd_error error = {.reason = ""};
    const rd_result result = rd_directory_close(directory, &error);
    check_equal(result, RD_OK, "%s (%d)", error.reason, error.system_error);
}

/* ---- Names and flushes ------------------------------------------------------------------------------------------- */

static void file_is_replaced_by_the_flush(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 1);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 1);
    assert_files(p, 0, 1, "old");
    assert_flush(directory, RD_OK, NULL, 0);
    assert_files(p, 0, 1, "new");
    assert_entries(p, 1);
    assert_int_equal(fsyncs.calls, 2); /* the file and the names; syncfs would flush more than that */
    assert_int_equal(syncfss.calls, 0);
    check_close(directory);
    assert_int_equal(fsyncs.calls, 2);
}

static void what_needs_no_flush_is_named_at_once(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 1);
    rd_directory *const directory = opened(p->directory);
    assert_int_equal(write_at(directory, numbered(0), RD_REPLACE_FAST, "new"), RD_OK);
    assert_files(p, 0, 1, "new");
    for (rd_replace replace = RD_REPLACE_NEVER; replace <= RD_REPLACE_FAST; replace++) {
        assert_int_equal(write_at(directory, "free", replace, "one"), RD_OK);
        assert_file(in_place(p, "free"), "one", 0644);
        assert_int_equal(unlink(in_place(p, "free")), 0);
    }
    check_close(directory);
    assert_int_equal(fsyncs.calls + syncfss.calls, 0);
    assert_entries(p, 1);
}

static void batch_is_flushed_at_once(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 100);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 100);
    assert_files(p, 0, 100, "old");
    assert_int_equal(syncfss.calls + fsyncs.calls, 0);
    check_close(directory);
    assert_files(p, 0, 100, "new");
    assert_entries(p, 100);
    assert_int_equal(syncfss.calls, 1);
    assert_int_equal(ranges.calls, 100); /* each was asked for its errors */
    assert_int_equal(fsyncs.calls, 1);   /* the names */
}

static void each_file_is_flushed_where_syncfs_may_not_do_that(void **state) {
    const place *const p = *state;
    count_anew(FUSE);
    make_old_files(p, 10);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 10);
    check_close(directory);
    assert_files(p, 0, 10, "new");
    assert_int_equal(syncfss.calls, 0);
    assert_int_equal(fsyncs.calls, 10 + 1);
}

static void each_file_is_flushed_where_syncfs_fails(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    syncfss.fails = 0;
    make_old_files(p, 10);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 10);
    check_close(directory);
    assert_files(p, 0, 10, "new");
    assert_int_equal(fsyncs.calls, 10 + 1);
}

static size_t open_descriptors(void) {
    size_t count = 0;
    DIR *const directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void batch_has_a_number_of_files_at_most(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 2 * BATCH_FILES + 1);
    const size_t before = open_descriptors();
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, BATCH_FILES - 1);
    assert_files(p, 0, BATCH_FILES - 1, "old");
    assert_int_equal(open_descriptors(), before + 1 + BATCH_FILES - 1);
    replace_files(directory, BATCH_FILES - 1, 2 * BATCH_FILES + 1);
    assert_files(p, 0, 2 * BATCH_FILES, "new");
    assert_files(p, 2 * BATCH_FILES, 2 * BATCH_FILES + 1, "old");
    assert_int_equal(syncfss.calls, 2);
    assert_int_equal(open_descriptors(), before + 1 + 1);
    check_close(directory);
    assert_int_equal(open_descriptors(), before);
    assert_files(p, 0, 2 * BATCH_FILES + 1, "new");
    assert_entries(p, 2 * BATCH_FILES + 1);
}

static void batch_has_a_number_of_bytes_at_most(void **state) {
    const place *const p = *state;
    struct stat status;
    count_anew(EXT4);
    make_old_files(p, 2);
    rd_directory *const directory = opened(p->directory);
    for (size_t i = 0; i < 2; i++) {
        rd_destination *destination = NULL;
        assert_files(p, 0, 2, "old");
        assert_int_equal(rd_destination_open_at(&destination, directory, numbered(i), RD_REPLACE_SAFELY, NULL), RD_OK);
        assert_int_equal(ftruncate(rd_destination_sink(destination).fd, 40 * 1024 * 1024), 0);
        assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stat(in_place(p, numbered(i)), &status), 0);
        assert_int_equal(status.st_size, 40 * 1024 * 1024);
    }
    check_close(directory);
}

static void batch_is_flushed_early_if_descriptors_are_few(void **state) {
    const place *const p = *state;
    struct rlimit before;
    count_anew(EXT4);
    make_old_files(p, 60);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    rd_directory *const directory = opened(p->directory);
    const struct rlimit few = {.rlim_cur = open_descriptors() + 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    replace_files(directory, 0, 60);
    check_close(directory);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_files(p, 0, 60, "new");
    assert_entries(p, 60);
    assert_in_range(syncfss.calls, 2, 10);
}

static void names_are_taken_in_the_order_of_the_commits(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    for (rd_replace replace = RD_REPLACE_SAFELY; replace <= RD_REPLACE_FAST; replace++) {
        make_file(p->path, "old", 0640);
        rd_directory *const directory = opened(p->directory);
        assert_int_equal(write_at(directory, "output", RD_REPLACE_SAFELY, "one"), RD_OK);
        assert_int_equal(write_at(directory, "output", replace, "two"), RD_OK);
        check_close(directory);
        assert_file(p->path, "two", 0640);
        assert_entries(p, 1);
        assert_int_equal(unlink(p->path), 0);
    }
}

static void queued_name_that_was_removed_is_taken_before_a_later_file_is_refused(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_file(p->path, "old", 0640);
    rd_directory *const directory = opened(p->directory);
    assert_int_equal(write_at(directory, "output", RD_REPLACE_SAFELY, "one"), RD_OK);
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(write_at(directory, "output", RD_REPLACE_NEVER, "two"), RD_E_EXISTS);
    assert_file(p->path, "one", 0640);
    check_close(directory);
    assert_file(p->path, "one", 0640);
}

static void directory_is_used_again_after_a_flush(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 6);
    rd_directory *const directory = opened(p->directory);
    for (size_t i = 0; i < 6; i += 2) {
        replace_files(directory, i, i + 2);
        assert_flush(directory, RD_OK, NULL, 0);
        assert_files(p, 0, i + 2, "new");
    }
    check_close(directory);
    assert_int_equal(syncfss.calls, 3);
    assert_int_equal(fsyncs.calls, 3);
}

static void discarded_directory_keeps_the_old_files(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 3);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 3);
    rd_directory_discard(directory);
    assert_files(p, 0, 3, "old");
    assert_entries(p, 3);
    rd_directory_discard(NULL);
}

static void directory_may_be_renamed_meanwhile(void **state) {
    const place *const p = *state;
    char moved[320];
    count_anew(EXT4);
    (void)snprintf(moved, sizeof moved, "%s", in_place(p, "moved"));
    assert_int_equal(mkdir(in_place(p, "before"), 0755), 0);
    rd_directory *const directory = opened(in_place(p, "before"));
    assert_int_equal(rename(in_place(p, "before"), moved), 0);
    assert_int_equal(write_at(directory, "file", RD_REPLACE_SAFELY, "one"), RD_OK);
    assert_int_equal(write_at(directory, "file", RD_REPLACE_SAFELY, "two"), RD_OK);
    check_close(directory);
    assert_file(in_place(p, "moved/file"), "two", 0644);
    assert_int_equal(unlink(in_place(p, "moved/file")), 0);
}

static void device_is_written_to_directly(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    assert_int_equal(symlink("/dev/null", in_place(p, "null")), 0);
    rd_directory *const directory = opened(p->directory);
    assert_int_equal(write_at(directory, "null", RD_REPLACE_SAFELY, "new"), RD_OK);
    check_close(directory);
    assert_entries(p, 1);
    assert_int_equal(fsyncs.calls + syncfss.calls + renames.calls, 0);
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

/* Of five queued files the one with number 2 fails. */
static void assert_third_fails(const place *p, rd_directory *directory) {
    assert_flush(directory, RD_E_IO, "file-002", EIO);
    assert_files(p, 0, 2, "new");
    assert_files(p, 2, 3, "old");
    assert_files(p, 3, 5, "new");
    assert_entries(p, 5);
    assert_flush(directory, RD_OK, NULL, 0);
    replace_files(directory, 2, 3);
    check_close(directory);
    assert_files(p, 2, 3, "new");
}

static void file_that_was_not_written_does_not_hold_up_the_others(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    ranges.fails = 2;
    make_old_files(p, 5);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 5);
    assert_third_fails(p, directory);
}

static void file_that_cannot_be_flushed_does_not_hold_up_the_others(void **state) {
    const place *const p = *state;
    count_anew(FUSE);
    fsyncs.fails = 2;
    make_old_files(p, 5);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 5);
    assert_third_fails(p, directory);
}

static void name_that_cannot_be_taken_does_not_hold_up_the_others(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    renames.fails = 2;
    make_old_files(p, 5);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 5);
    assert_third_fails(p, directory);
}

static void each_failure_is_returned_once(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 5);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 5);
    for (size_t i = 1; i < 4; i += 2) { /* the names are taken by directories */
        assert_int_equal(unlink(in_place(p, numbered(i))), 0);
        assert_int_equal(mkdir(in_place(p, numbered(i)), 0700), 0);
    }
    assert_flush(directory, RD_E_IO, "file-001", EISDIR);
    assert_files(p, 4, 5, "new");
    assert_flush(directory, RD_E_IO, "file-003", EISDIR);
    assert_flush(directory, RD_OK, NULL, 0);
    check_close(directory);
    assert_entries(p, 5);
}

static void failure_in_a_full_batch_is_returned_by_the_flush(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    renames.fails = 7;
    make_old_files(p, BATCH_FILES + 3);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, BATCH_FILES + 3);
    assert_flush(directory, RD_E_IO, "file-007", EIO);
    assert_flush(directory, RD_OK, NULL, 0);
    check_close(directory);
    assert_files(p, 7, 8, "old");
    assert_files(p, 8, BATCH_FILES + 3, "new");
    assert_entries(p, BATCH_FILES + 3);
}

static void closing_returns_a_failure_that_no_flush_has_returned(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    count_anew(EXT4);
    renames.fails = 1;
    make_old_files(p, 3);
    rd_directory *directory = opened(p->directory);
    replace_files(directory, 0, 3);
    assert_int_equal(rd_directory_close(directory, &error), RD_E_IO);
    assert_int_equal(error.system_error, EIO);
    count_anew(EXT4);
    renames.fails = 1;
    directory = opened(p->directory);
    replace_files(directory, 0, 3);
    assert_int_equal(rd_directory_close(directory, NULL), RD_E_IO);
    assert_files(p, 1, 2, "old");
    assert_entries(p, 3);
}

static void names_that_cannot_be_flushed_are_whole(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    fsyncs.fails = 0;
    make_old_files(p, 3);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 3);
    check_close(directory);
    assert_files(p, 0, 3, "new");
}

static void assert_refused_at(rd_directory *directory, const char *name, rd_replace replace, rd_result result,
                              int system_error) {
    rd_destination *destination = (rd_destination *)&destination;
    rd_error error = {.result = RD_OK};
    check_equal(rd_destination_open_at(&destination, directory, name, replace, &error), result, "%s", name);
    assert_null(destination);
    assert_int_equal(error.result, result);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    check_equal(error.system_error, system_error, "%s", name);
    assert_non_null(error.reason);
    destination = (rd_destination *)&destination;
    assert_int_equal(rd_destination_open_at(&destination, directory, name, replace, NULL), result);
    assert_null(destination);
}

static void what_cannot_be_written_is_refused(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    make_old_files(p, 1);
    assert_int_equal(mkdir(in_place(p, "directory"), 0755), 0);
    rd_directory *const directory = opened(p->directory);
    assert_refused_at(directory, "file-000", RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    assert_refused_at(directory, "file-000", (rd_replace)9, RD_E_PARAMETER, 0);
    assert_refused_at(directory, "directory", RD_REPLACE_FAST, RD_E_IO, EISDIR);
    assert_refused_at(directory, "..", RD_REPLACE_FAST, RD_E_IO, EISDIR);
    assert_refused_at(directory, "", RD_REPLACE_FAST, RD_E_IO, EISDIR);
    assert_refused_at(directory, "directory/file", RD_REPLACE_FAST, RD_E_PARAMETER, 0);
    assert_refused_at(directory, "/file", RD_REPLACE_FAST, RD_E_PARAMETER, 0);
    assert_refused_at(directory, ".redelta-0123456789abcdef-0", RD_REPLACE_FAST, RD_E_PARAMETER, 0);
    check_close(directory);
    assert_files(p, 0, 1, "old");
    assert_entries(p, 2);
}

static void what_is_no_directory_is_refused(void **state) {
    const place *const p = *state;
    rd_directory *directory = (rd_directory *)&directory;
    rd_error error = {.result = RD_OK};
    make_file(p->path, "old", 0644);
    assert_int_equal(rd_directory_open(&directory, p->path, &error), RD_E_IO);
    assert_null(directory);
    assert_int_equal(error.system_error, ENOTDIR);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    directory = (rd_directory *)&directory;
    assert_int_equal(rd_directory_open(&directory, in_place(p, "missing"), &error), RD_E_IO);
    assert_null(directory);
    assert_int_equal(error.system_error, ENOENT);
    assert_int_equal(rd_directory_open(&directory, "", NULL), RD_E_IO);
}

/* ---- Killed processes -------------------------------------------------------------------------------------------- */

/* Replaces five files, and is killed when the renaming of the one with this number starts. */
static void be_killed(const place *p, int number) {
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        renames.kills = number;
        rd_directory *const directory = opened(p->directory);
        replace_files(directory, 0, 5);
        _exit(rd_directory_close(directory, NULL) == RD_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void killed_process_leaves_each_name_whole(void **state) {
    const place *const p = *state;
    for (int number = 0; number < 5; number++) {
        count_anew(EXT4);
        make_old_files(p, 5);
        be_killed(p, number);
        assert_files(p, 0, (size_t)number, "new");
        assert_files(p, (size_t)number, 5, "old");
        rd_directory_discard(opened(p->directory));
        assert_entries(p, 5);
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(unlink(in_place(p, numbered(i))), 0);
    }
}

static void what_is_in_use_is_not_taken_for_left(void **state) {
    const place *const p = *state;
    rd_destination *alone = NULL;
    count_anew(EXT4);
    make_old_files(p, 3);
    assert_int_equal(rd_destination_open(&alone, p->path, RD_REPLACE_FAST, NULL), RD_OK);
    rd_directory *const first = opened(p->directory);
    replace_files(first, 0, 3);
    rd_directory *const second = opened(p->directory);
    check_close(second);
    check_close(first);
    put(alone, "new");
    assert_int_equal(rd_destination_commit(alone, NULL), RD_OK);
    assert_files(p, 0, 3, "new");
    assert_file(p->path, "new", 0644);
    assert_entries(p, 4);
}

static void only_files_with_names_of_the_library_are_removed(void **state) {
    static const char *const others[] = {".redelta-",
                                         ".redelta-0123456789abcdef",
                                         ".redelta-0123456789abcdef-",
                                         ".redelta-0123456789abcdef-8",
                                         ".redelta-0123456789abcdef-10",
                                         ".redelta-0123456789abcdeF-0",
                                         ".redelta-0123456789abcde-0",
                                         "redelta-0123456789abcdef-0"};
    const place *const p = *state;
    for (size_t i = 0; i < ITEMS(others); i++)
        make_file(in_place(p, others[i]), "his", 0640);
    make_file(in_place(p, ".redelta-0123456789abcdef-0"), "new", 0400);
    make_file(in_place(p, ".redelta-fedcba9876543210-7"), "", 0600);
    assert_int_equal(symlink(others[0], in_place(p, ".redelta-0123456789abcdef-1")), 0);
    assert_int_equal(mkfifo(in_place(p, ".redelta-0123456789abcdef-2"), 0600), 0);
    assert_int_equal(mkdir(in_place(p, ".redelta-0123456789abcdef-3"), 0700), 0);
    rd_directory_discard(opened(p->directory));
    assert_entries(p, ITEMS(others) + 3);
    for (size_t i = 0; i < ITEMS(others); i++)
        assert_file(in_place(p, others[i]), "his", 0640);
}

static void without_locks_nothing_is_taken_for_left(void **state) {
    const place *const p = *state;
    count_anew(EXT4);
    refuse_locks = true;
    make_old_files(p, 3);
    make_file(in_place(p, ".redelta-0123456789abcdef-0"), "his", 0600);
    rd_directory *const directory = opened(p->directory);
    replace_files(directory, 0, 3);
    refuse_locks = false; /* as for a process on another machine that has locks */
    assert_int_equal(unlink(in_place(p, ".redelta-0123456789abcdef-0")), 0);
    rd_directory_discard(opened(p->directory));
    check_close(directory);
    assert_files(p, 0, 3, "new");
    assert_entries(p, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(file_is_replaced_by_the_flush),
        BOTH_WAYS(what_needs_no_flush_is_named_at_once),
        BOTH_WAYS(batch_is_flushed_at_once),
        BOTH_WAYS(each_file_is_flushed_where_syncfs_may_not_do_that),
        BOTH_WAYS(each_file_is_flushed_where_syncfs_fails),
        BOTH_WAYS(batch_has_a_number_of_files_at_most),
        BOTH_WAYS(batch_has_a_number_of_bytes_at_most),
        BOTH_WAYS(batch_is_flushed_early_if_descriptors_are_few),
        BOTH_WAYS(names_are_taken_in_the_order_of_the_commits),
        BOTH_WAYS(queued_name_that_was_removed_is_taken_before_a_later_file_is_refused),
        BOTH_WAYS(directory_is_used_again_after_a_flush),
        BOTH_WAYS(discarded_directory_keeps_the_old_files),
        BOTH_WAYS(directory_may_be_renamed_meanwhile),
        BOTH_WAYS(device_is_written_to_directly),
        BOTH_WAYS(file_that_was_not_written_does_not_hold_up_the_others),
        BOTH_WAYS(file_that_cannot_be_flushed_does_not_hold_up_the_others),
        BOTH_WAYS(name_that_cannot_be_taken_does_not_hold_up_the_others),
        BOTH_WAYS(each_failure_is_returned_once),
        BOTH_WAYS(failure_in_a_full_batch_is_returned_by_the_flush),
        BOTH_WAYS(closing_returns_a_failure_that_no_flush_has_returned),
        BOTH_WAYS(names_that_cannot_be_flushed_are_whole),
        BOTH_WAYS(what_cannot_be_written_is_refused),
        BOTH_WAYS(what_is_no_directory_is_refused),
        BOTH_WAYS(killed_process_leaves_each_name_whole),
        BOTH_WAYS(what_is_in_use_is_not_taken_for_left),
        BOTH_WAYS(only_files_with_names_of_the_library_are_removed),
        BOTH_WAYS(without_locks_nothing_is_taken_for_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
