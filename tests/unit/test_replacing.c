/*
 * What a destination does beyond taking its name: the guard against changes by others, backups, times, links that are
 * followed, what is written to directly, and outputs that are inputs. And that all of it works as well where the file
 * system can neither exchange two files, nor refuse to replace one in a rename, nor link; then that is noted.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "places.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- A file system that can do less ------------------------------------------------------------------------------ */

static bool refuse_flags; /* of renames */
static bool refuse_links;

/* Somebody who writes to the old file right before the exchange, and to whatever has its name right after it. */
static const place *meddling;
static bool meddling_appends; /* to it; else he replaces it */

/* How often two files changed places, and what somebody makes of the old one right before that. */
static unsigned exchanges;
static void (*before_exchange)(const place *);
static const place *exchanged;

static void overwrite(const char *path, const char *content);

static void meddle_after(const place *p) {
    if (meddling_appends) {
        const int fd = open(p->path, O_WRONLY | O_APPEND);
        assert_int_equal(write(fd, "more", 4), 4);
        close(fd);
    } else {
        char other[320];
        (void)snprintf(other, sizeof other, "%s", in_place(p, "other"));
        assert_int_equal(rename(other, p->path), 0);
    }
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    const place *const p = flags == RENAME_EXCHANGE ? meddling : NULL;
    if (refuse_flags && flags != 0) {
        errno = EINVAL;
        return -1;
    }
    meddling = p ? NULL : meddling;
    exchanges += flags == RENAME_EXCHANGE;
    if (before_exchange && flags == RENAME_EXCHANGE) {
        void (*const act)(const place *) = before_exchange;
        before_exchange = NULL;
        act(exchanged);
    }
    if (p) {
        (void)usleep(20000);
        overwrite(p->path, "his");
    }
    const int result = (int)syscall(SYS_renameat2, from, old, to, new, flags);
    if (p) {
        (void)usleep(20000);
        meddle_after(p);
    }
    return result;
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    if (refuse_links) {
        errno = EPERM;
        return -1;
    }
    return (int)syscall(SYS_linkat, from, old, to, new, flags);
}

static int enter_for_no_flags(void **state) {
    refuse_flags = true;
    return enter(state, true);
}

static int enter_for_neither(void **state) {
    refuse_flags = true;
    refuse_links = true;
    return enter(state, true);
}

static int leave_again(void **state) {
    refuse_flags = false;
    refuse_links = false;
    return leave(state);
}

#define EACH_WAY(test)                                                                                                 \
    BOTH_WAYS(test), {#test "_without_flags", test, enter_for_no_flags, leave_again, NULL}, {                          \
#test "_without_flags_and_links", test, enter_for_neither, leave_again, NULL                                   \
    }

static rd_destination *opened(const char *path, rd_replace replace) {
    rd_destination *destination = NULL;
    assert_int_equal(rd_destination_open(&destination, path, replace, NULL), RD_OK);
    put(destination, "new");
    return destination;
}

