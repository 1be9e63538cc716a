/*
 * A file that takes its name only when it is whole.
 *
 * The bytes go to a file in the destination's directory that has no name (O_TMPFILE), or to one with a temporary name
 * where the file system has no such files. Only the last step touches the destination's name: a link that fails if the
 * name is taken, or a rename that replaces it atomically. All steps go through a handle on the directory, so that
 * nobody can change what its path means in between; no step follows a symbolic link at the destination.
 *
 * Before a file is replaced safely, the new bytes are flushed to the disk: a power cut must not leave the name without
 * the old bytes and without the new. A name that was free has no old bytes to lose, so it is not flushed, which could
 * take longer than the whole patch; cp and tar do not flush either. Files that must be flushed share the wait if they
 * are written in an open directory (directory.c).
 *
 * An unnamed file needs no protection by its mode: there is no name to open it by. A named one is private until it is
 * complete. What a killed process left of one, a later run removes (temporary.h).
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "file/destination.h"
#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEW_FILE_MODE = 0666 };

static rd_result destination_fail(rd_error *error, const char *reason) {
    return rd__fail_system(error, RD_ROLE_OUTPUT, errno, reason);
}

static rd_result destination_fail_exists(rd_error *error) {
    return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "the file exists");
}

void rd__destination_close(rd_destination *d) {
    rd__temporary_remove(&d->temporary);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

void rd__destination_free(rd_destination *d) {
    rd__destination_close(d);
    if (!d->batch && d->directory >= 0)
        close(d->directory);
    free(d->name);
    free(d);
}

/* Whether the call lacked descriptors. Then the queued files have been made to return theirs. */
static bool destination_may_retry(const rd_destination *d, rd_result result, const rd_error *error) {
    if (!d->batch || result != RD_E_IO || (error->system_error != EMFILE && error->system_error != ENFILE))
        return false;
    rd__directory_finish_batch(d->batch);
    return true;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

/* A destination of that name, in no directory yet. NULL: *error says why not. */
static rd_destination *destination_new(const char *name, rd_replace replace, rd_error *error) {
    switch (replace) {
    case RD_REPLACE_NEVER:
    case RD_REPLACE_SAFELY:
    case RD_REPLACE_FAST: break;
    default:
        (void)rd__fail(error, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN, "`replace` is not one of enum rd_replace");
        return NULL;
    }
    rd_destination *const d = rd__alloc_zeroed(1, sizeof *d);
    const size_t size = strlen(name) + 1;
    char *const copy = rd__alloc_array(size, 1);
    if (!d || !copy) {
        free(d);
        free(copy);
        (void)rd__fail_memory(error);
        return NULL;
    }
    memcpy(copy, name, size);
    *d = (rd_destination){.fd = -1, .directory = -1, .name = copy, .replace = replace};
    return d;
}

/* Examines what has the name, and sets d->direct if that is no file and is to be written to as it is. */
static rd_result destination_examine(rd_destination *d, rd_error *error) {
    struct stat target;
    if (d->name[0] == '\0') {
        errno = EISDIR;
        return destination_fail(error, "cannot write");
    }
    if (fstatat(d->directory, d->name, &d->old, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? RD_OK : destination_fail(error, "cannot look up the output");
    d->existed = true;
    target = d->old;
    if (S_ISLNK(d->old.st_mode) && fstatat(d->directory, d->name, &target, 0) != 0)
        target = d->old;
    if (S_ISDIR(target.st_mode)) {
        errno = EISDIR;
        return destination_fail(error, "cannot write");
    }
    d->direct = S_ISCHR(target.st_mode) || S_ISFIFO(target.st_mode) ||
                (S_ISBLK(target.st_mode) && d->replace != RD_REPLACE_NEVER);
    return d->direct || d->replace != RD_REPLACE_NEVER ? RD_OK : destination_fail_exists(error);
}

/* Opens a device or a pipe, unless its name has come to mean a file, which somebody may not want to lose. */
static rd_result destination_open_direct(rd_destination *d, rd_error *error) {
    struct stat status;
    d->fd = openat(d->directory, d->name, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (d->fd < 0 || fstat(d->fd, &status) != 0)
        return destination_fail(error, "cannot open");
    if (S_ISREG(status.st_mode))
        return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "a file took the place of the device or pipe");
    return RD_OK;
}

/* Creates a file without a name, which can be linked later through /proc. False: that is not possible here. */
static bool destination_create_unnamed(rd_destination *d) {
#if defined(O_TMPFILE)
    d->fd = openat(d->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, NEW_FILE_MODE);
    if (d->fd < 0)
        return false;
    if (d->batch ? rd__directory_can_link(d->batch) : rd__can_link_open_file(d->fd)) {
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

/* Opens what is to be written: d->directory and d->name are set. */
static rd_result destination_start(rd_destination *d, rd_error *error) {
    const rd_result result = destination_examine(d, error);
    if (result != RD_OK)
        return result;
    if (d->direct)
        return destination_open_direct(d, error);
    if (destination_create_unnamed(d))
        return RD_OK;
    d->fd = rd__temporary_create(&d->temporary, S_IRUSR | S_IWUSR);
    return d->fd >= 0 ? RD_OK : destination_fail(error, "cannot create a file in the directory of the output");
}

/* Opens the directory of the path: its first `size` characters, or the current one if that is 0. */
static rd_result destination_open_directory(rd_destination *d, const char *path, size_t size, rd_error *error) {
    char *const directory = rd__alloc_array((uint64_t)size + 2, 1);
    if (!directory)
        return rd__fail_memory(error);
    memcpy(directory, path, size);
    memcpy(directory + size, size > 0 ? "" : ".", size > 0 ? 1 : 2);
    d->directory = rd__directory_handle(directory);
    const int system_error = errno;
    free(directory);
    errno = system_error;
    return d->directory >= 0 ? RD_OK : destination_fail(error, "cannot open the directory for the output");
}

/* Gives the destination to the caller, or frees it if it could not be opened. */
static rd_result destination_opened(rd_destination **destination, rd_destination *d, rd_result result) {
    if (result == RD_OK)
        *destination = d;
    else
        rd__destination_free(d);
    return result;
}

rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *destination = NULL;
    const char *const slash = strrchr(path, '/');
    const char *const name = slash ? slash + 1 : path;
    rd_destination *const d = destination_new(name, replace, e);
    if (!d)
        return e->result;
    rd_result result = destination_open_directory(d, path, (size_t)(name - path), e);
    if (result == RD_OK) {
        d->temporary = rd__temporary_of(d->directory, d->name);
        rd__temporary_sweep(&d->temporary);
        result = destination_start(d, e);
    }
    return destination_opened(destination, d, result);
}

rd_result rd_destination_open_at(rd_destination **destination, rd_directory *directory, const char *name,
                                 rd_replace replace, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *destination = NULL;
    if (strchr(name, '/'))
        return rd__fail(e, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN, "the name in the directory contains a slash");
    if (rd__temporary_is_place(name)) /* the next sweep would remove the file */
        return rd__fail(e, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "names of this form are reserved for files that are being written");
    rd_destination *const d = destination_new(name, replace, e);
    if (!d)
        return e->result;
    d->batch = directory;
    d->directory = rd__directory_fd(directory);
    d->temporary = rd__temporary_of(d->directory, d->name);
    rd_result result = destination_start(d, e);
    if (destination_may_retry(d, result, e))
        result = destination_start(d, e);
    return destination_opened(destination, d, result);
}

rd_sink rd_destination_sink(rd_destination *destination) {
    return rd_sink_fd(destination->fd);
}

void rd_destination_discard(rd_destination *destination) {
    if (destination)
        rd__destination_free(destination);
}

/* ---- Committing -------------------------------------------------------------------------------------------------- */

/*
 * The mode of a new file here, which depends on the process's umask and the directory's default access list. The only
 * way to find out without changing anything for other threads is to create one.
 */
static mode_t destination_new_file_mode(const rd_destination *d) {
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

/* Gives the file the owner and the mode of what it replaces, as far as this process may, or those of a new file. */
static bool destination_set_mode(const rd_destination *d) {
    if (!d->existed || !S_ISREG(d->old.st_mode))
        return d->temporary.name[0] == '\0' || fchmod(d->fd, destination_new_file_mode(d)) == 0;
    const bool owned = fchown(d->fd, d->old.st_uid, d->old.st_gid) == 0;
    const mode_t mode = d->old.st_mode & (owned ? 07777 : 0777);
    return fchmod(d->fd, mode) == 0;
}

bool rd__destination_flush(int fd) {
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP;
}

void rd__destination_flush_names(int directory) {
    const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)rd__destination_flush(fd);
    close(fd);
}

/* Moves the file with a temporary name to the destination's name, which must be free. */
static bool destination_move_if_free(rd_destination *d) {
#if defined(RENAME_NOREPLACE)
    if (renameat2(d->directory, d->temporary.name, d->directory, d->name, RENAME_NOREPLACE) == 0) {
        d->temporary.name[0] = '\0';
        return true;
    }
    if (errno == EEXIST)
        return false;
#endif
    /* The temporary name is removed when the destination is closed. */
    return linkat(d->directory, d->temporary.name, d->directory, d->name, 0) == 0;
}

rd_result rd__destination_take_name(rd_destination *d, rd_error *error) {
    assert(d->fd >= 0 && !d->direct);
    const bool named = d->temporary.name[0] != '\0';
    if (d->replace == RD_REPLACE_NEVER) {
        if (named ? destination_move_if_free(d) : rd__link_open_file(d->fd, d->directory, d->name))
            return RD_OK;
        return errno == EEXIST ? destination_fail_exists(error)
                               : destination_fail(error, "cannot give the output its name");
    }
    if (!named && !d->existed && rd__link_open_file(d->fd, d->directory, d->name))
        return RD_OK; /* still free: spares a name that would be renamed at once */
    if ((!named && !rd__temporary_link(&d->temporary, d->fd, d->locked)) ||
        renameat(d->directory, d->temporary.name, d->directory, d->name) != 0)
        return destination_fail(error, "cannot give the output its name");
    d->temporary.name[0] = '\0';
    return RD_OK;
}

/* A device or a pipe has its name. All that can still fail is closing it. */
static rd_result destination_commit_direct(rd_destination *d, rd_error *error) {
    const int fd = d->fd;
    d->fd = -1;
    return close(fd) == 0 || errno == EINTR ? RD_OK : destination_fail(error, "cannot close");
}

/* Everything that can fail comes before the name is taken: a failure leaves the old file. */
static rd_result destination_complete(const rd_destination *d, rd_error *error) {
    if (!destination_set_mode(d))
        return destination_fail(error, "cannot set the mode of the output");
    /* Some file systems report only at a close that there was no room, and any handle will do for that. */
    const int other = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
    if (other < 0 || (close(other) != 0 && errno != EINTR))
        return destination_fail(error, "cannot close");
    return RD_OK;
}

/* Flushes a complete file if `durable`, and gives it its name. */
static rd_result destination_finish(rd_destination *d, bool durable, rd_error *error) {
    if (durable && !rd__destination_flush(d->fd))
        return destination_fail(error, "cannot write the output to the disk");
    const rd_result result = rd__destination_take_name(d, error);
    if (durable && result == RD_OK)
        rd__destination_flush_names(d->directory);
    return result;
}

rd_result rd_destination_commit(rd_destination *destination, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    rd_destination *const d = destination;
    const bool durable = d->existed && d->replace == RD_REPLACE_SAFELY;
    rd_result result = d->direct ? destination_commit_direct(d, e) : destination_complete(d, e);
    if (!d->direct && destination_may_retry(d, result, e))
        result = destination_complete(d, e);
    if (!d->direct && result == RD_OK) {
        if (d->batch && durable) {
            rd__directory_queue(d->batch, d);
            return RD_OK;
        }
        /* Names are taken in the order of the commits. */
        if (d->batch && rd__directory_has_queued(d->batch, d->name))
            rd__directory_finish_batch(d->batch);
        result = destination_finish(d, durable, e);
    }
    rd__destination_free(d);
    return result;
}
