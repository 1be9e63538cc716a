/* See file_state.h. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "base/file_state.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

/* Wraps around for the years that programs may invent; then it still tells times apart. */
static uint64_t file_time(struct timespec time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

rd__file_state rd__file_state_from(const struct stat *status) {
    return (rd__file_state) {
        .regular = S_ISREG(status->st_mode), .size = (uint64_t)status->st_size,
#if defined(__APPLE__)
        .written = file_time(status->st_mtimespec), .changed = file_time(status->st_ctimespec),
#else
        .written = file_time(status->st_mtim), .changed = file_time(status->st_ctim),
#endif
        .links = (uint64_t)status->st_nlink, .mode = (uint64_t)status->st_mode, .user = (uint64_t)status->st_uid,
        .group = (uint64_t)status->st_gid, .device = (uint64_t)status->st_dev, .inode = (uint64_t)status->st_ino
    };
}

int rd__file_state_of(int fd, rd__file_state *state) {
    struct stat status;
    *state = (rd__file_state){0};
    if (fstat(fd, &status) != 0)
        return errno;
    *state = rd__file_state_from(&status);
    return 0;
}

uint64_t rd__file_clock(void) {
    struct timespec now = {0};
#if defined(CLOCK_REALTIME_COARSE)
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return file_time(now);
#else
    /* A precise clock is ahead of that of the files, by a tick at most. */
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return file_time(now) - 10000000u;
#endif
}