static void overwrite(const char *path, const char *content) {
    const int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

/* ---- The guard --------------------------------------------------------------------------------------------------- */

typedef enum change { APPENDED, WRITTEN, REPLACED, REMOVED, LINKED, BACKDATED, CHANGES } change;

static void change_file(const place *p, change how) {
    struct stat before;
    assert_int_equal(stat(p->path, &before), 0);
    switch (how) {
    case APPENDED: overwrite(p->path, "old, and more"); break;
    case WRITTEN: overwrite(p->path, "his"); break;
    case REPLACED:
        make_file(in_place(p, "other"), "his", 0644);
        assert_int_equal(rename(in_place(p, "other"), p->path), 0);
        break;
    case REMOVED: assert_int_equal(unlink(p->path), 0); break;
    case LINKED:
        assert_int_equal(unlink(p->path), 0);
        assert_int_equal(symlink("nowhere", p->path), 0);
        break;
    case BACKDATED: {
        const struct timespec times[2] = {before.st_atim, before.st_mtim};
        overwrite(p->path, "his");
        assert_int_equal(utimensat(AT_FDCWD, p->path, times, 0), 0);
        break;
    }
    default: fail();
    }
}

static void what_others_did_meanwhile_is_not_lost(void **state) {
    const place *const p = *state;
    for (change how = APPENDED; how < CHANGES; how++) {
        struct stat then;
        struct stat now;
        rd_error error = {.result = RD_OK};
        make_file(p->path, "old", 0644);
        rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
        assert_int_equal(rd_destination_guard(destination, NULL, &error), RD_OK);
        (void)usleep(20000); /* longer than a tick of the clock of files */
        change_file(p, how);
        const bool there = lstat(p->path, &then) == 0;
        check_equal(rd_destination_commit(destination, &error), RD_E_CHANGED, "change %d", (int)how);
        assert_int_equal(error.role, RD_ROLE_OUTPUT);
        check_equal(lstat(p->path, &now) == 0, there, "change %d", (int)how);
        if (there) {
            assert_int_equal(now.st_ino, then.st_ino);
            assert_int_equal(now.st_size, then.st_size);
            assert_int_equal(unlink(p->path), 0);
        }
        assert_entries(p, 0);
    }
}

static void file_that_appears_is_not_lost_by_a_guard(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_guard(destination, NULL, NULL), RD_OK);
    make_file(p->path, "his", 0640);
    assert_int_equal(rd_destination_commit(destination, &error), RD_E_CHANGED);
    assert_file(p->path, "his", 0640);
    assert_entries(p, 1);
}

static void guarded_file_that_nobody_changed_is_replaced(void **state) {
    const place *const p = *state;
    for (int existed = 0; existed < 2; existed++) {
        rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
        assert_int_equal(rd_destination_guard(destination, NULL, NULL), RD_OK);
        assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
        assert_file(p->path, "new", 0644);
        assert_entries(p, 1);
    }
}

static void mode_that_was_changed_meanwhile_is_taken_over(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0644);
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_guard(destination, NULL, NULL), RD_OK);
    assert_int_equal(chmod(p->path, 0600), 0);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_file(p->path, "new", 0600);
    assert_entries(p, 1);
}

/* The guard of a basis: of the file that has the name and no other, with all the bytes that the source counts. */
static void basis_is_guarded_if_it_has_the_name(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    make_file(p->path, "old", 0644);
    make_file(in_place(p, "other"), "other", 0644);
    const int fd = open(p->path, O_RDONLY);
    const int other = open(in_place(p, "other"), O_RDONLY);
    const rd_source basis = rd_source_fd(fd);
    const rd_source another = rd_source_fd(other);

    rd_destination *destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_guard(destination, &another, NULL), RD_OK);
    overwrite(p->path, "his");
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_file(p->path, "new", 0644);

    destination = opened(p->path, RD_REPLACE_SAFELY); /* the basis has no name any more */
    assert_int_equal(rd_destination_guard(destination, &basis, NULL), RD_OK);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    close(fd);
    close(other);

    const int again = open(p->path, O_RDONLY);
    const rd_source read = rd_source_fd(again);
    overwrite(p->path, "longer than before");
    destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_guard(destination, &read, &error), RD_E_CHANGED);
    assert_int_equal(error.result, RD_E_CHANGED);
    rd_destination_discard(destination);
    assert_file(p->path, "longer than before", 0644);
    assert_entries(p, 2);
    close(again);
}

/* What programs do between the exchange and the exchange back: see renameat2 above. */
static void third_program_loses_nothing_either(void **state) {
    const place *const p = *state;
    for (int third = 0; third < 2; third++) {
        rd_error error = {.result = RD_OK};
        make_file(p->path, "old", 0644);
        make_file(in_place(p, "other"), "third", 0644);
        rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
        assert_int_equal(rd_destination_guard(destination, NULL, NULL), RD_OK);
        meddling = p;
        meddling_appends = third == 0;
        assert_int_equal(rd_destination_commit(destination, &error), RD_E_CHANGED);
        assert_null(meddling);
        if (third == 0) { /* what it added to the new file, which had the name, is beside it */
            assert_file(p->path, "his", 0644);
            assert_entries(p, 3);
            assert_non_null(strstr(error.reason, ".redelta-*"));
        } else {
            assert_file(p->path, "third", 0644);
            assert_entries(p, 1);
        }
        each_entry(p, remove_entry, NULL);
    }
}

