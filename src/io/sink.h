/* Writing to a sink, whatever is behind it, and gathering small pieces on the way. The constructors are in redelta.h.
 */
#ifndef RD_IO_SINK_H
#define RD_IO_SINK_H

#include "compress/compressor.h"
#include "io/job.h"

/* Writes all of the bytes. On failure job->error names the output. */
rd_result rd__sink_write(const rd_sink *sink, rd__job *job, const void *data, size_t size);

/* A buffer in front of a sink, and with job->compression a compressor behind the buffer. */
typedef struct rd__writer {
    const rd_sink *sink;
    rd__job *job;
    uint8_t *buffer;
    size_t filled;
    rd__compressor compressor; /* if anything is to be compressed */
} rd__writer;

/* `threads`, at least 1, may compress. */
rd_result rd__writer_init(rd__writer *writer, const rd_sink *sink, rd__job *job, unsigned threads);
/* Large pieces are not copied. */
rd_result rd__writer_put(rd__writer *writer, const void *data, size_t size);
/* Writes all there is. Nothing may follow. */
rd_result rd__writer_finish(rd__writer *writer);
void rd__writer_free(rd__writer *writer);

#endif
