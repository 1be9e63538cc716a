/*
 * The name that a file has in a directory until it gets its own, and what becomes of it if the process is killed.
 *
 * The names come from that of the destination: `.redelta-`, a hash of it, and the number of a place, of which there are
 * a few for runs at the same time. Whoever has a name there keeps its file locked (flock) from before the first byte,
 * and the kernel lifts the lock when the process ends, however it ends. So the next run for the same destination looks
 * at a few names, and need not read the directory: a file that it can lock is nobody's, and goes.
 *
 * Where files cannot be locked, and when all places are taken, a name is random. Nobody takes such a file for a left
 * one: it stays if the process is killed.
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

/* Removes what runs that were killed left of this destination. Those that still run are not disturbed. */
void rd__temporary_sweep(const rd__temporary *temporary);

/* Creates a file, locked if that can be, and sets the name. Returns its descriptor, or -1 with errno and no name. */
int rd__temporary_create(rd__temporary *temporary, mode_t mode);

/* Locks the file without a name, to be linked later. False: it cannot be locked. */
bool rd__temporary_lock(int fd);

/* Gives the file without a name one; `locked` is what rd__temporary_lock said. False: errno, and no name. */
bool rd__temporary_link(rd__temporary *temporary, int fd, bool locked);

/* Gives the open file a name that must be free, in the directory. */
bool rd__link_open_file(int fd, int directory, const char *name);

/* Removes the name, if there is one. The file must still be open: its lock says that the name is ours. */
void rd__temporary_remove(rd__temporary *temporary);

#endif
