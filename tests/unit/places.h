/*
 * What the tests of destinations share: a directory for each test, and the two ways that a destination can be written
 * there: as a file without a name, and with a temporary name, as on file systems that know no other. For the second way
 * openat is replaced here by one that refuses O_TMPFILE; the linker prefers it to that of the C library. In the same
 * way flock may find that nothing can be locked. One file of a program includes this, after defining _GNU_SOURCE and
 * _FILE_OFFSET_BITS.
 */
#ifndef RD_TESTS_PLACES_H
#define RD_TESTS_PLACES_H

#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- openat without O_TMPFILE, flock without locks --------------------------------------------------------------- */

static bool refuse_unnamed;
static bool refuse_locks;
static const char *swapped; /* becomes a file right before it is opened for writing only */

int flock(int fd, int operation);

/* Under other names in C, so that the declarations of the system's headers do not matter. */
int openat_here(int directory, const char *path, int flags, ...) __asm__("openat");
int openat64_here(int directory, const char *path, int flags, ...) __asm__("openat64");

static inline int openat_by_call(int directory, const char *path, int flags, va_list arguments) {
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    if (refuse_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (swapped && (flags & (O_ACCMODE | O_CREAT)) == O_WRONLY) {
        assert_int_equal(unlink(swapped), 0);
        close((int)syscall(SYS_openat, AT_FDCWD, swapped, O_RDWR | O_CREAT | O_EXCL, 0600));
        swapped = NULL;
    }
    return (int)syscall(SYS_openat, directory, path, flags | O_LARGEFILE, mode);
}

int openat_here(int directory, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const int fd = openat_by_call(directory, path, flags, arguments);
    va_end(arguments);
    return fd;
}

int openat64_here(int directory, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const int fd = openat_by_call(directory, path, flags, arguments);
    va_end(arguments);
    return fd;
}

int flock(int fd, int operation) {
    if (refuse_locks) {
        errno = ENOLCK;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

/* ---- A directory for each test ----------------------------------------------------------------------------------- */

typedef struct place {
    char directory[32];
    char path[320]; /* of the destination in it */
    mode_t umask;
} place;

static inline const char *in_place(const place *p, const char *name) {
    static char path[320];
    (void)snprintf(path, sizeof path, "%s/%s", p->directory, name);
    return path;
}

static inline int enter(void **state, bool named) {
    place *const p = calloc(1, sizeof *p);
    assert_non_null(p);
    refuse_unnamed = named;
    refuse_locks = false;
    p->umask = umask(022);
    (void)snprintf(p->directory, sizeof p->directory, "/tmp/redelta-test-XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    (void)snprintf(p->path, sizeof p->path, "%s", in_place(p, "output"));
    *state = p;
    return 0;
}

static inline int enter_for_unnamed(void **state) {
    return enter(state, false);
}

static inline int enter_for_named(void **state) {
    return enter(state, true);
}

static inline void each_entry(const place *p, void (*act)(const place *, const char *, size_t *), size_t *count) {
    DIR *const directory = opendir(p->directory);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            act(p, entry->d_name, count);
    }
    closedir(directory);
}

static inline void count_entry(const place *p, const char *name, size_t *count) {
    (void)p, (void)name;
    ++*count;
}

static inline void remove_entry(const place *p, const char *name, size_t *count) {
    (void)count;
    const char *const path = in_place(p, name);
    if (unlink(path) != 0)
        assert_int_equal(rmdir(path), 0);
}

/* The directory has this many names: none that the destination left over. */
static inline void assert_entries(const place *p, size_t expected) {
    size_t count = 0;
    each_entry(p, count_entry, &count);
    assert_int_equal(count, expected);
}

static inline int leave(void **state) {
    place *const p = *state;
    each_entry(p, remove_entry, NULL);
    assert_int_equal(rmdir(p->directory), 0);
    (void)umask(p->umask);
    free(p);
    return 0;
}

static inline void make_file(const char *path, const char *content, mode_t mode) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static inline void assert_file(const char *path, const char *content, mode_t mode) {
    char bytes[256] = {0};
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(status.st_mode & 07777, mode);
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof bytes - 1), strlen(content));
    assert_string_equal(bytes, content);
    close(fd);
}

static inline void put(rd_destination *destination, const char *content) {
    const rd_sink sink = rd_destination_sink(destination);
    const rd_source source = rd_source_memory("\x72\x73\x02\x36\x45\x00\x03\x00", 8);
    const rd_source basis = rd_source_memory(content, strlen(content));
    assert_int_equal(strlen(content), 3); /* what the delta above copies */
    assert_int_equal(rd_patch_apply(&basis, &source, &sink, NULL), RD_OK);
}

/* ---- Both ways --------------------------------------------------------------------------------------------------- */

#define BY_UNNAMED(test)                                                                                               \
    { #test "_unnamed", test, enter_for_unnamed, leave, NULL }
#define BY_NAMED(test)                                                                                                 \
    { #test "_named", test, enter_for_named, leave, NULL }
#define BOTH_WAYS(test) BY_UNNAMED(test), BY_NAMED(test)

#endif
