/* Reading from a source, whatever is behind it. The constructors are in redelta.h. */
#ifndef RD_IO_SOURCE_H
#define RD_IO_SOURCE_H

#include "io/job.h"

/*
 * Reads at `offset` until `size` bytes are there or the source ends; *got is their number. A source that is not
 * seekable must be read in order. On failure job->error names `role`. An interrupted read asks job for leave to go on.
 * RD_MORE, with *got bytes read: the source is a function that has no more to give now. Only if job->may_wait.
 */
rd_result rd__source_read(const rd_source *source, rd__job *job, rd_role role, uint64_t offset, void *data, size_t size,
                          size_t *got);

/* Like rd__source_read, but content with what comes first: *got is 0 only at the end. */
rd_result rd__source_read_some(const rd_source *source, rd__job *job, rd_role role, uint64_t offset, void *data,
                               size_t size, size_t *got);

#endif
