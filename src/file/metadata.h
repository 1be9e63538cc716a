/*
 * What a new file takes over from the file that it replaces: owner, group, mode, access list, extended attributes. The
 * rule: what cannot be taken over is noted, and nobody gets access who did not have it before.
 *
 * Set-user-ID, set-group-ID and file capabilities are not taken over: they were granted to other bytes. Neither are
 * attributes about the bytes themselves (security.ima and .evm).
 */
#ifndef RD_FILE_METADATA_H
#define RD_FILE_METADATA_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Gives the open file `to`, which is nobody else's yet, what the regular file `name` in the directory has; `old` is its
 * status. Adds RD_NOTE_* flags to *notes. False, with errno: out of memory or descriptors, or its mode would grant
 * more, and cannot be changed.
 */
bool rd__metadata_carry(int directory, const char *name, const struct stat *old, int to, unsigned *notes);

/*
 * Sets a mode, or leaves one that grants less if the file system has no other. False, with errno: it would grant more.
 */
bool rd__metadata_set_mode(int fd, mode_t mode, unsigned *notes);

#endif
