/*
 * Reading a source from its begin to its end, chunk by chunk: the outer loop of every operation. A signature or a delta
 * that is compressed is decompressed on the way, so that nobody behind it knows of that.
 */
#ifndef RD_FILE_FEED_H
#define RD_FILE_FEED_H

#include "io/source.h"

typedef struct rd__feed {
    const rd_source *source;
    rd__job *job;
    rd_role role;
    uint64_t offset; /* bytes given so far */
    uint64_t read;   /* bytes of the source, counted as in_bytes; also told as progress, unless what is written is */
    bool ended;
    bool tells_written;
    struct rd__frames *frames; /* if the source is compressed */
} rd__feed;

/* At the start of the source. rd__feed_free is due. */
rd__feed rd__feed_of(const rd_source *source, rd__job *job, rd_role role);

/* Reads some of the next bytes into data[0 .. size), at least four. *got is 0 only at the end, and then `ended` is set.
 */
rd_result rd__feed_read(rd__feed *feed, void *data, size_t size, size_t *got);

void rd__feed_free(rd__feed *feed);

/* Does the source, which can be seeked in, begin as one that a feed decompresses? */
rd_result rd__source_is_compressed(const rd_source *source, rd__job *job, rd_role role, bool *compressed);

#endif
