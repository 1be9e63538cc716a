/*
 * A sink filter: what is written to it goes compressed to another sink, as one frame.
 */
#ifndef RD_COMPRESS_ZSTD_SINK_H
#define RD_COMPRESS_ZSTD_SINK_H

#include "compress/compressor.h"
#include "io/sink.h"

typedef struct rd__zstd_sink {
    const rd_sink *sink;
    rd__operation *operation;
    rd__compressor compressor;
} rd__zstd_sink;

/* At the operation's level; `threads`, at least 1, may compress. Errors: those of rd__compressor_init. */
rd_result rd__zstd_sink_open(rd__zstd_sink *filter, const rd_sink *sink, rd__operation *operation, unsigned threads);
/* Writes the bytes; at high levels that may take long, so progress is reported. */
rd_result rd__zstd_sink_write(rd__zstd_sink *filter, const void *data, size_t size);
/* Completes the frame. Nothing may follow. */
rd_result rd__zstd_sink_finish(rd__zstd_sink *filter);
/* Also one that was never opened, if it is all zero. */
void rd__zstd_sink_close(rd__zstd_sink *filter);

#endif
