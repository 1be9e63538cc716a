/*
 * A file that takes its name only when it is whole.
 *
 * The bytes go to a file in the destination's directory that has no name (O_TMPFILE), or a name of its own where the
 * file system has no such files. Nothing but the last step touches the destination's name: a link that fails if the
 * name is taken, or a rename that replaces it in one. All steps go through a handle on the directory, so that nobody
 * can change what its path means in between; no step follows a symbolic link at the destination.
 *
 * Before a file is replaced safely, the new bytes are flushed to the disk: a power cut must not leave the name without
 * the old bytes and without the new. A name that was free has no old bytes to lose, and the wait, which can take longer
 * than the whole patch, is spared, as cp and tar spare it.
 *
 * An unnamed file needs no protection by its mode: there is no name to open it by. A named one is private until it is
 * complete. What a killed run left of one, the next run for the same destination removes (temporary.h).
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "base/memory.h"
#include "base/result.h"
#include "file/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A handle that is only good for the *at functions needs no right to list the directory. */
#if defined(O_PATH)
#define DIRECTORY_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#else
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#endif

enum { PROC_NAME_SIZE = 32, NEW_FILE_MODE = 0666 };

struct rd_destination {
    int fd;
    int directory;           /* -1: fd is the destination itself, not a file that will take its name */
    char *name;              /* in the directory */
    rd__temporary temporary; /* the file's own name in the directory, if it has one */
    bool locked;             /* of a file without one: for the time when it gets one */
    rd_replace replace;
    bool existed;
    struct stat old; /* the file to be replaced, if it existed */
};

static rd_result fail(rd_error *error, const char *reason) {
    return rd__fail_system(error, RD_ROLE_OUTPUT, errno, reason);
}

static rd_result fail_exists(rd_error *error) {
    return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "the file exists");
}

/* Frees the destination and what is left of the file. */
static void release(rd_destination *d) {
    rd__temporary_remove(&d->temporary);
    if (d->fd >= 0)
        close(d->fd);
    if (d->directory >= 0)
        close(d->directory);
    free(d->name);
    free(d);
}

/* Splits the path into a handle on its directory and a name in it. */
static rd_result open_directory(rd_destination *d, const char *path, rd_error *error) {
    const char *const slash = strrchr(path, '/');
    const char *const name = slash ? slash + 1 : path;
    const size_t directory_size = (size_t)(name - path);
    char *const directory = rd__alloc_array(directory_size + 2, 1);
    d->name = rd__alloc_array(strlen(name) + 1, 1);
    if (!directory || !d->name) {
        free(directory);
        return rd__fail_memory(error);
    }
    memcpy(d->name, name, strlen(name) + 1);
    memcpy(directory, path, directory_size);
    memcpy(directory + directory_size, directory_size ? "" : ".", directory_size ? 1 : 2);
    do
        d->directory = open(directory, DIRECTORY_FLAGS);
    while (d->directory < 0 && errno == EINTR);
    free(directory);
    if (d->directory < 0)
        return fail(error, "cannot open the directory for the output");
    d->temporary = rd__temporary_of(d->directory, d->name);
    return RD_OK;
}

