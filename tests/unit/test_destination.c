/*
 * Destinations: a file has its old content or its whole new one, and nothing else is left in its directory, whatever
 * happens. Everything is tested in both ways that a destination can be written: see places.h.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "places.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

static void assert_private(const place *p, const char *name, size_t *count) {
    struct stat status;
    (void)count;
    assert_int_equal(lstat(in_place(p, name), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

/* Opens, writes "new" and commits, all of which succeeds. */
static void replace_with_new(const char *path, rd_replace replace) {
    rd_destination *destination = NULL;
    rd_error error;
    assert_int_equal(rd_destination_open(&destination, path, replace, &error), RD_OK);
    put(destination, "new");
    assert_int_equal(rd_destination_commit(destination, &error), RD_OK);
}

static void assert_refused(const char *path, rd_replace replace, rd_result result, int system_error) {
    rd_destination *destination = (rd_destination *)&destination;
    rd_error error = {.result = RD_OK};
    assert_int_equal(rd_destination_open(&destination, path, replace, &error), result);
    assert_null(destination);
    assert_int_equal(error.result, result);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    assert_int_equal(error.system_error, system_error);
    assert_non_null(error.reason);
    destination = (rd_destination *)&destination;
    assert_int_equal(rd_destination_open(&destination, path, replace, NULL), result);
    assert_null(destination);
}

/* ---- New files --------------------------------------------------------------------------------------------------- */

static void new_file_gets_the_mode_that_umask_leaves(void **state) {
    static const mode_t masks[] = {022, 077, 027, 0, 0177};
    const place *const p = *state;
    for (size_t i = 0; i < ITEMS(masks); i++) {
        (void)umask(masks[i]);
        replace_with_new(p->path, i % 2);
        assert_file(p->path, "new", 0666 & ~masks[i]);
        assert_entries(p, 1);
        assert_int_equal(unlink(p->path), 0);
    }
}

static void name_is_free_until_the_commit(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_NEVER, NULL), RD_OK);
    put(destination, "new");
    assert_int_equal(access(p->path, F_OK), -1);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_file(p->path, "new", 0644);
}

static void only_a_file_system_without_unnamed_files_shows_a_private_temporary_name(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_NEVER, NULL), RD_OK);
    put(destination, "new");
    assert_entries(p, refuse_unnamed ? 1 : 0);
    each_entry(p, assert_private, NULL);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_entries(p, 1);
}

static void discarded_file_leaves_nothing(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_NEVER, NULL), RD_OK);
    put(destination, "new");
    rd_destination_discard(destination);
    assert_entries(p, 0);
    rd_destination_discard(NULL);
}

static void file_that_appears_meanwhile_is_not_overwritten(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    rd_error error = {.result = RD_OK};
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_NEVER, NULL), RD_OK);
    put(destination, "new");
    make_file(p->path, "his", 0640);
    assert_int_equal(rd_destination_commit(destination, &error), RD_E_EXISTS);
    assert_int_equal(error.result, RD_E_EXISTS);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    assert_file(p->path, "his", 0640);
    assert_entries(p, 1);
}

static void file_that_appears_meanwhile_is_replaced_if_it_may_be(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_SAFELY, NULL), RD_OK);
    put(destination, "new");
    make_file(p->path, "his", 0640);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_file(p->path, "new", 0640);
    assert_entries(p, 1);
}

static void name_may_be_as_long_as_names_can_be(void **state) {
    const place *const p = *state;
    char name[256];
    memset(name, 'n', sizeof name - 1);
    name[255] = '\0';
    char path[320];
    (void)snprintf(path, sizeof path, "%s", in_place(p, name));
    replace_with_new(path, RD_REPLACE_NEVER);
    assert_file(path, "new", 0644);
    replace_with_new(path, RD_REPLACE_SAFELY);
    assert_file(path, "new", 0644);
    assert_entries(p, 1);
}

