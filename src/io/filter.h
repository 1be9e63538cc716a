/*
 * What all filters share: sources and sinks that are made of others. Each kind is a table of functions, in the room
 * that knows how: peek.c here, zstd_source.c and zstd_sink.c in compress, stream_source.c in stream, patched_filter.c
 * in file.
 *
 * A filter works in an operation of its own, whose error says what failed beneath. Whatever reads from a filter, or
 * writes to it, passes that error up unchanged, as if there were no filter.
 */
#ifndef RD_IO_FILTER_H
#define RD_IO_FILTER_H

#include "base/operation.h"

typedef struct rd__filter_kind {
    size_t size; /* of the structure, which starts with an rd_filter */
    /* As rd_read_fn, rd_write_fn; NULL: it is no source, no sink. Failures are in filter->operation.error. */
    rd_result (*read)(rd_filter *filter, uint64_t offset, void *data, size_t size, size_t *got);
    rd_result (*write)(rd_filter *filter, const void *data, size_t size);
    /* The source, if it does not read in the filter's operation; then there is no `read`. NULL: it does. */
    rd_source (*source)(rd_filter *filter);
    rd_result (*finish)(rd_filter *filter); /* or NULL: there is nothing to finish */
    void (*close)(rd_filter *filter);       /* frees what the kind holds */
} rd__filter_kind;

struct rd_filter {
    const rd__filter_kind *kind;
    rd__operation operation;
    rd_source source; /* of a source ... */
    rd_sink sink;     /* ... or of a sink: what lies beneath */
    uint64_t size;    /* of what it gives, or RD_UNKNOWN */
    bool seekable;    /* what it gives */
    rd_role role;     /* of its source, if what it gives is another file; or RD_ROLE_NONE */
};

/*
 * A zeroed filter of this kind, over a source that can be read in order from its start. Errors: RD_E_MEMORY,
 * RD_E_PARAMETER, with *filter NULL and the caller's error filled.
 */
rd_result rd__filter_new(rd_filter **filter, const rd__filter_kind *kind, const rd_options *options);

/* The end of every function that makes a filter: as rd__stream_made. */
rd_result rd__filter_made(rd_filter **filter, rd_result result);

/* The functions of every filter's source and sink. Their context is the filter. */
rd_read_fn rd__filter_read;
rd_write_fn rd__filter_write;

#endif
