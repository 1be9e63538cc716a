/* See copy.h. Only Linux has these calls; elsewhere each function reports that it can do nothing. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "io/copy.h"

#include "base/memory.h"

#include <unistd.h>

#if defined(__linux__)
#if __has_include(<linux/fs.h>) /* not every C library comes with the kernel's headers */
#include <linux/fs.h>
#endif
#include <sys/ioctl.h>
#endif

/* In one call: a fraction of a second, so that progress is reported and signals are heeded. */
#define COPY_MAX ((uint64_t)16 * 1024 * 1024)

#if defined(__linux__)
bool rd__copy_is_possible(const rd_source *source, const rd_sink *sink) {
    return !source->read && source->fd >= 0 && !sink->write && sink->fd >= 0;
}

static bool copy_between_files(const rd_source *source, uint64_t offset, const rd_sink *sink) {
    return rd__copy_is_possible(source, sink) && offset <= INT64_MAX - source->origin;
}

size_t rd__copy_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size,
                      rd__operation *operation) {
    if (!copy_between_files(source, offset, sink))
        return 0;
    off_t from = (off_t)(source->origin + offset);
    const ssize_t n = copy_file_range(source->fd, &from, sink->fd, NULL, (size_t)rd__min_u64(size, COPY_MAX), 0);
    if (n <= 0)
        return 0;
    operation->stats.out_bytes += (uint64_t)n;
    return (size_t)n;
}

#if defined(FICLONERANGE)
bool rd__clone_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size,
                     rd__operation *operation) {
    if (!copy_between_files(source, offset, sink))
        return false;
    const off_t to = lseek(sink->fd, 0, SEEK_CUR);
    struct file_clone_range range = {
        .src_fd = source->fd, .src_offset = source->origin + offset, .src_length = size, .dest_offset = (uint64_t)to};
    if (to < 0 || ioctl(sink->fd, FICLONERANGE, &range) != 0 || lseek(sink->fd, (off_t)size, SEEK_CUR) < 0)
        return false;
    operation->stats.out_bytes += size;
    return true;
}
#endif
#else
bool rd__copy_is_possible(const rd_source *source, const rd_sink *sink) {
    (void)source, (void)sink;
    return false;
}

size_t rd__copy_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size,
                      rd__operation *operation) {
    (void)source, (void)offset, (void)sink, (void)size, (void)operation;
    return 0;
}
#endif

#if !defined(FICLONERANGE)
bool rd__clone_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size,
                     rd__operation *operation) {
    (void)source, (void)offset, (void)sink, (void)size, (void)operation;
    return false;
}
#endif
