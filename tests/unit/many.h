/* What the tests of many files in one call share: a directory with files, which is open. */
#ifndef RD_TESTS_MANY_H
#define RD_TESTS_MANY_H

#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
    char path[32];
    int fd;
} folder;

static inline folder folder_open(void) {
    folder f = {.path = "/tmp/redelta-test-XXXXXX"};
    assert_non_null(mkdtemp(f.path));
    f.fd = open(f.path, O_RDONLY | O_DIRECTORY);
    assert_true(f.fd >= 0);
    return f;
}

/* The number of names in it. */
static inline size_t folder_count(const folder *f) {
    size_t count = 0;
    DIR *const directory = opendir(f->path);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static inline void folder_close(const folder *f) {
    DIR *const directory = opendir(f->path);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        const bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!itself && unlinkat(f->fd, entry->d_name, 0) != 0)
            assert_int_equal(unlinkat(f->fd, entry->d_name, AT_REMOVEDIR), 0);
    }
    closedir(directory);
    close(f->fd);
    assert_int_equal(rmdir(f->path), 0);
}

static inline void file_write(const folder *f, const char *name, const void *data, size_t size) {
    const int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

static inline rd_memory file_read(const folder *f, const char *name) {
    rd_memory made = {0};
    const int fd = openat(f->fd, name, O_RDONLY);
    assert_true(fd >= 0);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    made = (rd_memory){.data = bytes_new((size_t)status.st_size), .size = (size_t)status.st_size};
    assert_int_equal(read(fd, made.data, made.size), made.size);
    close(fd);
    return made;
}

static inline void check_record_is_of(const rd_file_record *record, const folder *f, const char *name) {
    struct stat status;
    assert_int_equal(fstatat(f->fd, name, &status, AT_SYMLINK_NOFOLLOW), 0);
    check_equal(record->size, status.st_size, "%s", name);
    check_equal(record->mtime_ns, status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec, "%s", name);
    check_equal(record->ctime_ns, status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec, "%s", name);
    check_equal(record->device, status.st_dev, "%s", name);
    check_equal(record->inode, status.st_ino, "%s", name);
    check_equal(record->mode, status.st_mode, "%s", name);
    check_equal(record->uid, status.st_uid, "%s", name);
    check_equal(record->gid, status.st_gid, "%s", name);
}

#endif
