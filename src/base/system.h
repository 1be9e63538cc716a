/*
 * What systems do differently with open files, under one name. POSIX is the rule; Windows is in system_windows.c.
 *
 * Define _FILE_OFFSET_BITS as 64 before including this. The functions return what their POSIX namesakes return, and set
 * errno.
 */
#ifndef RD_BASE_SYSTEM_H
#define RD_BASE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/vfs.h>
#endif

#if defined(_WIN32)

/* Bytes are not converted, even if the descriptor is in text mode. Those with an offset also move the file's position.
 */
ssize_t rd__system_read_at(int fd, void *data, size_t size, int64_t offset);
ssize_t rd__system_read(int fd, void *data, size_t size);
ssize_t rd__system_write(int fd, const void *data, size_t size);
ssize_t rd__system_write_at(int fd, const void *data, size_t size, int64_t offset);

/* The file's position, or -1 with errno if it has none. */
int64_t rd__system_position(int fd);

/* Sets the file's position, which may be beyond its end, and returns it. */
int64_t rd__system_seek(int fd, int64_t position);

/* Makes the file longer: up to `size` it reads as zeros. */
int rd__system_extend(int fd, int64_t size);

/* Before the first hole is made in the file: whether there may be any. */
bool rd__system_allow_holes(int fd);

/* Whether the file takes less room than its size: it may have holes. Not known here. */
static inline bool rd__system_is_sparse(const struct stat *status) {
    (void)status;
    return false;
}

/* The errno that corresponds to GetLastError. */
int rd__system_errno(void);

static inline bool rd__system_is_on_ext4(int fd) {
    (void)fd;
    return false;
}

#else

static inline ssize_t rd__system_read_at(int fd, void *data, size_t size, int64_t offset) {
    return pread(fd, data, size, (off_t)offset);
}

static inline ssize_t rd__system_read(int fd, void *data, size_t size) {
    return read(fd, data, size);
}

static inline ssize_t rd__system_write(int fd, const void *data, size_t size) {
    return write(fd, data, size);
}

static inline ssize_t rd__system_write_at(int fd, const void *data, size_t size, int64_t offset) {
    return pwrite(fd, data, size, (off_t)offset);
}

static inline int64_t rd__system_position(int fd) {
    return lseek(fd, 0, SEEK_CUR);
}

static inline int64_t rd__system_seek(int fd, int64_t position) {
    return lseek(fd, (off_t)position, SEEK_SET);
}

static inline int rd__system_extend(int fd, int64_t size) {
    return ftruncate(fd, (off_t)size);
}

static inline bool rd__system_allow_holes(int fd) {
    (void)fd;
    return true;
}

/* The unit of st_blocks is 512 bytes, whatever the block of the file system is. */
static inline bool rd__system_is_sparse(const struct stat *status) {
    return S_ISREG(status->st_mode) && status->st_blocks < status->st_size / 512;
}

/* Whether the file is on ext4, as far as one can know. */
static inline bool rd__system_is_on_ext4(int fd) {
#if defined(__linux__)
    enum { EXT4 = 0xef53 }; /* of ext2 and ext3 as well */
    struct statfs status;
    return fstatfs(fd, &status) == 0 && status.f_type == EXT4;
#else
    (void)fd;
    return false;
#endif
}

#endif

#endif
