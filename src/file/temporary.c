/*
 * See temporary.h.
 *
 * A lock is taken on a file, not on a name, so whoever gets one makes sure that the name still is that file's. Between
 * creating a file and locking it lies a moment in which another run may take it for a left one; then it is either
 * locked by that run or has no name any more, and the creator goes on to the next place. From the lock on, nobody else
 * touches the name.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "file/temporary.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACES = 8, TRIES = 100, PROC_NAME_SIZE = 32 };

/* FNV-1a: two destinations with one hash share the places, which does no harm. */
static uint64_t hash_name(const char *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return hash;
}

rd__temporary rd__temporary_of(int directory, const char *destination) {
    return (rd__temporary){.directory = directory, .family = hash_name(destination)};
}

/* The name to try: those of the places first, then random ones. */
static void set_name(rd__temporary *t, int attempt) {
    if (attempt < PLACES)
        (void)snprintf(t->name, sizeof t->name, ".redelta-%016" PRIx64 "-%d", t->family, attempt);
    else
        (void)snprintf(t->name, sizeof t->name, ".redelta-%08x%08x", rd__random_u32(), rd__random_u32());
}

bool rd__temporary_lock(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* ---- What was left ----------------------------------------------------------------------------------------------- */

/* Some file systems lock only what is open for writing; a file that was complete may be read-only. */
static int open_left(const rd__temporary *t) {
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const int fd = openat(t->directory, t->name, O_RDWR | flags);
    return fd < 0 && errno == EACCES ? openat(t->directory, t->name, O_RDONLY | flags) : fd;
}

/* Does the name still belong to the open file? */
static bool is_named(const rd__temporary *t, int fd) {
    struct stat file;
    struct stat named;
    return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) &&
           fstatat(t->directory, t->name, &named, AT_SYMLINK_NOFOLLOW) == 0 && file.st_dev == named.st_dev &&
           file.st_ino == named.st_ino;
}

static void sweep_place(const rd__temporary *temporary, int place) {
    rd__temporary t = *temporary;
    set_name(&t, place);
    const int fd = open_left(&t);
    if (fd < 0)
        return;
    if (rd__temporary_lock(fd) && is_named(&t, fd))
        unlinkat(t.directory, t.name, 0);
    close(fd);
}

void rd__temporary_sweep(const rd__temporary *temporary) {
    for (int place = 0; place < PLACES; place++)
        sweep_place(temporary, place);
}

/* ---- Making and removing ----------------------------------------------------------------------------------------- */

/*
 * Locks the file that was just created at *attempt. False: it is closed and another name is to be tried, a random one
 * if nothing can be locked here.
 */
static bool keep(const rd__temporary *t, int fd, int *attempt) {
    if (*attempt >= PLACES)
        return true;
    if (rd__temporary_lock(fd)) {
        if (is_named(t, fd))
            return true;
        close(fd);
        sweep_place(t, *attempt); /* whatever is there: not what somebody has locked */
        return false;
    }
    if (errno != EWOULDBLOCK) {
        unlinkat(t->directory, t->name, 0);
        *attempt = PLACES - 1;
    }
    close(fd);
    return false;
}

int rd__temporary_create(rd__temporary *temporary, mode_t mode) {
    for (int i = 0; i < TRIES; i++) {
        set_name(temporary, i);
        const int fd = openat(temporary->directory, temporary->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 && keep(temporary, fd, &i))
            return fd;
        if (fd < 0 && errno != EEXIST && errno != EINTR)
            break;
    }
    temporary->name[0] = '\0';
    return -1;
}

bool rd__link_open_file(int fd, int directory, const char *name) {
    char source[PROC_NAME_SIZE];
    (void)snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, source, directory, name, AT_SYMLINK_FOLLOW) == 0;
}

bool rd__temporary_link(rd__temporary *temporary, int fd, bool locked) {
    for (int i = locked ? 0 : PLACES; i < TRIES; i++) {
        set_name(temporary, i);
        if (rd__link_open_file(fd, temporary->directory, temporary->name))
            return true;
        if (errno != EEXIST)
            break;
    }
    temporary->name[0] = '\0';
    return false;
}

void rd__temporary_remove(rd__temporary *temporary) {
    if (temporary->name[0] != '\0')
        unlinkat(temporary->directory, temporary->name, 0);
    temporary->name[0] = '\0';
}
