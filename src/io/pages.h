/*
 * Pages of a source that is read here and there: what was read lately stays in memory. For one thread; each has pages
 * of its own, so nobody waits.
 *
 * A file is not mapped: the process would be killed if it became shorter, and page faults cost more than reading does.
 */
#ifndef RD_IO_PAGES_H
#define RD_IO_PAGES_H

#include "base/operation.h"

enum { RD__PAGE_SIZE = 4 * 1024 };

typedef struct rd__pages {
    const rd_source *source; /* of a known size */
    rd_role role;
    const uint8_t *whole; /* all of the source, if it is memory; the rest is not used then */
    uint8_t *room;        /* the pages: page n of the source may lie at n modulo their number */
    uint64_t *numbers;    /* of the pages that lie there, plus 1 */
    size_t count;         /* a power of two */
    uint64_t next;        /* the page after those that were read last */
    rd_result result;     /* RD_OK, or why a page could not be had */
    rd_error error;
} rd__pages;

/* Takes memory for `bytes`, at least one page, unless the source is memory. False: there is none; nothing to free. */
bool rd__pages_init(rd__pages *pages, const rd_source *source, rd_role role, size_t bytes);

/*
 * Where byte `offset` lies, which is less than the source's size; in its page, *before bytes lie before it, and *after
 * bytes from it on. NULL: a failure, noted in the pages: of reading, or RD_E_TRUNCATED if the source became shorter.
 */
const uint8_t *rd__pages_at(rd__pages *pages, uint64_t offset, size_t *before, size_t *after);

/* Reads `size` bytes, which the source has by its size, into `data`. False: a failure, noted in the pages. */
bool rd__pages_read(rd__pages *pages, uint64_t offset, uint8_t *data, size_t size);

void rd__pages_free(rd__pages *pages);

#endif
