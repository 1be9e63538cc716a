/*
 * System calls that fail on demand: loaded before the C library (LD_PRELOAD), this comes between a command and the
 * kernel.
 *
 * REDELTA_FAULTS in the environment is a list of words, each CALL:NUMBER:ACTION, separated by spaces.
 *   CALL     the name of a function below, without a 64; unnamed for an open of a file without a name (O_TMPFILE);
 *            any for each of them; memory for an allocation, which is no system call and not one of any
 *   NUMBER   which call of it, from 0; with a - after it, all from that one on; * for all; odd for every second one,
 *            from the first
 *   ACTION   an errno by its number: the call fails and does nothing. short: it transfers a byte. kill, or a signal's
 *            number as s15: the process gets the signal, then the call is made. run: a shell runs REDELTA_FAULTS_RUN,
 *            without faults, then the call is made
 *
 * REDELTA_FAULTS_ROOM is a number of bytes: regular files take no more in all, as on a full disk.
 *
 * REDELTA_FAULTS_LOG names a file that gets a line for each fault: the name of the call. Without any fault, the number
 * of calls is wanted, so it gets `calls NUMBER` when the process ends by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- What the environment asks for ------------------------------------------------------------------------------- */

enum { FAULTS_MAX = 16, NAME_SIZE = 32, EVERY = -1, ODD = -2 };

typedef enum action { FAIL, SHORT, SIGNAL, RUN } action;

typedef struct fault {
    char call[NAME_SIZE];
    long number;
    bool lasting; /* all from that one on */
    action action;
    int value; /* errno or signal */
    atomic_long calls;
} fault;

static fault faults[FAULTS_MAX];
static int fault_count;
static atomic_long calls;
static atomic_long room = -1; /* -1: no limit */
static int log_fd = -1;

/* The test is wrong, and must not pass for lack of a fault. */
static void refuse(const char *word) {
    (void)fprintf(stderr, "REDELTA_FAULTS: %s is not understood\n", word);
    abort();
}

static void read_fault(const char *word) {
    fault *const f = &faults[fault_count];
    char number[NAME_SIZE];
    char what[NAME_SIZE];
    if (fault_count == FAULTS_MAX || sscanf(word, "%31[^:]:%31[^:]:%31s", f->call, number, what) != 3)
        refuse(word);
    f->number = strcmp(number, "*") == 0 ? EVERY : strcmp(number, "odd") == 0 ? ODD : strtol(number, NULL, 10);
    f->lasting = number[strlen(number) - 1] == '-';
    if (strcmp(what, "short") == 0)
        f->action = SHORT;
    else if (strcmp(what, "run") == 0)
        f->action = RUN;
    else if (strcmp(what, "kill") == 0 || what[0] == 's')
        f->action = SIGNAL;
    else
        f->action = FAIL;
    f->value = strcmp(what, "kill") == 0 ? SIGKILL : (int)strtol(what + (what[0] == 's'), NULL, 10);
    if ((f->action == FAIL || f->action == SIGNAL) && f->value <= 0)
        refuse(word);
    fault_count++;
}

__attribute__((constructor)) static void read_environment(void) {
    const char *const words = getenv("REDELTA_FAULTS");
    const char *const bytes = getenv("REDELTA_FAULTS_ROOM");
    const char *const log = getenv("REDELTA_FAULTS_LOG");
    if (log) /* far from the lowest free one, where the commands expect no file */
        log_fd = (int)syscall(SYS_fcntl, syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600),
                              F_DUPFD_CLOEXEC, 100);
    if (bytes)
        room = strtol(bytes, NULL, 10);
    char *const copy = strdup(words ? words : "");
    char *rest = copy;
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(rest, " ", &rest))
        read_fault(word);
    free(copy);
}

/* With the system calls themselves, because the functions are those below. */
static void put_log(const char *line) {
    const int saved = errno;
    if (log_fd >= 0)
        (void)syscall(SYS_write, log_fd, line, strlen(line));
    errno = saved;
}

__attribute__((destructor)) static void tell_calls(void) {
    char line[NAME_SIZE];
    (void)snprintf(line, sizeof line, "calls %ld\n", atomic_load(&calls));
    put_log(line);
}

