/* See file_record.h. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "file/file_record.h"

#include "file/openat.h"
#include "io/watch.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(rd_file_record) == 128, "records are read as columns");

void rd__record_fail(rd_file_record *record, rd_role role, rd_result result, int system_error) {
    record->result = (int32_t)result;
    record->role = (uint8_t)role;
    record->system_error = system_error;
}

void rd__record_fail_with(rd_file_record *record, const rd_error *error) {
    rd__record_fail(record, error->role, error->result, error->system_error);
}

/* Times that programs may invent and that do not fit wrap around: they still differ where the times do. */
static int64_t record_time(struct timespec time) {
    return (int64_t)((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec);
}

static void record_take(rd_file_record *record, const struct stat *status) {
    record->size = (uint64_t)status->st_size;
#if defined(__APPLE__)
    record->mtime_ns = record_time(status->st_mtimespec);
    record->ctime_ns = record_time(status->st_ctimespec);
#else
    record->mtime_ns = record_time(status->st_mtim);
    record->ctime_ns = record_time(status->st_ctim);
#endif
    record->device = (uint64_t)status->st_dev;
    record->inode = (uint64_t)status->st_ino;
    record->mode = (uint32_t)status->st_mode;
    record->uid = (uint32_t)status->st_uid;
    record->gid = (uint32_t)status->st_gid;
}

bool rd__record_note(rd_file_record *record, rd_role role, int fd, rd__file_state *state) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        rd__record_fail(record, role, RD_E_IO, errno);
        return false;
    }
    record_take(record, &status);
    *state = rd__file_state_from(&status);
    return true;
}

int rd__record_directory(int directory) {
    return directory == RD_CURRENT_DIRECTORY ? AT_FDCWD : directory;
}

/* It could not be opened. What is it then? */
static void record_examine(rd_file_record *record, rd_role role, int directory, const char *path, unsigned what,
                           int system_error) {
    struct stat status;
    const int flags = what & RD_FOLLOW_LINKS ? 0 : AT_SYMLINK_NOFOLLOW;
    rd__record_fail(record, role, RD_E_IO, system_error);
    if (fstatat(directory, path, &status, flags) != 0)
        return;
    record_take(record, &status);
    if (!S_ISREG(status.st_mode))
        rd__record_fail(record, role, RD_E_PARAMETER, 0);
}

/* Notes what the open file is, when its times can show another write. */
static bool record_note_quiet(rd_file_record *record, rd_role role, int fd, rd__file_state *state) {
    for (int pauses = 0;; pauses++) {
        const uint64_t now = rd__file_clock();
        if (!rd__record_note(record, role, fd, state))
            return false;
        if (!state->regular) {
            rd__record_fail(record, role, RD_E_PARAMETER, 0);
            return false;
        }
        if (pauses == RD__WATCH_PAUSES_MAX || !rd__watch_is_racy(state, now))
            return true;
        rd__watch_pause();
    }
}

int rd__record_open(rd_file_record *record, rd_role role, int directory, const char *path, unsigned what,
                    rd__file_state *state) {
    const int place = rd__record_directory(directory);
    const int flags = O_RDONLY | O_NONBLOCK | (what & RD_FOLLOW_LINKS ? 0 : O_NOFOLLOW);
    const int fd = rd__openat(place, path, flags, 0);
    if (fd < 0) {
        record_examine(record, role, place, path, what, errno);
        return -1;
    }
    if (record_note_quiet(record, role, fd, state))
        return fd;
    close(fd);
    return -1;
}
