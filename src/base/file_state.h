/*
 * What the system notes of an open file when it is written to. POSIX is the rule; the twin for Windows is
 * file_state_windows.c.
 */
#ifndef RD_BASE_FILE_STATE_H
#define RD_BASE_FILE_STATE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rd__file_state {
    bool regular; /* a regular file; of others nothing is known */
    uint64_t size;
    uint64_t written; /* when bytes were last written (mtime); in nanoseconds of an epoch of the system's */
    uint64_t changed; /* when anything was (ctime), as also by a rename; programs cannot set it */
    /* What else sets `changed`, as far as it shows. */
    uint64_t links;
    uint64_t mode;
    uint64_t user;
    uint64_t group;
    /* Which file it is, on this system; both 0: unknown. */
    uint64_t device;
    uint64_t inode;
} rd__file_state;

/* Returns 0, or errno. */
int rd__file_state_of(int fd, rd__file_state *state);

#if !defined(_WIN32)
/* The same for what the system has told already. */
struct stat;
rd__file_state rd__file_state_from(const struct stat *status);
#endif

/*
 * The clock of `changed` on local file systems: what is written from now on gets this time or a later one. It ticks:
 * on Linux every 1 to 10 ms.
 */
uint64_t rd__file_clock(void);

#endif
