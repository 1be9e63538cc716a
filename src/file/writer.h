/* Writing the output of an operation: through a buffer to the sink, or to the compressor in front of the sink. */
#ifndef RD_FILE_WRITER_H
#define RD_FILE_WRITER_H

#include "compress/zstd_sink.h"
#include "io/sink.h"

typedef struct rd__writer {
    const rd_sink *sink;
    rd__operation *operation;
    uint8_t *buffer; /* of small amounts */
    size_t capacity;
    size_t filled;
    rd__piece pieces[RD__PIECES_MAX]; /* to be written next: of the buffer, and lent ones */
    size_t piece_count;
    size_t waiting; /* bytes of them */
    bool compresses;
    rd__zstd_sink zstd;
} rd__writer;

/*
 * About `expected` bytes will be written, or RD_UNKNOWN: for few the buffer is small. `threads`, at least 1, may
 * compress. Errors: RD_E_MEMORY, RD_E_PARAMETER (the level of compression). rd__writer_close must follow in any case.
 */
rd_result rd__writer_open(rd__writer *writer, const rd_sink *sink, rd__operation *operation, uint64_t expected,
                          unsigned threads);
/* Large amounts are not copied. */
rd_result rd__writer_put(rd__writer *writer, const void *data, size_t size);
/* Like rd__writer_put for bytes that stay as they are until rd__writer_return: they are written along with others. */
rd_result rd__writer_lend(rd__writer *writer, const void *data, size_t size);
/* Writes what was lent. */
rd_result rd__writer_return(rd__writer *writer);
/* Writes all there is. Nothing may follow. */
rd_result rd__writer_finish(rd__writer *writer);
void rd__writer_close(rd__writer *writer);

#endif
