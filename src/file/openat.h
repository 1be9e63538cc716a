/* Opening a file in a directory, with a call that a signal may interrupt. */
#ifndef RD_FILE_OPENAT_H
#define RD_FILE_OPENAT_H

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>

/* As openat, with close-on-exec and not as a controlling terminal, and again if it is interrupted. */
static inline int rd__openat(int directory, const char *name, int flags, mode_t mode) {
    int fd;
    do
        fd = openat(directory, name, flags | O_NOCTTY | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

#endif
