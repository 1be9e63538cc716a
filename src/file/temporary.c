/*
 * See temporary.h.
 *
 * A lock is on a file, not on a name, so a process that gets one checks that the name is still that file's. Between
 * creating a file and locking it there is a moment in which another run may take it for a leftover; then either that
 * run holds the lock or the file has no name any more, and the creator tries the next place. Once the file is locked,
 * nobody else touches its name.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "file/temporary.h"

#include "base/random.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".redelta-"

enum {
    PREFIX_LENGTH = sizeof PREFIX - 1,
    FAMILY_DIGITS = 16,
    PLACE_NAME_SIZE = PREFIX_LENGTH + FAMILY_DIGITS + 3, /* with -, a digit and the zero */
    PLACES = 8,
    TRIES = 100,
    PROC_NAME_SIZE = 32
};

rd__temporary rd__temporary_of(int directory, const char *destination) {
    /* FNV-1a. Two destinations with the same hash share the places, which does no harm. */
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *destination != '\0'; destination++)
        hash = (hash ^ (uint8_t)*destination) * 0x100000001b3u;
    return (rd__temporary){.directory = directory, .family = hash};
}

/* Sets the name to try: the places first, then random names. */
static void temporary_set_name(rd__temporary *t, int attempt) {
    if (attempt < PLACES)
        (void)snprintf(t->name, sizeof t->name, PREFIX "%0*" PRIx64 "-%d", FAMILY_DIGITS, t->family, attempt);
    else
        (void)snprintf(t->name, sizeof t->name, PREFIX "%08x%08x", rd__random_u32(), rd__random_u32());
}

bool rd__temporary_is_place(const char *name) {
    if (strncmp(name, PREFIX, PREFIX_LENGTH) != 0)
        return false;
    const char *const place = name + PREFIX_LENGTH + FAMILY_DIGITS;
    return strspn(name + PREFIX_LENGTH, "0123456789abcdef") == FAMILY_DIGITS && place[0] == '-' && place[1] >= '0' &&
           place[1] < '0' + PLACES && place[2] == '\0';
}

bool rd__temporary_lock(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Whether the name still belongs to the open file. */
static bool temporary_is_named(const rd__temporary *t, int fd) {
    struct stat file;
    struct stat named;
    return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) &&
           fstatat(t->directory, t->name, &named, AT_SYMLINK_NOFOLLOW) == 0 && file.st_dev == named.st_dev &&
           file.st_ino == named.st_ino;
}

/* ---- Leftovers --------------------------------------------------------------------------------------------------- */

/* Removes the file of that name, unless somebody holds its lock. */
static void temporary_sweep_name(const rd__temporary *t) {
    assert(rd__temporary_is_place(t->name));
    /* Some file systems lock only what is open for writing, but a file that was complete may be read-only. */
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = openat(t->directory, t->name, O_RDWR | flags);
    if (fd < 0 && errno == EACCES)
        fd = openat(t->directory, t->name, O_RDONLY | flags);
    if (fd < 0)
        return;
    if (rd__temporary_lock(fd) && temporary_is_named(t, fd))
        unlinkat(t->directory, t->name, 0);
    close(fd);
}

void rd__temporary_sweep(const rd__temporary *temporary) {
    rd__temporary t = *temporary;
    for (int place = 0; place < PLACES; place++) {
        temporary_set_name(&t, place);
        temporary_sweep_name(&t);
    }
}

void rd__temporary_sweep_directory(int directory) {
    const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread reads this DIR */
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (!rd__temporary_is_place(entry->d_name))
            continue;
        rd__temporary t = {.directory = directory};
        memcpy(t.name, entry->d_name, PLACE_NAME_SIZE);
        temporary_sweep_name(&t);
    }
    closedir(entries);
}

/* ---- Creating and removing --------------------------------------------------------------------------------------- */

/*
 * Locks the file that was just created at *attempt. False: it is closed and another name is to be tried, a random one
 * if nothing can be locked here.
 */
static bool temporary_keep(const rd__temporary *t, int fd, int *attempt) {
    if (*attempt >= PLACES)
        return true;
    if (rd__temporary_lock(fd)) {
        if (temporary_is_named(t, fd))
            return true;
        close(fd);
        temporary_sweep_name(t); /* whatever is there now, unless somebody has locked it */
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
    assert(temporary->name[0] == '\0');
    for (int i = 0; i < TRIES; i++) {
        temporary_set_name(temporary, i);
        const int fd = openat(temporary->directory, temporary->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 && temporary_keep(temporary, fd, &i))
            return fd;
        if (fd < 0 && errno != EEXIST && errno != EINTR)
            break;
    }
    temporary->name[0] = '\0';
    return -1;
}

/* The name by which an open file can be linked. */
static void temporary_proc_name(char name[PROC_NAME_SIZE], int fd) {
    (void)snprintf(name, PROC_NAME_SIZE, "/proc/self/fd/%d", fd);
}

bool rd__can_link_open_file(int fd) {
    char name[PROC_NAME_SIZE];
    temporary_proc_name(name, fd);
    return access(name, F_OK) == 0;
}

bool rd__link_open_file(int fd, int directory, const char *name) {
    char source[PROC_NAME_SIZE];
    temporary_proc_name(source, fd);
    return linkat(AT_FDCWD, source, directory, name, AT_SYMLINK_FOLLOW) == 0;
}

bool rd__temporary_link(rd__temporary *temporary, int fd, bool locked) {
    assert(temporary->name[0] == '\0');
    for (int i = locked ? 0 : PLACES; i < TRIES; i++) {
        temporary_set_name(temporary, i);
        if (rd__link_open_file(fd, temporary->directory, temporary->name))
            return true;
        if (errno != EEXIST)
            break;
    }
    temporary->name[0] = '\0';
    return false;
}

bool rd__temporary_keep(rd__temporary *temporary) {
    rd__temporary kept = *temporary;
    assert(temporary->name[0] != '\0');
    if (!rd__temporary_is_place(temporary->name))
        return true;
    temporary_set_name(&kept, PLACES);
    if (renameat(temporary->directory, temporary->name, temporary->directory, kept.name) != 0)
        return false;
    *temporary = kept;
    return true;
}

void rd__temporary_leave(rd__temporary *temporary) {
    rd__temporary place = *temporary;
    temporary_set_name(&place, 0);
    if (unlinkat(temporary->directory, temporary->name, 0) != 0 && errno != ENOENT)
        (void)renameat(temporary->directory, temporary->name, temporary->directory, place.name);
    temporary->name[0] = '\0';
}

bool rd__temporary_link_name(rd__temporary *temporary, const char *name) {
    for (int i = PLACES; i < TRIES; i++) {
        temporary_set_name(temporary, i);
        if (linkat(temporary->directory, name, temporary->directory, temporary->name, 0) == 0)
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
