/* Copying from a file to a file inside the kernel. */
#ifndef RD_IO_COPY_H
#define RD_IO_COPY_H

#include "base/operation.h"

/* May the kernel copy from this source to this sink? It may still refuse when it is asked to. */
bool rd__copy_is_possible(const rd_source *source, const rd_sink *sink);

/*
 * Appends up to `size` bytes of the source, from `offset` on, to the sink without bringing them into this process; on
 * file systems that can, without copying them at all. Returns their number, 0 if the kernel cannot do that here or
 * failed: reading and writing then works, or reports why not.
 */
size_t rd__copy_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size,
                      rd__operation *operation);

/*
 * Appends these bytes of the source to the sink without copying them: the file system stores them once for both.
 * False: it cannot, or not at these offsets, and nothing was done. Both offsets and the size must be whole blocks of
 * the file system.
 */
bool rd__clone_range(const rd_source *source, uint64_t offset, const rd_sink *sink, uint64_t size,
                     rd__operation *operation);

#endif
