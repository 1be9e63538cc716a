/* Copying from a file to a file inside the kernel. */
#ifndef RD_IO_COPY_H
#define RD_IO_COPY_H

#include "io/job.h"

/*
 * Appends up to `size` bytes of the source, from `offset` on, to the sink, without bringing them into this process; on
 * file systems that can, without copying them at all. Returns their number, 0 if that is not to be had here or failed:
 * the usual way then works, or tells why not.
 */
size_t rd__copy_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size, rd__job *job);

/*
 * Lets the sink go on with these bytes of the source without copying them: the file system stores them once for both.
 * False: it cannot, or not at these offsets, and nothing was done. Both offsets and the size must be whole blocks of
 * the file system.
 */
bool rd__clone_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size, rd__job *job);

/* When a file was written to last. Two that are equal say that it was not written to between. */
typedef struct rd__stamp {
    int64_t seconds;
    int64_t nanoseconds;
    int64_t size;
} rd__stamp;

/* Of the source, or all zero if it is no file. */
rd__stamp rd__source_stamp(const rd_source *source);

#endif