/* Looks at what bears the name: RD_OK with *direct set if it is no file and is to be written to as it is. */
static rd_result look(rd_destination *d, bool *direct, rd_error *error) {
    struct stat target;
    *direct = false;
    if (d->name[0] == '\0') {
        errno = EISDIR;
        return fail(error, "cannot write");
    }
    if (fstatat(d->directory, d->name, &d->old, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? RD_OK : fail(error, "cannot look up the output");
    d->existed = true;
    target = d->old;
    if (S_ISLNK(d->old.st_mode) && fstatat(d->directory, d->name, &target, 0) != 0)
        target = d->old;
    if (S_ISDIR(target.st_mode)) {
        errno = EISDIR;
        return fail(error, "cannot write");
    }
    *direct = S_ISCHR(target.st_mode) || S_ISFIFO(target.st_mode) ||
              (S_ISBLK(target.st_mode) && d->replace != RD_REPLACE_NEVER);
    return *direct || d->replace != RD_REPLACE_NEVER ? RD_OK : fail_exists(error);
}

/* By the time it is opened, the name may belong to a file that somebody would not like to lose. */
static rd_result open_direct(rd_destination *d, rd_error *error) {
    struct stat status;
    d->fd = openat(d->directory, d->name, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (d->fd < 0 || fstat(d->fd, &status) != 0)
        return fail(error, "cannot open");
    if (S_ISREG(status.st_mode))
        return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "a file took the place of the device or pipe");
    close(d->directory);
    d->directory = -1;
    return RD_OK;
}

/* An unnamed file, which can be linked later through /proc. False: not here. */
static bool open_unnamed(rd_destination *d) {
#if defined(O_TMPFILE)
    char name[PROC_NAME_SIZE];
    d->fd = openat(d->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, NEW_FILE_MODE);
    if (d->fd < 0)
        return false;
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", d->fd);
    if (access(name, F_OK) == 0) {
        d->locked = rd__temporary_lock(d->fd);
        return true;
    }
    close(d->fd);
    d->fd = -1;
#else
    (void)d;
#endif
    return false;
}

/*
 * The mode that a new file gets here, which the process's umask and the directory's default access list decide. The
 * only way to ask that changes nothing for other threads is to make one.
 */
static mode_t new_file_mode(const rd_destination *d) {
    rd__temporary probe = rd__temporary_of(d->directory, d->name);
    struct stat status = {.st_mode = S_IRUSR | S_IWUSR};
    const int fd = rd__temporary_create(&probe, NEW_FILE_MODE);
    if (fd >= 0) {
        (void)fstat(fd, &status);
        rd__temporary_remove(&probe);
        close(fd);
    }
    return status.st_mode & 07777;
}

static rd_result open_file(rd_destination *d, rd_error *error) {
    if (open_unnamed(d))
        return RD_OK;
    d->fd = rd__temporary_create(&d->temporary, S_IRUSR | S_IWUSR);
    return d->fd >= 0 ? RD_OK : fail(error, "cannot create a file in the directory of the output");
}

rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    bool direct = false;
    *destination = NULL;
    rd_destination *const d = rd__alloc_zeroed(1, sizeof *d);
    if (!d)
        return rd__fail_memory(e);
    d->fd = -1;
    d->directory = -1;
    d->replace = replace;
    rd_result result = open_directory(d, path, e);
    if (result == RD_OK) {
        rd__temporary_sweep(&d->temporary);
        result = look(d, &direct, e);
    }
    if (result == RD_OK)
        result = direct ? open_direct(d, e) : open_file(d, e);
    if (result != RD_OK) {
        release(d);
        return result;
    }
    *destination = d;
    return RD_OK;
}

rd_sink rd_destination_sink(rd_destination *destination) {
    return rd_sink_fd(destination->fd);
}

void rd_destination_discard(rd_destination *destination) {
    if (destination)
        release(destination);
}

/* Gives the file the owner and the mode of what it replaces, as far as this process may, or those of a new file. */
static bool set_mode(const rd_destination *d) {
    if (!d->existed || !S_ISREG(d->old.st_mode))
        return d->temporary.name[0] == '\0' || fchmod(d->fd, new_file_mode(d)) == 0;
    const bool owned = fchown(d->fd, d->old.st_uid, d->old.st_gid) == 0;
    const mode_t mode = d->old.st_mode & (owned ? 07777 : 0777);
    return fchmod(d->fd, mode) == 0;
}

/* Flushes to the disk, where there is one to flush to. */
static bool flush(int fd) {
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* Some file systems tell only when a file is closed that there was no room. Closing another handle asks them in time.
 */
static bool close_another(int fd) {
    const int other = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return other >= 0 && (close(other) == 0 || errno == EINTR);
}

/* Moves the named file to the destination's name, which must be free. */
static bool move_if_free(rd_destination *d) {
#if defined(RENAME_NOREPLACE)
    if (renameat2(d->directory, d->temporary.name, d->directory, d->name, RENAME_NOREPLACE) == 0) {
        d->temporary.name[0] = '\0';
        return true;
    }
    if (errno == EEXIST)
        return false;
#endif
    /* The temporary name goes when the destination is released. */
    return linkat(d->directory, d->temporary.name, d->directory, d->name, 0) == 0;
}

static bool move_over(rd_destination *d) {
    if (renameat(d->directory, d->temporary.name, d->directory, d->name) != 0)
        return false;
    d->temporary.name[0] = '\0';
    return true;
}

/* The last step: the file gets the destination's name. */
static bool take_name(rd_destination *d) {
    const bool named = d->temporary.name[0] != '\0';
    if (d->replace == RD_REPLACE_NEVER)
        return named ? move_if_free(d) : rd__link_open_file(d->fd, d->directory, d->name);
    return (named || rd__temporary_link(&d->temporary, d->fd, d->locked)) && move_over(d);
}

/* Makes the new name durable. The bytes are, and either name is whole: a directory that cannot be flushed is no
 * failure. */
static void flush_directory(const rd_destination *d) {
    const int fd = openat(d->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)flush(fd);
    close(fd);
}

/* What is written to directly has its name. All that can be told of it is whether closing it succeeds. */
static rd_result commit_direct(rd_destination *d, rd_error *error) {
    const int fd = d->fd;
    d->fd = -1;
    return close(fd) == 0 || errno == EINTR ? RD_OK : fail(error, "cannot close");
}

/* Whatever can fail comes before the name is taken: a failure leaves the old file. */
static rd_result commit_file(rd_destination *d, rd_error *error) {
    const bool durable = d->existed && d->replace == RD_REPLACE_SAFELY;
    if (!set_mode(d))
        return fail(error, "cannot set the mode of the output");
    if (durable && !flush(d->fd))
        return fail(error, "cannot write the output to the disk");
    if (!close_another(d->fd))
        return fail(error, "cannot close");
    if (!take_name(d))
        return d->replace == RD_REPLACE_NEVER && errno == EEXIST ? fail_exists(error)
                                                                 : fail(error, "cannot give the output its name");
    if (durable)
        flush_directory(d);
    return RD_OK;
}

rd_result rd_destination_commit(rd_destination *destination, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    const rd_result result = destination->directory < 0 ? commit_direct(destination, e) : commit_file(destination, e);
    release(destination);
    return result;
}
