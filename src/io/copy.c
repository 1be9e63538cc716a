/* See copy.h. Linux alone has copy_file_range; everywhere else, nothing is to be had. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "io/copy.h"

#include "base/memory.h"

#include <unistd.h>

/* In one call: a fraction of a second, so that progress is told and signals are heeded. */
#define COPY_MAX ((uint64_t)16 * 1024 * 1024)

#if defined(__linux__)
size_t rd__copy_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size, rd__job *job) {
    if (source->read || source->fd < 0 || sink->write || sink->fd < 0 || offset > INT64_MAX - source->origin)
        return 0;
    off_t from = (off_t)(source->origin + offset);
    const ssize_t n = copy_file_range(source->fd, &from, sink->fd, NULL, (size_t)rd__min_u64(size, COPY_MAX), 0);
    if (n <= 0)
        return 0;
    job->stats.out_bytes += (uint64_t)n;
    return (size_t)n;
}
#else
size_t rd__copy_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size, rd__job *job) {
    (void)source;
    (void)offset;
    (void)sink;
    (void)size;
    (void)job;
    return 0;
}
#endif
