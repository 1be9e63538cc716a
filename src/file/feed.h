/* Reading a source from its begin to its end, chunk by chunk: the outer loop of every operation. */
#ifndef RD_FILE_FEED_H
#define RD_FILE_FEED_H

#include "io/source.h"

typedef struct rd__feed {
    const rd_source *source;
    rd__job *job;
    rd_role role;
    uint64_t offset; /* bytes read so far, counted as in_bytes; also told as progress, unless what is written is */
    bool ended;
    bool tells_written;
} rd__feed;

/* Reads some of the next bytes into data[0 .. size). *got is 0 only at the end, and then `ended` is set. */
rd_result rd__feed_read(rd__feed *feed, void *data, size_t size, size_t *got);

#endif
