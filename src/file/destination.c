/*
 * A file that takes its name only when it is whole: how it is opened and written. See commit.c for the name.
 *
 * The bytes go to a file in the destination's directory that has no name (O_TMPFILE), or to one with a temporary name
 * where the file system has no such files; where the directory may not be written to but a file in it may, to a file
 * elsewhere. All steps go through a handle on the directory, so that nobody can change what its path means in between;
 * no step follows a symbolic link at the destination, unless the caller wants it.
 *
 * An unnamed file needs no protection by its mode: there is no name to open it by. A named one is private until it is
 * complete. What a killed process left of one, a later run removes (temporary.h).
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "file/destination.h"
#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "file/openat.h"
#include "io/sink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

rd_result rd__destination_fail(rd_error *error, const char *reason) {
    return rd__fail_system(error, RD_ROLE_OUTPUT, errno, reason);
}

rd_result rd__destination_fail_changed(rd_error *error) {
    return rd__fail(error, RD_E_CHANGED, RD_ROLE_OUTPUT, RD_UNKNOWN,
                    "was changed by another program meanwhile, so it was not replaced");
}

rd_result rd__destination_fail_own_basis(rd_error *error) {
    return rd__fail(error, RD_E_IO, RD_ROLE_OUTPUT, RD_UNKNOWN,
                    "is the basis itself, and here it can only be written over, not replaced as a whole");
}

rd_result rd__destination_fail_exists(rd_error *error) {
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
    free(d->backup);
    free(d);
}

bool rd__destination_may_retry(const rd_destination *d, rd_result result, const rd_error *error) {
    if (!d->batch || result != RD_E_IO || (error->system_error != EMFILE && error->system_error != ENFILE))
        return false;
    rd__directory_finish_batch(d->batch);
    return true;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

/* A destination of that name, in no directory yet. NULL: *error says why not. */
static rd_destination *destination_new(const char *name, rd_replace replace, rd_error *error) {
    const rd_replace plain = (unsigned)replace & ~(unsigned)RD_REPLACE_FOLLOW;
    switch (plain) {
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
    *d = (rd_destination){.fd = -1, .directory = -1, .name = copy, .replace = plain};
    return d;
}

#if defined(__linux__)
#define PROC_DESCRIPTORS "/proc/self/fd"

/* The descriptor that a name in /proc/self/fd stands for, -1 if it is no such name. */
static int destination_descriptor_of_name(const char *name) {
    char *end = NULL;
    errno = 0;
    const long number = strtol(name, &end, 10);
    return name[0] >= '0' && name[0] <= '9' && *end == '\0' && errno == 0 && number <= INT_MAX ? (int)number : -1;
}

/*
 * The descriptor of this process that a symbolic link leads to, as /dev/stdout and /dev/fd/1 do; -1: to none. What is
 * open already is written to where it stands: there is no file to be replaced.
 */
static int destination_descriptor(const rd_destination *d) {
    static const char *const roots[] = {PROC_DESCRIPTORS "/", "/dev/fd/"};
    char text[sizeof PROC_DESCRIPTORS + 16];
    struct stat here;
    struct stat descriptors;
    if (fstat(d->directory, &here) == 0 && stat(PROC_DESCRIPTORS, &descriptors) == 0 &&
        here.st_dev == descriptors.st_dev && here.st_ino == descriptors.st_ino)
        return destination_descriptor_of_name(d->name);
    const ssize_t size = readlinkat(d->directory, d->name, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        const size_t length = strlen(roots[i]);
        if (strncmp(text, roots[i], length) == 0)
            return destination_descriptor_of_name(text + length);
    }
    return -1;
}
#else
static int destination_descriptor(const rd_destination *d) {
    (void)d;
    return -1;
}
#endif

/* The number may be that of our own handle on the directory, if it was free before. */
static rd_result destination_open_descriptor(rd_destination *d, int descriptor, rd_error *error) {
    const int flags = fcntl(descriptor, F_GETFL);
    errno = EBADF;
    d->direct = true;
    if (descriptor != d->directory && flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
        d->fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return d->fd >= 0 ? RD_OK : rd__destination_fail(error, "cannot open");
}

/* Sets d->direct if the file is no regular one and is to be written to as it is, and d->fd if it is open already. */
static rd_result destination_examine_file(rd_destination *d, rd_error *error) {
    struct stat target = d->old;
    if (S_ISLNK(d->old.st_mode)) {
        const int descriptor = destination_descriptor(d);
        if (descriptor >= 0)
            return destination_open_descriptor(d, descriptor, error);
        if (fstatat(d->directory, d->name, &target, 0) != 0)
            target = d->old;
    }
    if (S_ISDIR(target.st_mode)) {
        errno = EISDIR;
        return rd__destination_fail(error, "cannot write");
    }
    if (S_ISSOCK(d->old.st_mode)) { /* somebody listens there, and would not be heard of again */
        errno = ENXIO;
        return rd__destination_fail(error, "is a socket");
    }
    d->direct = S_ISCHR(target.st_mode) || S_ISFIFO(target.st_mode) ||
                (S_ISBLK(target.st_mode) && d->replace != RD_REPLACE_NEVER);
    return d->direct || d->replace != RD_REPLACE_NEVER ? RD_OK : rd__destination_fail_exists(error);
}

/* Examines what has the name. */
static rd_result destination_examine(rd_destination *d, rd_error *error) {
    if (d->name[0] == '\0') {
        errno = EISDIR;
        return rd__destination_fail(error, "cannot write");
    }
    if (fstatat(d->directory, d->name, &d->old, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? RD_OK : rd__destination_fail(error, "cannot look up the output");
    d->existed = true;
    return destination_examine_file(d, error);
}

/* Opens a device or a pipe, unless its name has come to mean a file, which somebody may not want to lose. */
static rd_result destination_open_direct(rd_destination *d, rd_error *error) {
    struct stat status;
    if (d->fd >= 0)
        return RD_OK;
    d->fd = openat(d->directory, d->name, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (d->fd < 0 || fstat(d->fd, &status) != 0)
        return rd__destination_fail(error, "cannot open");
    if (S_ISREG(status.st_mode))
        return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "a file took the place of the device or pipe");
    return RD_OK;
}

/* Creates a file without a name, which can be linked later through /proc. False: that is not possible here. */
static bool destination_create_unnamed(rd_destination *d) {
#if defined(O_TMPFILE)
    d->fd = openat(d->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, RD__NEW_FILE_MODE);
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

/*
 * Where no file can be created beside it, an old file that may be written to is written over, once the new one is whole
 * in the directory for temporary files. False: it may not; errno is what kept the file from being created.
 */
static bool destination_create_elsewhere(rd_destination *d) {
    const int system_error = errno;
    const char *const variable = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): the program does not change it */
    const char *const path = variable && variable[0] != '\0' ? variable : "/tmp";
    const bool denied = system_error == EACCES || system_error == EPERM || system_error == EROFS;
    if (!denied || d->replace == RD_REPLACE_NEVER || !d->existed || !S_ISREG(d->old.st_mode))
        return false;
    const bool writable = faccessat(d->directory, d->name, W_OK, AT_EACCESS) == 0;
    const int directory = writable ? rd__directory_handle(path) : -1;
    if (directory >= 0) {
        rd__temporary temporary = rd__temporary_of(directory, d->name);
        d->fd = rd__temporary_create(&temporary, S_IRUSR | S_IWUSR);
        rd__temporary_remove(&temporary);
        close(directory);
    }
    d->elsewhere = d->fd >= 0;
    errno = system_error;
    return d->elsewhere;
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
    return d->fd >= 0 || destination_create_elsewhere(d)
               ? RD_OK
               : rd__destination_fail(error, "cannot create a file in the directory of the output");
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
    return d->directory >= 0 ? RD_OK : rd__destination_fail(error, "cannot open the directory for the output");
}

/* Gives the destination to the caller, or frees it if it could not be opened. */
static rd_result destination_opened(rd_destination **destination, rd_destination *d, rd_result result) {
    if (result == RD_OK)
        *destination = d;
    else
        rd__destination_free(d);
    return result;
}

/* ---- Following a symbolic link ----------------------------------------------------------------------------------- */

enum { LINKS_MAX = 40, LINK_MAX_SIZE = 4096 };

/* The path that `text`, a symbolic link's at `path`, means. NULL: out of memory. To be freed. */
static char *destination_path_of_link(const char *path, const char *text, size_t size) {
    const char *const slash = strrchr(path, '/');
    const size_t before = text[0] != '/' && slash ? (size_t)(slash - path) + 1 : 0;
    char *const joined = rd__alloc_array((uint64_t)before + size + 1, 1);
    if (joined) {
        memcpy(joined, path, before);
        memcpy(joined + before, text, size);
        joined[before + size] = '\0';
    }
    return joined;
}

/*
 * The path that the symbolic links from `path` on lead to in the end, whether there is anything or not; to be freed.
 * Those of /proc lead to open files, and are left for destination_examine. NULL: *error says why there is none.
 */
static char *destination_follow(const char *path, rd_error *error) {
    char text[LINK_MAX_SIZE];
    char *end = destination_path_of_link("", path, strlen(path));
    for (int links = 0; end; links++) {
        const bool special = strncmp(end, "/proc/", 6) == 0 || strncmp(end, "/dev/fd/", 8) == 0;
        const ssize_t size = special ? -1 : readlink(end, text, sizeof text);
        if (size <= 0)
            return end;
        const bool endless = links == LINKS_MAX || (size_t)size == sizeof text;
        char *const next = endless ? NULL : destination_path_of_link(end, text, (size_t)size);
        free(end);
        end = next;
        if (endless) {
            errno = ELOOP;
            (void)rd__destination_fail(error, "cannot follow the symbolic link");
            return NULL;
        }
    }
    (void)rd__fail_memory(error);
    return NULL;
}

/* ---- The destination --------------------------------------------------------------------------------------------- */

static rd_result destination_open_path(rd_destination **destination, const char *path, rd_replace replace,
                                       rd_error *error) {
    const char *const slash = strrchr(path, '/');
    const char *const name = slash ? slash + 1 : path;
    rd_destination *const d = destination_new(name, replace, error);
    if (!d)
        return error->result;
    rd_result result = destination_open_directory(d, path, (size_t)(name - path), error);
    if (result == RD_OK) {
        d->temporary = rd__temporary_of(d->directory, d->name);
        rd__temporary_sweep(&d->temporary);
        result = destination_start(d, error);
    }
    return destination_opened(destination, d, result);
}

rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *destination = NULL;
    if (!((unsigned)replace & RD_REPLACE_FOLLOW))
        return destination_open_path(destination, path, replace, e);
    char *const end = destination_follow(path, e);
    if (!end)
        return e->result;
    const rd_result result = destination_open_path(destination, end, replace, e);
    free(end);
    return result;
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
    if (rd__destination_may_retry(d, result, e))
        result = destination_start(d, e);
    return destination_opened(destination, d, result);
}

rd_sink rd_destination_sink(rd_destination *destination) {
    rd_sink sink = rd_sink_fd(destination->fd);
    if (destination->existed && rd__system_is_sparse(&destination->old))
        rd__sink_note(&sink, RD__SINK_REPLACES_SPARSE);
    if (!destination->direct)
        rd__sink_note(&sink, RD__SINK_UNSEEN);
    return sink;
}

void rd_destination_discard(rd_destination *destination) {
    if (destination)
        rd__destination_free(destination);
}

bool rd_destination_is_direct(const rd_destination *destination) {
    return destination->direct;
}

/* ---- What the commit is to do ------------------------------------------------------------------------------------ */

void rd_destination_notes(rd_destination *destination, unsigned *notes) {
    destination->notes_out = notes;
    *notes = destination->notes;
}

void rd_destination_set_time(rd_destination *destination, int64_t seconds, uint32_t nanoseconds) {
    destination->has_time = true;
    destination->time = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds};
}

/* Sets *named: whether the name is the basis's. */
static rd_result destination_is_basis(const rd_destination *d, const rd_source *basis, bool *named, rd_error *error) {
    struct stat status;
    *named = false;
    if (!d->existed || basis->read || basis->fd < 0)
        return RD_OK;
    if (fstat(basis->fd, &status) != 0)
        return rd__fail_system(error, RD_ROLE_BASIS, errno, "cannot be examined");
    *named = status.st_dev == d->old.st_dev && status.st_ino == d->old.st_ino;
    return RD_OK;
}

rd_result rd_destination_guard(rd_destination *destination, const rd_source *basis, rd_error *error) {
    rd_destination *const d = destination;
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    bool named = false;
    if (d->direct)
        return RD_OK;
    const rd_result result = basis ? destination_is_basis(d, basis, &named, e) : RD_OK;
    if (result != RD_OK || (basis && !named))
        return result;
    d->guarded = true;
    d->is_basis = d->is_basis || named;
    if (d->is_basis && d->elsewhere)
        return rd__fail(e, RD_E_IO, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "is the basis itself, and cannot be replaced as a whole: "
                        "no file may be created in its directory");
    /* The source is as long as the file was when it was opened, and what was added since would be lost. */
    if (named && basis->size != RD_UNKNOWN && basis->origin == 0 && basis->end == 0 &&
        basis->size != (uint64_t)d->old.st_size)
        return rd__destination_fail_changed(e);
    return RD_OK;
}

rd_result rd_destination_backup(rd_destination *destination, const char *suffix, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    rd_destination *const d = destination;
    assert(suffix);
    const size_t length = strlen(d->name);
    const size_t size = strlen(suffix) + 1;
    if (size == 1 || strchr(suffix, '/'))
        return rd__fail(e, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "the suffix of the backup is empty or contains a slash");
    free(d->backup);
    d->backup = rd__alloc_array((uint64_t)length + size, 1);
    if (!d->backup)
        return rd__fail_memory(e);
    memcpy(d->backup, d->name, length);
    memcpy(d->backup + length, suffix, size);
    return RD_OK;
}