static void name_longer_than_that_is_refused(void **state) {
    const place *const p = *state;
    char name[257];
    memset(name, 'n', sizeof name - 1);
    name[256] = '\0';
    char path[320];
    (void)snprintf(path, sizeof path, "%s", in_place(p, name));
    assert_refused(path, RD_REPLACE_NEVER, RD_E_IO, ENAMETOOLONG);
    assert_entries(p, 0);
}

static void path_without_a_directory_is_in_the_current_one(void **state) {
    const place *const p = *state;
    const int before = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(before >= 0);
    assert_int_equal(chdir(p->directory), 0);
    replace_with_new("output", RD_REPLACE_NEVER);
    assert_refused("output", RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    replace_with_new("output", RD_REPLACE_SAFELY);
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_file(p->path, "new", 0644);
    assert_entries(p, 1);
}

/* ---- Files that are there ---------------------------------------------------------------------------------------- */

static void existing_file_is_refused_unless_it_may_be_replaced(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0644);
    assert_refused(p->path, RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    assert_file(p->path, "old", 0644);
    assert_entries(p, 1);
}

static void replaced_file_keeps_its_mode(void **state) {
    static const mode_t modes[] = {0600, 0755, 0444, 0640, 0000, 04711};
    const place *const p = *state;
    for (size_t i = 0; i < ITEMS(modes); i++) {
        struct stat status;
        make_file(p->path, "old", modes[i]);
        replace_with_new(p->path, RD_REPLACE_SAFELY);
        assert_int_equal(lstat(p->path, &status), 0);
        /* Set-user-ID was granted to other bytes. */
        check_equal(status.st_mode & 07777, modes[i] & 0777, "mode %o", (unsigned)modes[i]);
        assert_entries(p, 1);
        assert_int_equal(chmod(p->path, 0600), 0);
        assert_file(p->path, "new", 0600);
        assert_int_equal(unlink(p->path), 0);
    }
}

static void old_file_is_untouched_until_the_commit_and_after_a_discard(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    make_file(p->path, "old", 0600);
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_SAFELY, NULL), RD_OK);
    put(destination, "new");
    assert_file(p->path, "old", 0600);
    rd_destination_discard(destination);
    assert_file(p->path, "old", 0600);
    assert_entries(p, 1);
}

static void whoever_has_the_old_file_open_keeps_it(void **state) {
    const place *const p = *state;
    char bytes[4] = {0};
    make_file(p->path, "old", 0600);
    const int fd = open(p->path, O_RDONLY);
    replace_with_new(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(read(fd, bytes, 3), 3);
    assert_string_equal(bytes, "old");
    close(fd);
}

static void file_that_goes_away_meanwhile_is_made_again(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    make_file(p->path, "old", 0600);
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_SAFELY, NULL), RD_OK);
    put(destination, "new");
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_file(p->path, "new", 0600);
    assert_entries(p, 1);
}

static void two_destinations_of_one_name_do_not_meet(void **state) {
    const place *const p = *state;
    rd_destination *first = NULL;
    rd_destination *second = NULL;
    assert_int_equal(rd_destination_open(&first, p->path, RD_REPLACE_SAFELY, NULL), RD_OK);
    assert_int_equal(rd_destination_open(&second, p->path, RD_REPLACE_SAFELY, NULL), RD_OK);
    put(first, "one");
    put(second, "two");
    assert_int_equal(rd_destination_commit(second, NULL), RD_OK);
    assert_file(p->path, "two", 0644);
    assert_int_equal(rd_destination_commit(first, NULL), RD_OK);
    assert_file(p->path, "one", 0644);
    assert_entries(p, 1);
}

/* ---- Several threads --------------------------------------------------------------------------------------------- */

enum { WRITERS = 4, ROUNDS = 50 };

typedef struct writers {
    const char *path;
    rd_replace replace;
    atomic_size_t done;
    atomic_size_t refused;
} writers;

