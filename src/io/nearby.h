/*
 * A window over a source of known size that is read here and there, mostly on from where it was read last, or back:
 * the bytes that are asked for lie together, which those of pages (pages.h) do not. For one thread.
 */
#ifndef RD_IO_NEARBY_H
#define RD_IO_NEARBY_H

#include "base/operation.h"

enum { RD__NEARBY_MAX = 512 * 1024 }; /* bytes that can be asked for at once */

typedef struct rd__nearby {
    const rd_source *source;
    rd_role role;
    const uint8_t *whole; /* all of it, if it is memory; the rest is not used then */
    uint8_t *room;
    uint64_t start; /* of what lies in it */
    size_t filled;
    size_t ahead; /* bytes that are read at once */
    size_t used;  /* bytes that were asked for since */
    rd_result result;
    rd_error error;
} rd__nearby;

/* False: out of memory; nothing to free. */
bool rd__nearby_init(rd__nearby *nearby, const rd_source *source, rd_role role);
/*
 * The `size` bytes at `offset`, at most RD__NEARBY_MAX, which the source has by its size; until the next call. NULL: a
 * failure, noted: of reading, or RD_E_TRUNCATED if the source became shorter.
 */
const uint8_t *rd__nearby_at(rd__nearby *nearby, uint64_t offset, size_t size);
void rd__nearby_free(rd__nearby *nearby);

#endif
