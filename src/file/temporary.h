/*
 * The name that a file has in a directory until it gets its own, and what becomes of the file if the process is killed.
 *
 * The names derive from that of the destination: `.redelta-`, a hash of it, and the number of a place; there are a few
 * places, for runs at the same time. A process locks its file there (flock) before it writes the first byte, and the
 * kernel releases the lock when the process ends, however it ends. So a file in a place that can be locked belongs to
 * nobody and may be removed: by the next run for the same destination, which looks at its few names and need not read
 * the directory, or when the directory is opened for many files, and read once.
 *
 * Where files cannot be locked, and when all places are taken, a name is random. Such a file is never taken for a
 * leftover: it stays if the process is killed.
 */
#ifndef RD_FILE_TEMPORARY_H
#define RD_FILE_TEMPORARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { RD__TEMPORARY_NAME_SIZE = 40 };

typedef struct rd__temporary {
    int directory;
    uint64_t family;                    /* hash of the destination's name */
    char name[RD__TEMPORARY_NAME_SIZE]; /* in the directory; empty: there is none */
} rd__temporary;

/* Without a name. `destination` is the name that the file will have in the directory. */
rd__temporary rd__temporary_of(int directory, const char *destination);

/* Whether a name has the form of those that are swept: no file that is to stay may bear it. */
bool rd__temporary_is_place(const char *name);

/* Removes what killed processes left of this destination. Files in use are not disturbed. */
void rd__temporary_sweep(const rd__temporary *temporary);

/* Removes what killed processes left of any destination in the directory, if that may be read. */
void rd__temporary_sweep_directory(int directory);

/* Creates a file, locked if possible, and sets the name. Returns its descriptor, or -1 with errno and no name. */
int rd__temporary_create(rd__temporary *temporary, mode_t mode);

/* Locks the file without a name, to be linked later. False: it cannot be locked. */
bool rd__temporary_lock(int fd);

/*
 * Gives a name to the open file that has none; `locked` is what rd__temporary_lock returned for it. False: errno is
 * set, and there is no name.
 */
bool rd__temporary_link(rd__temporary *temporary, int fd, bool locked);

/* Gives a second name, a random one, to the file `name` in the directory. False: errno is set, and there is none. */
bool rd__temporary_link_name(rd__temporary *temporary, const char *name);

/* Gives the file that has a temporary name a random one instead, which no run removes. False: errno; it is as it was.
 */
bool rd__temporary_keep(rd__temporary *temporary);

/*
 * Removes the name, whosever the file is that has it now. If it cannot be removed, it becomes one that a later run
 * removes.
 */
void rd__temporary_leave(rd__temporary *temporary);

/* Whether an open file can be linked here, whichever: that needs /proc. `fd` is any open one. */
bool rd__can_link_open_file(int fd);

/* Links the open file to a name in the directory that must be free. */
bool rd__link_open_file(int fd, int directory, const char *name);

/* Removes the name, if there is one. The file must still be open: its lock shows that the name is ours. */
void rd__temporary_remove(rd__temporary *temporary);

#endif