/* A whole run; the assertions of cmocka are for its own thread. */
static void *write_once(void *context) {
    writers *const w = context;
    rd_destination *destination = NULL;
    rd_result result = rd_destination_open(&destination, w->path, w->replace, NULL);
    if (result == RD_OK) {
        const rd_sink sink = rd_destination_sink(destination);
        result = rd_sink_write(&sink, "new", 3, NULL);
        if (result == RD_OK)
            result = rd_destination_commit(destination, NULL);
        else
            rd_destination_discard(destination);
    }
    atomic_fetch_add(&w->done, result == RD_OK ? 1 : 0);
    atomic_fetch_add(&w->refused, result == RD_E_EXISTS ? 1 : 0);
    return NULL;
}

static writers write_at_once(const char *path, rd_replace replace) {
    pthread_t threads[WRITERS];
    writers w = {.path = path, .replace = replace};
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_once, &w), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    return w;
}

static void of_several_threads_one_takes_a_free_name(void **state) {
    const place *const p = *state;
    for (int round = 0; round < ROUNDS; round++) {
        const writers w = write_at_once(p->path, RD_REPLACE_NEVER);
        assert_int_equal(w.done, 1);
        assert_int_equal(w.refused, WRITERS - 1);
        assert_file(p->path, "new", 0644);
        assert_entries(p, 1);
        assert_int_equal(unlink(p->path), 0);
    }
}

static void several_threads_may_replace_one_file(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0640);
    for (int round = 0; round < ROUNDS; round++) {
        const writers w = write_at_once(p->path, round % 2 ? RD_REPLACE_FAST : RD_REPLACE_SAFELY);
        assert_int_equal(w.done, WRITERS);
        assert_file(p->path, "new", 0640);
        assert_entries(p, 1);
    }
}

/* ---- Killed runs ------------------------------------------------------------------------------------------------- */

/* So many destinations of one name, open at the same time in a process that is then killed. */
static void open_and_be_killed(const char *path, size_t count) {
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (size_t i = 0; i < count; i++) {
            rd_destination *destination = NULL;
            if (rd_destination_open(&destination, path, RD_REPLACE_FAST, NULL) != RD_OK)
                _exit(1);
        }
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void next_run_removes_what_a_killed_one_left(void **state) {
    const place *const p = *state;
    for (size_t count = 1; count <= 8; count++) {
        open_and_be_killed(p->path, count);
        assert_entries(p, refuse_unnamed ? count : 0);
        rd_destination *destination = NULL;
        assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_FAST, NULL), RD_OK);
        assert_entries(p, refuse_unnamed ? 1 : 0);
        rd_destination_discard(destination);
        assert_entries(p, 0);
    }
}

static void next_run_removes_it_also_if_it_is_refused(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0600);
    open_and_be_killed(p->path, 1);
    assert_refused(p->path, RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    assert_file(p->path, "old", 0600);
    assert_entries(p, 1);
}

static void what_was_left_for_another_name_stays(void **state) {
    const place *const p = *state;
    open_and_be_killed(in_place(p, "another"), 1);
    replace_with_new(p->path, RD_REPLACE_FAST);
    assert_entries(p, refuse_unnamed ? 2 : 1);
}

static void destinations_in_use_are_not_taken_for_left_ones(void **state) {
    rd_destination *destinations[20];
    const place *const p = *state;
    for (size_t i = 0; i < ITEMS(destinations); i++) {
        assert_int_equal(rd_destination_open(&destinations[i], p->path, RD_REPLACE_FAST, NULL), RD_OK);
        assert_entries(p, refuse_unnamed ? i + 1 : 0);
    }
    for (size_t i = 0; i < ITEMS(destinations); i++) {
        const char content[] = {'n', '0', (char)('a' + i), '\0'};
        put(destinations[i], content);
        assert_int_equal(rd_destination_commit(destinations[i], NULL), RD_OK);
        assert_file(p->path, content, 0644);
    }
    assert_entries(p, 1);
}

/* A name that destinations of `path` have for a time; for named ones only. */
static void find_temporary_name(const place *p, char found[256]) {
    rd_destination *destination = NULL;
    DIR *const directory = opendir(p->directory);
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_FAST, NULL), RD_OK);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (strncmp(entry->d_name, ".redelta-", 9) == 0)
            (void)snprintf(found, 256, "%s", entry->d_name);
    }
    closedir(directory);
    rd_destination_discard(destination);
}