/* Has a shell run the command that the environment names. If that fails, so does the test. */
static void run_command(void) {
    const int saved = errno;
    char shell[] = "/bin/sh";
    char option[] = "-ec";
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const command = getenv("REDELTA_FAULTS_RUN");
    char *const words[] = {shell, option, command, NULL};
    char *const variables[] = {path, NULL};
    int status = -1;
    const pid_t child = command ? fork() : -1;
    if (child == 0) {
        (void)execve(shell, words, variables);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        refuse("run");
    errno = saved;
}

static bool is_due(fault *f, const char *call) {
    const bool any = strcmp(f->call, "any") == 0 && strcmp(call, "memory") != 0;
    if (!any && strcmp(f->call, call) != 0)
        return false;
    const long number = atomic_fetch_add(&f->calls, 1);
    return f->number == EVERY || (f->number == ODD && number % 2 == 0) || f->number == number ||
           (f->lasting && f->number < number);
}

/* True: the call must fail, with errno set. *shorter is set if it must transfer only a byte. */
static bool has_fault(const char *call, bool *shorter) {
    bool fails = false;
    for (int i = 0; i < fault_count; i++) {
        fault *const f = &faults[i];
        if (!is_due(f, call))
            continue;
        char line[NAME_SIZE + 1];
        (void)snprintf(line, sizeof line, "%s\n", call);
        put_log(line);
        if (f->action == SIGNAL)
            (void)syscall(SYS_kill, getpid(), f->value);
        else if (f->action == SHORT)
            *shorter = true;
        else if (f->action == RUN)
            run_command();
        else
            fails = true;
        errno = f->action == FAIL ? f->value : errno;
    }
    return fails;
}

/* Counts a system call. */
static bool must_fail(const char *call, bool *shorter) {
    atomic_fetch_add(&calls, 1);
    return has_fault(call, shorter);
}

/* ---- The functions ----------------------------------------------------------------------------------------------- */

/* Sets `function`, a pointer to one, to the next of that name. */
#define NEXT(function, name)                                                                                           \
    do {                                                                                                               \
        void *const address = dlsym(RTLD_NEXT, name);                                                                  \
        memcpy(&(function), &address, sizeof address);                                                                 \
    } while (0)

/* A function that fails or is the next of its name. */
#define PLAIN(type, name, symbol, parameters, arguments)                                                               \
    type here_##symbol parameters __asm__(#symbol);                                                                    \
    type here_##symbol parameters {                                                                                    \
        static type(*next) parameters;                                                                                 \
        bool shorter = false;                                                                                          \
        if (must_fail(name, &shorter))                                                                                 \
            return -1;                                                                                                 \
        if (!next)                                                                                                     \
            NEXT(next, #symbol);                                                                                       \
        return next arguments;                                                                                         \
    }

PLAIN(int, "fsync", fsync, (int fd), (fd))
PLAIN(int, "syncfs", syncfs, (int fd), (fd))
PLAIN(int, "sync_file_range", sync_file_range, (int fd, long long offset, long long size, unsigned flags),
      (fd, offset, size, flags))
PLAIN(int, "fstatfs", fstatfs, (int fd, void *status), (fd, status))
PLAIN(int, "fstatfs", fstatfs64, (int fd, void *status), (fd, status))
PLAIN(int, "fchmod", fchmod, (int fd, mode_t mode), (fd, mode))
PLAIN(int, "fchown", fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
PLAIN(int, "flock", flock, (int fd, int operation), (fd, operation))
PLAIN(int, "access", access, (const char *path, int mode), (path, mode))
PLAIN(int, "fstat", fstat, (int fd, void *status), (fd, status))
PLAIN(int, "fstat", fstat64, (int fd, void *status), (fd, status))
PLAIN(int, "stat", stat, (const char *path, void *status), (path, status))
PLAIN(int, "stat", stat64, (const char *path, void *status), (path, status))
PLAIN(int, "fstatat", fstatat, (int fd, const char *path, void *status, int flags), (fd, path, status, flags))
PLAIN(int, "fstatat", fstatat64, (int fd, const char *path, void *status, int flags), (fd, path, status, flags))
PLAIN(off_t, "lseek", lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
PLAIN(off_t, "lseek", lseek64, (int fd, off_t offset, int whence), (fd, offset, whence))
PLAIN(int, "ftruncate", ftruncate, (int fd, off_t size), (fd, size))
PLAIN(int, "ftruncate", ftruncate64, (int fd, off_t size), (fd, size))
PLAIN(int, "linkat", linkat, (int from, const char *old, int to, const char *new, int flags),
      (from, old, to, new, flags))
PLAIN(int, "renameat", renameat, (int from, const char *old, int to, const char *new), (from, old, to, new))
PLAIN(int, "renameat2", renameat2, (int from, const char *old, int to, const char *new, unsigned flags),
      (from, old, to, new, flags))
PLAIN(ssize_t, "getrandom", getrandom, (void *data, size_t size, unsigned flags), (data, size, flags))
PLAIN(ssize_t, "fgetxattr", fgetxattr, (int fd, const char *name, void *value, size_t size), (fd, name, value, size))
PLAIN(ssize_t, "flistxattr", flistxattr, (int fd, char *list, size_t size), (fd, list, size))
PLAIN(int, "fsetxattr", fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags),
      (fd, name, value, size, flags))
PLAIN(int, "fremovexattr", fremovexattr, (int fd, const char *name), (fd, name))
PLAIN(ssize_t, "getxattr", getxattr, (const char *path, const char *name, void *value, size_t size),
      (path, name, value, size))
PLAIN(ssize_t, "lgetxattr", lgetxattr, (const char *path, const char *name, void *value, size_t size),
      (path, name, value, size))
PLAIN(ssize_t, "listxattr", listxattr, (const char *path, char *list, size_t size), (path, list, size))
PLAIN(ssize_t, "llistxattr", llistxattr, (const char *path, char *list, size_t size), (path, list, size))
PLAIN(int, "fallocate", fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
PLAIN(int, "fallocate", fallocate64, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
PLAIN(int, "unlinkat", unlinkat, (int directory, const char *path, int flags), (directory, path, flags))

/* A close that fails has closed nevertheless. */
int here_close(int fd) __asm__("close");
int here_close(int fd) {
    bool shorter = false;
    const bool fails = must_fail("close", &shorter);
    const int saved = errno;
    const int result = (int)syscall(SYS_close, fd);
    errno = fails ? saved : errno;
    return fails ? -1 : result;
}

int here_fcntl(int fd, int command, ...) __asm__("fcntl");
int here_fcntl64(int fd, int command, ...) __asm__("fcntl64");

static int do_fcntl(int fd, int command, long argument) {
    bool shorter = false;
    return must_fail("fcntl", &shorter) ? -1 : (int)syscall(SYS_fcntl, fd, command, argument);
}

int here_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    const long argument = va_arg(arguments, long);
    va_end(arguments);
    return do_fcntl(fd, command, argument);
}

int here_fcntl64(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    const long argument = va_arg(arguments, long);
    va_end(arguments);
    return do_fcntl(fd, command, argument);
}

int here_ioctl(int fd, unsigned long request, ...) __asm__("ioctl");
int here_ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    bool shorter = false;
    va_start(arguments, request);
    void *const argument = va_arg(arguments, void *);
    va_end(arguments);
    return must_fail("ioctl", &shorter) ? -1 : (int)syscall(SYS_ioctl, fd, request, argument);
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static int do_open(const char *call, int directory, const char *path, int flags, va_list arguments) {
    const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    const mode_t mode = unnamed || flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    bool shorter = false;
    if (must_fail(unnamed ? "unnamed" : call, &shorter))
        return -1;
    return (int)syscall(SYS_openat, directory, path, flags | O_LARGEFILE, mode);
}

#define OPEN(symbol)                                                                                                   \
    int here_##symbol(const char *path, int flags, ...) __asm__(#symbol);                                              \
    int here_##symbol(const char *path, int flags, ...) {                                                              \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        const int fd = do_open("open", AT_FDCWD, path, flags, arguments);                                              \
        va_end(arguments);                                                                                             \
        return fd;                                                                                                     \
    }

#define OPENAT(symbol)                                                                                                 \
    int here_##symbol(int directory, const char *path, int flags, ...) __asm__(#symbol);                               \
    int here_##symbol(int directory, const char *path, int flags, ...) {                                               \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        const int fd = do_open("openat", directory, path, flags, arguments);                                           \
        va_end(arguments);                                                                                             \
        return fd;                                                                                                     \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* ---- Transfers --------------------------------------------------------------------------------------------------- */

static size_t fewer(size_t size, bool shorter) {
    return shorter && size > 1 ? 1 : size;
}

/* How many of `size` bytes the disk takes, -1 with errno if none. They are subtracted from the room. */
static ssize_t take_room(int fd, size_t size) {
    struct stat status;
    if (atomic_load(&room) < 0 || syscall(SYS_newfstatat, fd, "", &status, AT_EMPTY_PATH) != 0 ||
        !S_ISREG(status.st_mode) || size == 0)
        return (ssize_t)size;
    const long left = atomic_load(&room);
    const long taken = left < (long)size ? left : (long)size;
    atomic_fetch_sub(&room, taken);
    if (taken > 0)
        return taken;
    put_log("room\n");
    errno = ENOSPC;
    return -1;
}

ssize_t here_read(int fd, void *data, size_t size) __asm__("read");
ssize_t here_read(int fd, void *data, size_t size) {
    bool shorter = false;
    return must_fail("read", &shorter) ? -1 : syscall(SYS_read, fd, data, fewer(size, shorter));
}

#define PREAD(symbol)                                                                                                  \
    ssize_t here_##symbol(int fd, void *data, size_t size, off_t offset) __asm__(#symbol);                             \
    ssize_t here_##symbol(int fd, void *data, size_t size, off_t offset) {                                             \
        bool shorter = false;                                                                                          \
        return must_fail("pread", &shorter) ? -1 : syscall(SYS_pread64, fd, data, fewer(size, shorter), offset);       \
    }

PREAD(pread)
PREAD(pread64)

ssize_t here_write(int fd, const void *data, size_t size) __asm__("write");
ssize_t here_write(int fd, const void *data, size_t size) {
    bool shorter = false;
    if (must_fail("write", &shorter))
        return -1;
    const ssize_t taken = take_room(fd, fewer(size, shorter));
    return taken < 0 ? -1 : syscall(SYS_write, fd, data, (size_t)taken);
}

/* A write, too, of as many of the bytes, in order, as it may take. */
ssize_t here_writev(int fd, const struct iovec *vector, int count) __asm__("writev");
ssize_t here_writev(int fd, const struct iovec *vector, int count) {
    struct iovec taking[64];
    size_t size = 0;
    bool shorter = false;
    if (must_fail("write", &shorter))
        return -1;
    for (int i = 0; i < count; i++)
        size += vector[i].iov_len;
    const ssize_t taken = take_room(fd, fewer(size, shorter));
    if (taken < 0)
        return -1;
    size_t left = (size_t)taken;
    for (int i = 0; i < count; i++) {
        taking[i] = vector[i];
        taking[i].iov_len = vector[i].iov_len < left ? vector[i].iov_len : left;
        left -= taking[i].iov_len;
    }
    return syscall(SYS_writev, fd, taking, count);
}

ssize_t here_copy(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags) __asm__("copy_file_range");
ssize_t here_copy(int in, off_t *from, int out, off_t *to, size_t size, unsigned flags) {
    bool shorter = false;
    if (must_fail("copy_file_range", &shorter))
        return -1;
    const ssize_t taken = take_room(out, fewer(size, shorter));
    return taken < 0 ? -1 : syscall(SYS_copy_file_range, in, from, out, to, (size_t)taken, flags);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

#if defined(__GLIBC__)
/* Those of the C library; dlsym, which would find them, allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool no_memory(void) {
    bool shorter = false;
    return has_fault("memory", &shorter);
}

void *malloc(size_t size) {
    return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return no_memory() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    return no_memory() ? NULL : __libc_realloc(old, size);
}
#endif
