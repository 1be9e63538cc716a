/*
 * root.c: see root.h. Linux resolves a whole path beneath a directory by one call (openat2, RESOLVE_BENEATH). Elsewhere
 * the directories are opened one by one, each in the one before it, which refuses links and "..". What is opened cannot
 * be exchanged any more, and as the current directory it makes every further name a name within it: also the library's,
 * which opens the destination by its name.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include "cli/remote/root.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/remote/message.h"

#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif
#endif

static const int root_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;

/* ---- Directories ------------------------------------------------------------------------------------------------ */

/* Whether the system knows no such call, or something that stands before it does not. */
static bool root_is_unknown(int error) {
    return error == ENOSYS || error == EPERM || error == EINVAL || error == E2BIG;
}

/* -1 with ENOSYS: the system cannot. EXDEV: it leads out. */
static int root_open_beneath(int root, const char *path) {
#if defined(SYS_openat2) && defined(RESOLVE_BENEATH)
    const struct open_how how = {.flags = (unsigned)root_flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd;
    do
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd == -1 && (errno == EINTR || errno == EAGAIN)); /* something was renamed meanwhile */
    if (fd == -1 && root_is_unknown(errno))
        errno = ENOSYS;
    return fd;
#else
    (void)root, (void)path;
    errno = ENOSYS;
    return -1;
#endif
}

/* One directory after the other; changes `path`. */
static int root_walk(int root, char *path) {
    int fd = dup(root);
    for (char *part = path, *next; fd != -1 && part != NULL; part = next) {
        next = strchr(part, '/');
        if (next != NULL)
            *next++ = '\0';
        if (part[0] == '\0' || strcmp(part, ".") == 0)
            continue;
        const int inner = strcmp(part, "..") != 0 ? openat(fd, part, root_flags | O_NOFOLLOW) : -1;
        const int error = strcmp(part, "..") != 0 ? errno : EXDEV;
        (void)close(fd);
        fd = inner;
        errno = error;
    }
    return fd;
}

/* ---- The path --------------------------------------------------------------------------------------------------- */

static rd_result root_refuse(rd_role role, const char *reason, cli_failure *failure) {
    return failure_refusal(failure, role, reason, "name a file in the directory that is served, without '..'");
}

/* The directory in which the file lies: what stands before the last slash, or ".". */
static void root_take_folder(char *folder, const char *path, const char *name) {
    const size_t length = (size_t)(name - path);
    memcpy(folder, path, length);
    memcpy(folder + length, ".", 2);
}

rd_result root_enter(const char *root, const char *path, const char **name, rd_role role, cli_failure *failure) {
    char folder[MESSAGE_PATH_MAX + 2];
    const char *const slash = strrchr(path, '/');
    assert(strlen(path) <= MESSAGE_PATH_MAX);
    *name = slash != NULL ? slash + 1 : path;
    if (path[0] == '/')
        return root_refuse(role, "is an absolute name, and only a directory is served", failure);
    if ((*name)[0] == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return root_refuse(role, "is no name of a file", failure);
    const int top = open(root, root_flags);
    if (top == -1)
        return failure_system(failure, role, "cannot be reached: the directory that is served cannot be opened");
    root_take_folder(folder, path, *name);
    int fd = root_open_beneath(top, folder);
    if (fd == -1 && errno == ENOSYS)
        fd = root_walk(top, folder);
    int error = fd == -1 || fchdir(fd) != 0 ? errno : 0;
    (void)close(top);
    if (fd != -1)
        (void)close(fd);
    if (error == EXDEV || error == ELOOP)
        return root_refuse(role, "leads out of the directory that is served, or over a link", failure);
    errno = error;
    return error == 0 ? RD_OK : failure_system(failure, role, "cannot be opened");
}
