/* See writer.h. */
#include "file/writer.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <string.h>

enum { BUFFER_SIZE = 128 * 1024, LARGE = 16 * 1024 };

rd_result rd__writer_open(rd__writer *writer, const rd_sink *sink, rd__operation *operation, unsigned threads) {
    *writer = (rd__writer){.sink = sink, .operation = operation, .compresses = rd__operation_compresses(operation)};
    writer->buffer = rd__context_take(operation->context, BUFFER_SIZE, 1);
    if (!writer->buffer)
        return rd__fail_memory(&operation->error);
    return writer->compresses ? rd__zstd_sink_open(&writer->zstd, sink, operation, threads) : RD_OK;
}

static rd_result writer_pass_on(rd__writer *writer, const void *data, size_t size) {
    return writer->compresses ? rd__zstd_sink_write(&writer->zstd, data, size)
                              : rd__sink_write(writer->sink, writer->operation, data, size);
}

static rd_result writer_flush(rd__writer *writer) {
    const rd_result result = writer_pass_on(writer, writer->buffer, writer->filled);
    writer->filled = 0;
    return result;
}

rd_result rd__writer_put(rd__writer *writer, const void *data, size_t size) {
    if (size > BUFFER_SIZE - writer->filled || size >= LARGE) {
        const rd_result result = writer_flush(writer);
        if (result != RD_OK)
            return result;
    }
    if (size >= LARGE)
        return writer_pass_on(writer, data, size);
    if (size > 0)
        memcpy(writer->buffer + writer->filled, data, size);
    writer->filled += size;
    assert(writer->filled <= BUFFER_SIZE);
    return RD_OK;
}

rd_result rd__writer_finish(rd__writer *writer) {
    const rd_result result = writer_flush(writer);
    return result == RD_OK && writer->compresses ? rd__zstd_sink_finish(&writer->zstd) : result;
}

void rd__writer_close(rd__writer *writer) {
    rd__zstd_sink_close(&writer->zstd);
    rd__context_give(writer->operation->context, writer->buffer);
    writer->buffer = NULL;
}