/* ---- Backups, times ---------------------------------------------------------------------------------------------- */

static void old_file_is_kept_as_a_backup(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0640);
    make_file(in_place(p, "output~"), "older", 0600);
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_backup(destination, ".wrong", NULL), RD_OK);
    assert_int_equal(rd_destination_backup(destination, "~", NULL), RD_OK);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_file(p->path, "new", 0640);
    assert_file(in_place(p, "output~"), "old", 0640);
    assert_entries(p, 2);
}

static void backup_of_nothing_is_nothing(void **state) {
    const place *const p = *state;
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_backup(destination, "~", NULL), RD_OK);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_file(p->path, "new", 0644);
    assert_entries(p, 1);
}

static void backup_that_cannot_be_made_keeps_the_old_file(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    make_file(p->path, "old", 0644);
    assert_int_equal(mkdir(in_place(p, "output~"), 0755), 0);
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_backup(destination, "~", NULL), RD_OK);
    assert_int_equal(rd_destination_commit(destination, &error), RD_E_IO);
    assert_int_equal(error.system_error, EISDIR);
    assert_file(p->path, "old", 0644);
    assert_entries(p, 2);
}

static void suffix_that_names_no_file_is_refused(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    assert_int_equal(rd_destination_backup(destination, "", &error), RD_E_PARAMETER);
    assert_int_equal(rd_destination_backup(destination, "/x", &error), RD_E_PARAMETER);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    rd_destination_discard(destination);
    assert_entries(p, 0);
}

static void time_is_set_last(void **state) {
    const place *const p = *state;
    struct stat status;
    make_file(p->path, "old", 0644);
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    rd_destination_set_time(destination, 1000000000, 123456789);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_int_equal(stat(p->path, &status), 0);
    assert_int_equal(status.st_mtim.tv_sec, 1000000000);
    assert_int_equal(status.st_mtim.tv_nsec, 123456789);
}

/* ---- Large files that can be made again -------------------------------------------------------------------------- */

enum { LARGE = 1024 * 1024 };

/* `new`, and as many more bytes as make it large. */
static rd_destination *opened_large(const place *p, rd_replace replace) {
    static const uint8_t zeros[LARGE];
    rd_destination *const destination = opened(p->path, replace);
    const rd_sink sink = rd_destination_sink(destination);
    assert_int_equal(rd_sink_write(&sink, zeros, sizeof zeros, NULL), RD_OK);
    exchanges = 0;
    exchanged = p;
    return destination;
}

static void assert_large(const place *p, mode_t mode) {
    struct stat status;
    assert_int_equal(lstat(p->path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(status.st_size, 3 + LARGE);
    assert_int_equal(status.st_mode & 07777, mode);
    assert_entries(p, 1);
}

static void large_file_changes_places_with_the_old_one(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0640);
    assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_FAST), NULL), RD_OK);
    assert_int_equal(exchanges, 1);
    assert_large(p, 0640);
    assert_int_equal(rd_destination_commit(opened(p->path, RD_REPLACE_FAST), NULL), RD_OK);
    assert_int_equal(exchanges, 1);
    assert_file(p->path, "new", 0640);
    assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_SAFELY), NULL), RD_OK);
    assert_int_equal(exchanges, 0);
    assert_large(p, 0640);
}

/* Where its name could not be told from that of another run, or the old file is none. */
static void what_cannot_be_locked_is_renamed_over(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0640);
    const int fd = open(p->path, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_FAST), NULL), RD_OK);
    close(fd);
    assert_int_equal(exchanges, 0);
    assert_large(p, 0640);

    refuse_locks = true;
    assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_FAST), NULL), RD_OK);
    assert_int_equal(exchanges, 0);
    assert_large(p, 0640);

    refuse_locks = false;
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(symlink("nowhere", p->path), 0);
    assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_FAST), NULL), RD_OK);
    assert_int_equal(exchanges, 0);
    assert_large(p, 0644);
}

static void replace_by_file(const place *p) {
    assert_int_equal(unlink(p->path), 0);
    make_file(p->path, "his", 0600);
}