static void what_is_no_file_is_not_taken_for_a_left_one(void **state) {
    char temporary[256] = "";
    char path[320];
    const place *const p = *state;
    find_temporary_name(p, temporary);
    assert_string_not_equal(temporary, "");
    make_file(in_place(p, "target"), "old", 0600);
    (void)snprintf(path, sizeof path, "%s", in_place(p, temporary));
    for (int kind = 0; kind < 3; kind++) {
        assert_int_equal(kind == 0 ? symlink("target", path) : kind == 1 ? mkfifo(path, 0600) : mkdir(path, 0700), 0);
        replace_with_new(p->path, RD_REPLACE_FAST);
        assert_file(p->path, "new", 0644);
        assert_file(in_place(p, "target"), "old", 0600);
        assert_entries(p, 3);
        assert_int_equal(kind == 2 ? rmdir(path) : unlink(path), 0);
    }
}

static void without_locks_nothing_is_taken_for_a_left_one(void **state) {
    const place *const p = *state;
    rd_destination *first = NULL;
    refuse_locks = true;
    assert_int_equal(rd_destination_open(&first, p->path, RD_REPLACE_FAST, NULL), RD_OK);
    put(first, "one");
    replace_with_new(p->path, RD_REPLACE_SAFELY);
    refuse_locks = false; /* as for a run on another machine that has locks */
    replace_with_new(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_commit(first, NULL), RD_OK);
    assert_file(p->path, "one", 0644);
    assert_entries(p, 1);
}

/* ---- Symbolic links ---------------------------------------------------------------------------------------------- */

static void symbolic_link_is_replaced_and_its_target_untouched(void **state) {
    const place *const p = *state;
    make_file(in_place(p, "target"), "old", 0600);
    assert_int_equal(symlink("target", p->path), 0);
    replace_with_new(p->path, RD_REPLACE_SAFELY);
    assert_file(p->path, "new", 0600); /* as private as what could be read by that name before */
    assert_file(in_place(p, "target"), "old", 0600);
    assert_entries(p, 2);
}

static void symbolic_link_is_refused_unless_it_may_be_replaced(void **state) {
    const place *const p = *state;
    make_file(in_place(p, "target"), "old", 0600);
    assert_int_equal(symlink("target", p->path), 0);
    assert_refused(p->path, RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    assert_file(in_place(p, "target"), "old", 0600);
}

static void dangling_link_is_refused_unless_it_may_be_replaced(void **state) {
    const place *const p = *state;
    assert_int_equal(symlink("nowhere", p->path), 0);
    assert_refused(p->path, RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    assert_entries(p, 1);
    replace_with_new(p->path, RD_REPLACE_SAFELY);
    assert_file(p->path, "new", 0644);
    assert_entries(p, 1);
}

static void link_that_appears_meanwhile_is_not_followed(void **state) {
    const place *const p = *state;
    for (rd_replace replace = RD_REPLACE_NEVER; replace <= RD_REPLACE_FAST; replace++) {
        rd_destination *destination = NULL;
        assert_int_equal(rd_destination_open(&destination, p->path, replace, NULL), RD_OK);
        put(destination, "new");
        assert_int_equal(symlink("nowhere", p->path), 0);
        assert_int_equal(rd_destination_commit(destination, NULL), replace == RD_REPLACE_NEVER ? RD_E_EXISTS : RD_OK);
        assert_int_equal(access(in_place(p, "nowhere"), F_OK), -1);
        assert_entries(p, 1);
        assert_int_equal(unlink(p->path), 0);
    }
}

static void value_that_is_none_of_the_enum_is_refused(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0644);
    assert_refused(p->path, (rd_replace)9, RD_E_PARAMETER, 0);
    assert_refused(p->path, (rd_replace)3, RD_E_PARAMETER, 0);
    assert_file(p->path, "old", 0644);
    assert_entries(p, 1);
}

/* ---- What is no file --------------------------------------------------------------------------------------------- */

static void directory_is_refused(void **state) {
    const place *const p = *state;
    assert_int_equal(mkdir(p->path, 0755), 0);
    assert_int_equal(symlink("output", in_place(p, "link")), 0);
    for (rd_replace replace = RD_REPLACE_NEVER; replace <= RD_REPLACE_FAST; replace++) {
        assert_refused(p->path, replace, RD_E_IO, EISDIR);
        assert_refused(p->directory, replace, RD_E_IO, EISDIR);
        assert_refused(in_place(p, "link"), replace, RD_E_IO, EISDIR);
        assert_refused(in_place(p, "output/"), replace, RD_E_IO, EISDIR);
        assert_refused(in_place(p, ".."), replace, RD_E_IO, EISDIR);
    }
    assert_refused("/", RD_REPLACE_SAFELY, RD_E_IO, EISDIR);
    assert_entries(p, 2);
}

static void missing_directory_is_refused(void **state) {
    const place *const p = *state;
    assert_refused(in_place(p, "missing/output"), RD_REPLACE_NEVER, RD_E_IO, ENOENT);
    assert_refused(in_place(p, "missing/output"), RD_REPLACE_SAFELY, RD_E_IO, ENOENT);
    assert_entries(p, 0);
}

static void file_in_place_of_a_directory_is_refused(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0644);
    assert_refused(in_place(p, "output/output"), RD_REPLACE_SAFELY, RD_E_IO, ENOTDIR);
    assert_file(p->path, "old", 0644);
}

