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

#endif
