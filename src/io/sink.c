/* Sinks: an open file, memory that grows, or a function of the caller. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "io/sink.h"

#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WRITER_SIZE = 128 * 1024, LARGE_PIECE = 16 * 1024, MEMORY_MIN = 256 };

/* More in one call than some kernels take: Linux stops short of 2 GiB. */
#define WRITE_MAX ((size_t)1 << 30)

rd_sink rd_sink_fd(int fd) {
    return (rd_sink){.fd = fd};
}

rd_sink rd_sink_callback(rd_write_fn *write, void *context) {
    return (rd_sink){.write = write, .context = context, .fd = -1};
}

static rd_result append(void *context, const void *data, size_t size) {
    rd_memory *const memory = context;
    if (size == 0)
        return RD_OK;
    if (size > memory->capacity - memory->size) {
        if (size > SIZE_MAX / 4 || memory->size > SIZE_MAX / 4)
            return RD_E_MEMORY;
        const size_t needed = memory->size + size;
        const size_t doubled = 2 * memory->capacity;
        const size_t capacity = needed < doubled ? doubled : needed < MEMORY_MIN ? MEMORY_MIN : needed;
        uint8_t *const grown = rd__resize_array(memory->data, capacity, 1);
        if (!grown)
            return RD_E_MEMORY;
        memory->data = grown;
        memory->capacity = capacity;
    }
    memcpy(memory->data + memory->size, data, size);
    memory->size += size;
    return RD_OK;
}

rd_sink rd_sink_memory(rd_memory *memory) {
    return rd_sink_callback(append, memory);
}

void rd_memory_free(rd_memory *memory) {
    free(memory->data);
    *memory = (rd_memory){0};
}

/* After a write that was interrupted or cut short, which a signal may have done, the job is asked for leave to go on.
 */
static rd_result write_fd(const rd_sink *sink, rd__job *job, const uint8_t *data, size_t size) {
    while (size > 0) {
        const size_t wanted = rd__min_size(size, WRITE_MAX);
        const ssize_t n = rd__system_write(sink->fd, data, wanted);
        if (n == 0 || (n < 0 && errno != EINTR))
            return rd__fail_system(&job->error, RD_ROLE_OUTPUT, n == 0 ? ENOSPC : errno, "cannot write");
        const size_t written = n > 0 ? (size_t)n : 0;
        data += written;
        size -= written;
        const rd_result result = written < wanted ? rd__job_progress(job, job->done) : RD_OK;
        if (result != RD_OK)
            return result;
    }
    return RD_OK;
}

static rd_result write_callback(const rd_sink *sink, rd__job *job, const void *data, size_t size) {
    errno = 0;
    const rd_result result = sink->write(sink->context, data, size);
    if (result == RD_E_MEMORY)
        return rd__fail_memory(&job->error);
    if (result == RD_MORE)
        return rd__fail(&job->error, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "the caller's write function gave neither RD_OK nor a failure");
    if (result != RD_OK) {
        rd__fail_system(&job->error, RD_ROLE_OUTPUT, errno, "the caller's write function failed");
        job->error.result = result;
    }
    return result;
}

rd_result rd__sink_write(const rd_sink *sink, rd__job *job, const void *data, size_t size) {
    if (size == 0)
        return RD_OK;
    rd_result result = rd__job_allow_output(job, size);
    if (result == RD_OK)
        result = sink->write ? write_callback(sink, job, data, size) : write_fd(sink, job, data, size);
    if (result == RD_OK)
        job->stats.out_bytes += size;
    return result;
}

rd_result rd_sink_write(const rd_sink *sink, const void *data, size_t size, rd_error *error) {
    rd__job job = {.total = RD_UNKNOWN};
    const rd_result result = rd__sink_write(sink, &job, data, size);
    if (result != RD_OK && error)
        *error = job.error;
    return result;
}

rd_result rd__writer_init(rd__writer *writer, const rd_sink *sink, rd__job *job, unsigned threads) {
    *writer = (rd__writer){.sink = sink, .job = job, .buffer = rd__alloc_array(WRITER_SIZE, 1)};
    if (!writer->buffer)
        return rd__fail_memory(&job->error);
    if (!rd__job_compresses(job))
        return RD_OK;
    return rd__compressor_init(&writer->compressor, job->compression, threads, &job->error);
}

/* With `end`, all that is made is written. At high levels that may take long, so the job is asked for leave. */
static rd_result compress(rd__writer *writer, const void *data, size_t size, bool end) {
    rd_in in = {.data = data, .size = size};
    rd_result result = RD_MORE;
    while (result == RD_MORE && (in.pos < in.size || end)) {
        rd_in made;
        result = rd__compressor_step(&writer->compressor, &in, end, &made, &writer->job->error);
        if (result != RD_OK && result != RD_MORE)
            return result;
        rd_result written = rd__sink_write(writer->sink, writer->job, made.data, made.size);
        if (written == RD_OK && made.size > 0)
            written = rd__job_progress(writer->job, writer->job->done);
        if (written != RD_OK)
            return written;
    }
    return RD_OK;
}

static rd_result pass_on(rd__writer *writer, const void *data, size_t size) {
    return rd__job_compresses(writer->job) ? compress(writer, data, size, false)
                                           : rd__sink_write(writer->sink, writer->job, data, size);
}

static rd_result flush(rd__writer *writer) {
    const rd_result result = pass_on(writer, writer->buffer, writer->filled);
    writer->filled = 0;
    return result;
}

rd_result rd__writer_finish(rd__writer *writer) {
    const rd_result result = flush(writer);
    return result == RD_OK && rd__job_compresses(writer->job) ? compress(writer, NULL, 0, true) : result;
}

rd_result rd__writer_put(rd__writer *writer, const void *data, size_t size) {
    if (size > WRITER_SIZE - writer->filled || size >= LARGE_PIECE) {
        const rd_result result = flush(writer);
        if (result != RD_OK)
            return result;
    }
    if (size >= LARGE_PIECE)
        return pass_on(writer, data, size);
    memcpy(writer->buffer + writer->filled, data, size);
    writer->filled += size;
    return RD_OK;
}

void rd__writer_free(rd__writer *writer) {
    rd__compressor_free(&writer->compressor);
    free(writer->buffer);
    writer->buffer = NULL;
}