static void directory_that_goes_away_meanwhile_is_a_failure(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    rd_error error = {.result = RD_OK};
    assert_int_equal(mkdir(in_place(p, "gone"), 0755), 0);
    assert_int_equal(rd_destination_open(&destination, in_place(p, "gone/output"), RD_REPLACE_SAFELY, NULL), RD_OK);
    put(destination, "new");
    if (rmdir(in_place(p, "gone")) != 0) { /* it holds the temporary name */
        rd_destination_discard(destination);
        assert_int_equal(rmdir(in_place(p, "gone")), 0);
        return;
    }
    assert_int_equal(rd_destination_commit(destination, &error), RD_E_IO);
    assert_int_equal(error.system_error, ENOENT);
    assert_entries(p, 0);
}

static void device_is_written_to_directly(void **state) {
    const place *const p = *state;
    char target[16];
    for (rd_replace replace = RD_REPLACE_NEVER; replace <= RD_REPLACE_FAST; replace++) {
        struct stat status;
        replace_with_new("/dev/null", replace);
        assert_int_equal(stat("/dev/null", &status), 0);
        assert_true(S_ISCHR(status.st_mode));
    }
    assert_int_equal(symlink("/dev/null", p->path), 0);
    replace_with_new(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(readlink(p->path, target, sizeof target), strlen("/dev/null"));
    assert_entries(p, 1);
}

static void full_device_fails_and_is_left_as_it_is(void **state) {
    (void)state;
    rd_destination *destination = NULL;
    rd_error error = {.result = RD_OK};
    struct stat status;
    assert_int_equal(rd_destination_open(&destination, "/dev/full", RD_REPLACE_SAFELY, NULL), RD_OK);
    const rd_source basis = rd_source_memory("basis", 5);
    const rd_sink sink = rd_destination_sink(destination);
    const rd_options options = {.size = sizeof options, .error = &error};
    assert_int_equal(rd_signature_make(&basis, &sink, &options), RD_E_IO);
    assert_int_equal(error.system_error, ENOSPC);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    rd_destination_discard(destination);
    assert_int_equal(stat("/dev/full", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
}

static void pipe_is_written_to_directly(void **state) {
    const place *const p = *state;
    char bytes[4] = {0};
    struct stat status;
    assert_int_equal(mkfifo(p->path, 0600), 0);
    const int reader = open(p->path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    replace_with_new(p->path, RD_REPLACE_NEVER);
    assert_int_equal(read(reader, bytes, sizeof bytes), 3);
    assert_string_equal(bytes, "new");
    close(reader);
    assert_int_equal(lstat(p->path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    assert_entries(p, 1);
}

/* It would be overwritten from its start. */
static void file_in_the_place_of_a_pipe_is_not_written_to(void **state) {
    const place *const p = *state;
    rd_destination *destination = (rd_destination *)&destination;
    assert_int_equal(mkfifo(p->path, 0600), 0);
    swapped = p->path;
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_FAST, NULL), RD_E_EXISTS);
    assert_null(destination);
    assert_null(swapped);
    assert_file(p->path, "", 0600);
    assert_entries(p, 1);
}

static void old_file_keeps_its_content_under_other_names(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0640);
    assert_int_equal(link(p->path, in_place(p, "other")), 0);
    replace_with_new(p->path, RD_REPLACE_SAFELY);
    assert_file(in_place(p, "other"), "old", 0640);
    assert_file(p->path, "new", 0640);
    assert_entries(p, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(new_file_gets_the_mode_that_umask_leaves),
        BOTH_WAYS(name_is_free_until_the_commit),
        BOTH_WAYS(only_a_file_system_without_unnamed_files_shows_a_private_temporary_name),
        BOTH_WAYS(discarded_file_leaves_nothing),
        BOTH_WAYS(file_that_appears_meanwhile_is_not_overwritten),
        BOTH_WAYS(file_that_appears_meanwhile_is_replaced_if_it_may_be),
        BOTH_WAYS(name_may_be_as_long_as_names_can_be),
        BOTH_WAYS(name_longer_than_that_is_refused),
        BOTH_WAYS(path_without_a_directory_is_in_the_current_one),
        BOTH_WAYS(existing_file_is_refused_unless_it_may_be_replaced),
        BOTH_WAYS(replaced_file_keeps_its_mode),
        BOTH_WAYS(old_file_is_untouched_until_the_commit_and_after_a_discard),
        BOTH_WAYS(whoever_has_the_old_file_open_keeps_it),
        BOTH_WAYS(file_that_goes_away_meanwhile_is_made_again),
        BOTH_WAYS(two_destinations_of_one_name_do_not_meet),
        BOTH_WAYS(of_several_threads_one_takes_a_free_name),
        BOTH_WAYS(several_threads_may_replace_one_file),
        BOTH_WAYS(next_run_removes_what_a_killed_one_left),
        BOTH_WAYS(next_run_removes_it_also_if_it_is_refused),
        BOTH_WAYS(what_was_left_for_another_name_stays),
        BOTH_WAYS(destinations_in_use_are_not_taken_for_left_ones),
        BY_NAMED(what_is_no_file_is_not_taken_for_a_left_one),
        BOTH_WAYS(without_locks_nothing_is_taken_for_a_left_one),
        BOTH_WAYS(old_file_keeps_its_content_under_other_names),
        BOTH_WAYS(symbolic_link_is_replaced_and_its_target_untouched),
        BOTH_WAYS(symbolic_link_is_refused_unless_it_may_be_replaced),
        BOTH_WAYS(dangling_link_is_refused_unless_it_may_be_replaced),
        BOTH_WAYS(link_that_appears_meanwhile_is_not_followed),
        BOTH_WAYS(value_that_is_none_of_the_enum_is_refused),
        BOTH_WAYS(directory_is_refused),
        BOTH_WAYS(missing_directory_is_refused),
        BOTH_WAYS(file_in_place_of_a_directory_is_refused),
        BOTH_WAYS(directory_that_goes_away_meanwhile_is_a_failure),
        BOTH_WAYS(device_is_written_to_directly),
        BOTH_WAYS(full_device_fails_and_is_left_as_it_is),
        BOTH_WAYS(pipe_is_written_to_directly),
        BOTH_WAYS(file_in_the_place_of_a_pipe_is_not_written_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