static void remove_file(const place *p) {
    assert_int_equal(unlink(p->path), 0);
}

static void replace_by_directory(const place *p) {
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(mkdir(p->path, 0700), 0);
}

/* As it would be with a rename. */
static void what_takes_its_place_before_the_exchange_is_replaced(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    struct stat status;
    void (*const changes[])(const place *) = {replace_by_file, remove_file};
    for (size_t i = 0; i < ITEMS(changes); i++) {
        make_file(p->path, "old", 0640);
        before_exchange = changes[i];
        assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_FAST), NULL), RD_OK);
        assert_null(before_exchange);
        assert_large(p, 0640);
        assert_int_equal(unlink(p->path), 0);
    }
    make_file(p->path, "old", 0640);
    before_exchange = replace_by_directory;
    assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_FAST), &error), RD_E_IO);
    assert_int_equal(error.system_error, EISDIR);
    assert_int_equal(lstat(p->path, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_entries(p, 1);
}

static void large_file_is_renamed_where_nothing_can_be_exchanged(void **state) {
    const place *const p = *state;
    make_file(p->path, "old", 0640);
    refuse_flags = true;
    assert_int_equal(rd_destination_commit(opened_large(p, RD_REPLACE_FAST), NULL), RD_OK);
    refuse_flags = false;
    assert_large(p, 0640);
}

/* ---- Notes ------------------------------------------------------------------------------------------------------- */

static void name_that_is_taken_in_two_steps_is_noted(void **state) {
    const place *const p = *state;
    unsigned notes = 0xff;
    rd_destination *destination = opened(p->path, RD_REPLACE_NEVER);
    rd_destination_notes(destination, &notes);
    assert_int_equal(notes, 0);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_int_equal(notes, refuse_links ? RD_NOTE_NAME : 0);
    assert_file(p->path, "new", 0644);

    destination = opened(p->path, RD_REPLACE_SAFELY);
    rd_destination_notes(destination, &notes);
    assert_int_equal(rd_destination_backup(destination, "~", NULL), RD_OK);
    assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    assert_int_equal(notes, refuse_links ? RD_NOTE_NAME : 0);
    assert_entries(p, 2);
}

/* ---- Links that are followed ------------------------------------------------------------------------------------- */

static void link_is_followed_if_it_is_to_be(void **state) {
    const place *const p = *state;
    make_file(in_place(p, "file"), "old", 0600);
    assert_int_equal(symlink("file", in_place(p, "inner")), 0);
    assert_int_equal(symlink(in_place(p, "inner"), p->path), 0);
    assert_int_equal(rd_destination_commit(opened(p->path, RD_REPLACE_SAFELY | RD_REPLACE_FOLLOW), NULL), RD_OK);
    assert_file(in_place(p, "file"), "new", 0600);
    assert_entries(p, 3);
    rd_destination *destination = NULL;
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_NEVER | RD_REPLACE_FOLLOW, NULL),
                     RD_E_EXISTS);
}

static void link_to_nothing_is_followed(void **state) {
    const place *const p = *state;
    assert_int_equal(symlink("file", p->path), 0);
    assert_int_equal(rd_destination_commit(opened(p->path, RD_REPLACE_NEVER | RD_REPLACE_FOLLOW), NULL), RD_OK);
    assert_file(in_place(p, "file"), "new", 0644);
    assert_entries(p, 2);
}

static void links_in_a_circle_are_refused(void **state) {
    const place *const p = *state;
    rd_destination *destination = NULL;
    rd_error error = {.result = RD_OK};
    assert_int_equal(symlink("output", p->path), 0);
    assert_int_equal(rd_destination_open(&destination, p->path, RD_REPLACE_FAST | RD_REPLACE_FOLLOW, &error), RD_E_IO);
    assert_int_equal(error.system_error, ELOOP);
    assert_entries(p, 1);
}

/* ---- What cannot be replaced as a whole -------------------------------------------------------------------------- */

