/*
 * system.h: what systems do differently, under one name. POSIX is the rule; Windows is in system_windows.c. A file that
 * includes this defines _FILE_OFFSET_BITS as 64 first, so that large files open on machines of 32 bits.
 */
#ifndef REDELTA_CLI_SYSTEM_H
#define REDELTA_CLI_SYSTEM_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#if defined(_WIN32)

#define SYSTEM_NULL "NUL"

/* The command line in UTF-8, as all names are here. */
char **system_arguments(char **arguments);

/* A descriptor for reading, or -1. Others may rename or remove the file meanwhile. */
int system_open(const char *name);
/* The same, without waiting for the other end of a pipe. */
int system_open_at_once(const char *name);
int system_stat(const char *name, struct stat *status);

/* A descriptor for writing to what is there or is created; it is not truncated. -1 if it cannot be. */
int system_create(const char *name);
int system_remove(const char *name);
bool system_is_open(int fd);

/* Both descriptors are of one regular file, or of one block device. */
bool system_same_file(int one, int other);

/* What the time of the last modification has beyond its seconds. */
uint32_t system_nanoseconds(const struct stat *status);

/* Whether the name is that of a symbolic link. */
bool system_is_link(const char *name);

/* Gives a file the time of the last modification of another. */
bool system_copy_time(int from, int to);

/* The columns of a terminal, 80 if that cannot be told; and whether this process is in its foreground. */
int system_terminal_width(int fd);
bool system_in_foreground(int fd);

/* Reads some of `size` bytes. */
ssize_t system_read(int fd, void *data, size_t size);

#else
#include <sys/ioctl.h>
#include <unistd.h>

#define SYSTEM_NULL "/dev/null"

static inline char **system_arguments(char **arguments) {
    return arguments;
}

static inline int system_open(const char *name) {
    return open(name, O_RDONLY | O_CLOEXEC);
}

static inline int system_open_at_once(const char *name) {
    int fd;
    do
        fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    while (fd == -1 && errno == EINTR);
    return fd;
}

static inline int system_stat(const char *name, struct stat *status) {
    return stat(name, status);
}

static inline int system_create(const char *name) {
    return open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
}

static inline int system_remove(const char *name) {
    return unlink(name);
}

static inline bool system_is_open(int fd) {
    return fcntl(fd, F_GETFD) != -1 || errno != EBADF;
}

static inline bool system_same_file(int one, int other) {
    struct stat a;
    struct stat b;
    if (fstat(one, &a) != 0 || fstat(other, &b) != 0)
        return false;
    if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
        return a.st_rdev == b.st_rdev;
    return S_ISREG(b.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static inline uint32_t system_nanoseconds(const struct stat *status) {
#if defined(__APPLE__)
    return (uint32_t)status->st_mtimespec.tv_nsec;
#else
    return (uint32_t)status->st_mtim.tv_nsec;
#endif
}

static inline bool system_is_link(const char *name) {
    struct stat status;
    return lstat(name, &status) == 0 && S_ISLNK(status.st_mode);
}

static inline bool system_copy_time(int from, int to) {
    struct stat status;
    if (fstat(from, &status) != 0)
        return false;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = status.st_mtime, .tv_nsec = (long)system_nanoseconds(&status)}};
    return futimens(to, times) == 0;
}

static inline int system_terminal_width(int fd) {
    struct winsize size = {0};
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static inline bool system_in_foreground(int fd) {
    const pid_t group = tcgetpgrp(fd);
    return group == -1 || group == getpgrp();
}

static inline ssize_t system_read(int fd, void *data, size_t size) {
    return read(fd, data, size);
}

#endif

#endif
