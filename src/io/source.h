/* Reading from a source, whatever it is made of. The constructors are in redelta.h. */
#ifndef RD_IO_SOURCE_H
#define RD_IO_SOURCE_H

#include "base/operation.h"

/*
 * A kind of sources that the library makes: they read from other ones, within the operation of whoever reads, so that
 * an error names the file beneath, also in a worker thread. It stands in `reserved`; the source has a read function,
 * too, so that nobody takes it for memory or a file.
 */
typedef struct rd__source_kind {
    /* Reads until `size` bytes are there or the source ends, as rd__source_read. */
    rd_result (*read)(void *context, rd__operation *operation, uint64_t offset, void *data, size_t size, size_t *got);
} rd__source_kind;

rd_source rd__source_of_kind(const rd__source_kind *kind, void *context, uint64_t size, bool concurrent);

/* May any thread read the source, at any offset, while others do? */
static inline bool rd__source_is_concurrent(const rd_source *source) {
    return source->seekable && source->concurrent;
}

/*
 * Can the source be read in any order, as far as one can tell? Errors: RD_E_IO if it cannot be examined; `otherwise` if
 * it can only be read in sequence.
 */
rd_result rd__source_check_seekable(const rd_source *source, rd_role role, rd_result otherwise, rd_error *error);

/*
 * Reads at `offset` until `size` bytes are there or the source ends; *got is their number. A source that is not
 * seekable must be read in order. On failure operation->error names `role`. An interrupted read asks the operation
 * whether to continue. RD_MORE, with *got bytes read: the source is a function that has no more to give now; only if
 * operation->may_wait.
 */
rd_result rd__source_read(const rd_source *source, rd__operation *operation, rd_role role, uint64_t offset, void *data,
                          size_t size, size_t *got);

/* Like rd__source_read, but satisfied with what comes first: *got is 0 only at the end. */
rd_result rd__source_read_some(const rd_source *source, rd__operation *operation, rd_role role, uint64_t offset,
                               void *data, size_t size, size_t *got);

/*
 * Reads exactly the `size` bytes that a copy of a delta names, from the basis. Like rd__source_read, but RD_E_TRUNCATED
 * if the basis ends before.
 */
rd_result rd__basis_read(const rd_source *basis, rd__operation *operation, uint64_t offset, void *data, size_t size,
                         size_t *got);

/*
 * Has the basis exactly `size` bytes? A size that is only expected is not believed: then it is read where it should
 * end. Errors: RD_E_MISMATCH about the basis, and as rd__source_read.
 */
rd_result rd__basis_check_size(const rd_source *basis, rd__operation *operation, uint64_t size);

#endif