static void socket_is_refused(void **state) {
    const place *const p = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/output", p->directory);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    for (rd_replace replace = RD_REPLACE_NEVER; replace <= RD_REPLACE_FAST; replace++) {
        rd_destination *destination = NULL;
        rd_error error = {.result = RD_OK};
        assert_int_equal(rd_destination_open(&destination, p->path, replace, &error), RD_E_IO);
        assert_int_equal(error.system_error, ENXIO);
    }
    close(fd);
    assert_entries(p, 1);
}

/* The position is the descriptor's: what was written through it before stays. */
static void descriptor_is_written_to_where_it_stands(void **state) {
    const place *const p = *state;
    char name[32];
    char content[16] = {0};
    const int fd = open(in_place(p, "file"), O_RDWR | O_CREAT | O_EXCL, 0600);
    (void)snprintf(name, sizeof name, "/dev/fd/%d", fd);
    assert_int_equal(symlink(name, p->path), 0);
    assert_int_equal(write(fd, "a", 1), 1);
    const char *const paths[] = {name, p->path};
    for (rd_replace replace = RD_REPLACE_NEVER; replace <= RD_REPLACE_FAST; replace++) {
        rd_destination *const destination = opened(paths[replace % 2], replace);
        assert_true(rd_destination_is_direct(destination));
        assert_int_equal(rd_destination_commit(destination, NULL), RD_OK);
    }
    assert_int_equal(pread(fd, content, sizeof content, 0), 10);
    assert_string_equal(content, "anewnewnew");
    close(fd);
    rd_destination *destination = NULL;
    assert_int_equal(rd_destination_open(&destination, name, RD_REPLACE_FAST, NULL), RD_E_IO);
    assert_entries(p, 2);
}

static void output_that_is_an_input_is_refused(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    const rd_options options = {.size = sizeof options, .error = &error};
    make_file(p->path, "old", 0644);
    const int fd = open(p->path, O_RDONLY);
    const int out = open(p->path, O_WRONLY);
    const rd_source source = rd_source_fd(fd);
    const rd_source other = rd_source_memory("old", 3);
    const rd_sink sink = rd_sink_fd(out);
    rd_delta_writer *writer = NULL;
    assert_int_equal(rd_patch_apply(&source, &other, &sink, &options), RD_E_PARAMETER);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    assert_int_equal(rd_patch_apply(&other, &source, &sink, &options), RD_E_PARAMETER);
    assert_int_equal(rd_signature_make(&source, &sink, &options), RD_E_PARAMETER);
    assert_int_equal(rd_delta_make(NULL, &source, &sink, &options), RD_E_PARAMETER);
    assert_int_equal(rd_delta_writer_new(&writer, &sink, &source, &options), RD_E_PARAMETER);
    assert_null(writer);
    close(fd);
    close(out);
    assert_file(p->path, "old", 0644);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH_WAY(what_others_did_meanwhile_is_not_lost),
        EACH_WAY(file_that_appears_is_not_lost_by_a_guard),
        EACH_WAY(guarded_file_that_nobody_changed_is_replaced),
        EACH_WAY(mode_that_was_changed_meanwhile_is_taken_over),
        EACH_WAY(basis_is_guarded_if_it_has_the_name),
        BOTH_WAYS(third_program_loses_nothing_either),
        EACH_WAY(old_file_is_kept_as_a_backup),
        EACH_WAY(backup_of_nothing_is_nothing),
        EACH_WAY(backup_that_cannot_be_made_keeps_the_old_file),
        BOTH_WAYS(suffix_that_names_no_file_is_refused),
        EACH_WAY(time_is_set_last),
        BOTH_WAYS(large_file_changes_places_with_the_old_one),
        BOTH_WAYS(what_cannot_be_locked_is_renamed_over),
        BOTH_WAYS(what_takes_its_place_before_the_exchange_is_replaced),
        BOTH_WAYS(large_file_is_renamed_where_nothing_can_be_exchanged),
        EACH_WAY(name_that_is_taken_in_two_steps_is_noted),
        EACH_WAY(link_is_followed_if_it_is_to_be),
        EACH_WAY(link_to_nothing_is_followed),
        BOTH_WAYS(links_in_a_circle_are_refused),
        BOTH_WAYS(socket_is_refused),
        BOTH_WAYS(descriptor_is_written_to_where_it_stands),
        BOTH_WAYS(output_that_is_an_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
