/* See writer.h. */
#include "file/writer.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <string.h>

enum {
    LARGE = 16 * 1024, /* bytes that are not copied into the buffer */
    BUFFER_MIN = LARGE,
    BUFFER_MAX = 128 * 1024,
    LENT_MAX = 256 * 1024 /* bytes that wait: larger writes take less time, but the system then uses larger pages */
};

rd_result rd__writer_open(rd__writer *writer, const rd_sink *sink, rd__operation *operation, uint64_t expected,
                          unsigned threads) {
    *writer = (rd__writer){.sink = sink, .operation = operation, .compresses = rd__operation_compresses(operation)};
    writer->capacity = expected < BUFFER_MIN ? (size_t)BUFFER_MIN : (size_t)rd__min_u64(expected, BUFFER_MAX);
    writer->buffer = rd__context_take(operation->context, writer->capacity, 1);
    if (!writer->buffer)
        return rd__fail_memory(&operation->error);
    return writer->compresses ? rd__zstd_sink_open(&writer->zstd, sink, operation, threads) : RD_OK;
}

static rd_result writer_pass_on(rd__writer *writer, const void *data, size_t size) {
    return writer->compresses ? rd__zstd_sink_write(&writer->zstd, data, size)
                              : rd__sink_write(writer->sink, writer->operation, data, size);
}

/* Adds a piece. What follows the latest one in memory becomes part of that. */
static void writer_add(rd__writer *writer, const uint8_t *data, size_t size) {
    rd__piece *const latest = writer->piece_count > 0 ? &writer->pieces[writer->piece_count - 1] : NULL;
    assert(writer->piece_count < RD__PIECES_MAX);
    if (latest && latest->data + latest->size == data)
        latest->size += size;
    else
        writer->pieces[writer->piece_count++] = (rd__piece){.data = data, .size = size};
    writer->waiting += size;
}

static rd_result writer_flush(rd__writer *writer) {
    rd_result result = RD_OK;
    if (!writer->compresses)
        result = rd__sink_write_pieces(writer->sink, writer->operation, writer->pieces, writer->piece_count);
    for (size_t i = 0; writer->compresses && result == RD_OK && i < writer->piece_count; i++)
        result = rd__zstd_sink_write(&writer->zstd, writer->pieces[i].data, writer->pieces[i].size);
    writer->piece_count = 0;
    writer->waiting = 0;
    writer->filled = 0;
    return result;
}

rd_result rd__writer_put(rd__writer *writer, const void *data, size_t size) {
    if (size > writer->capacity - writer->filled || size >= LARGE || writer->piece_count == RD__PIECES_MAX) {
        const rd_result result = writer_flush(writer);
        if (result != RD_OK)
            return result;
    }
    if (size >= LARGE)
        return writer_pass_on(writer, data, size);
    if (size > 0) {
        memcpy(writer->buffer + writer->filled, data, size);
        writer_add(writer, writer->buffer + writer->filled, size);
    }
    writer->filled += size;
    assert(writer->filled <= writer->capacity);
    return RD_OK;
}

rd_result rd__writer_lend(rd__writer *writer, const void *data, size_t size) {
    if (size < LARGE)
        return rd__writer_put(writer, data, size);
    if (writer->piece_count == RD__PIECES_MAX || size > LENT_MAX - rd__min_size(writer->waiting, LENT_MAX)) {
        const rd_result result = writer_flush(writer);
        if (result != RD_OK)
            return result;
    }
    writer_add(writer, data, size);
    return RD_OK;
}

rd_result rd__writer_return(rd__writer *writer) {
    return writer->waiting > writer->filled ? writer_flush(writer) : RD_OK;
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
