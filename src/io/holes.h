/*
 * Holes: the ranges of a sparse file that take no room on the disk. They read as zeros, and need not be read to know
 * that.
 */
#ifndef RD_IO_HOLES_H
#define RD_IO_HOLES_H

#include "base/operation.h"

typedef struct rd__holes {
    int fd;          /* a handle of its own on the file; -1: all of the source counts as data */
    uint64_t origin; /* of the source in the file */
    uint64_t size;   /* of the source */
    /* The range of the source that was found last: */
    uint64_t start;
    uint64_t end;
    bool is_hole;
} rd__holes;

/*
 * Opens the holes of a source. All of it counts as data if it is no file, if its blocks take all the room that its size
 * needs, or if the system cannot tell. The source's own descriptor is not used, since asking moves a file's position.
 */
rd__holes rd__holes_open(const rd_source *source);

/* Does the source have any hole? */
bool rd__holes_any(rd__holes *holes);

/* Is byte `offset` of the source in a hole? The next *length bytes, at least 1 before the source's end, are alike. */
bool rd__holes_at(rd__holes *holes, uint64_t offset, uint64_t *length);

/*
 * The same holes for another thread, with a memory of its own for what was found last; the handle is shared. Another
 * thread may be asking the first ones meanwhile, so they are not to be copied as a whole. Not to be closed.
 */
static inline rd__holes rd__holes_share(const rd__holes *holes) {
    return (rd__holes){.fd = holes->fd, .origin = holes->origin, .size = holes->size};
}

/* Like rd__source_read, for the source of these holes: what is in a hole is not read. */
rd_result rd__holes_read(rd__holes *holes, const rd_source *source, rd__operation *operation, rd_role role,
                         uint64_t offset, void *data, size_t size, size_t *got);

void rd__holes_close(rd__holes *holes);

#endif
