/*
 * A source filter: reads a source in order and gives what comes out of its frames, or, if it is not compressed, what is
 * in it.
 */
#ifndef RD_COMPRESS_ZSTD_SOURCE_H
#define RD_COMPRESS_ZSTD_SOURCE_H

#include "compress/decompressor.h"
#include "io/source.h"

typedef struct rd__zstd_source {
    const rd_source *source;
    rd__operation *operation;
    rd_role role;
    uint64_t read; /* bytes of the source */
    bool started;  /* it is known whether the source is compressed */
    bool compressed;
    rd__decompressor decompressor;
    uint8_t *chunk; /* compressed bytes */
    rd_in in;       /* those that are left */
    bool ended;     /* nothing follows them */
} rd__zstd_source;

/* At the start of the source; `recognise`: look for frames. rd__zstd_source_close must follow. */
rd__zstd_source rd__zstd_source_of(const rd_source *source, rd__operation *operation, rd_role role, bool recognise);

/*
 * Reads some of the next bytes into data[0 .. size), at least four. *got is 0 only at the end, or with a failure.
 * Errors: those of reading and of rd__decompressor_step.
 */
rd_result rd__zstd_source_read(rd__zstd_source *filter, void *data, size_t size, size_t *got);

void rd__zstd_source_close(rd__zstd_source *filter);

/* Does the source, which is seekable, start as one that is compressed? */
rd_result rd__source_is_compressed(const rd_source *source, rd__operation *operation, rd_role role, bool *compressed);

#endif
