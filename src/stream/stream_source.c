/*
 * A stream made into a source: reading from it makes the stream go on, with what it needs of another source. So the
 * delta of a new file, say, can be read by a patch without ever being a file.
 */
#include "base/memory.h"
#include "base/result.h"
#include "io/filter.h"
#include "io/source.h"
#include "stream/stream.h"

enum { CHUNK = 256 * 1024 };

typedef struct stream_filter {
    rd_filter head;
    rd_stream *stream; /* the caller's */
    uint8_t *chunk;    /* of the source ... */
    rd_in in;          /* ... and what is left of it */
    uint64_t read;     /* bytes of the source */
    uint64_t given;    /* bytes that the stream made */
    rd_result failure; /* of reading the source, or RD_OK; after it, what the stream would be given is not known */
    bool ended;        /* the source */
    bool done;         /* the stream */
} stream_filter;

static rd_result stream_filter_read(rd_filter *filter, uint64_t offset, void *data, size_t size, size_t *got) {
    stream_filter *const f = (stream_filter *)filter;
    rd__operation *const operation = &filter->operation;
    rd_out out = {.data = data, .size = size};
    if (offset != f->given)
        return rd__fail(&operation->error, RD_E_STATE, RD_ROLE_NONE, offset,
                        "what a stream makes can only be read in sequence");
    if (f->failure != RD_OK)
        return f->failure;
    while (out.pos == 0 && !f->done) {
        if (f->in.pos == f->in.size && !f->ended) {
            f->in = (rd_in){.data = f->chunk};
            f->failure =
                rd__source_read(&filter->source, operation, f->stream->takes, f->read, f->chunk, CHUNK, &f->in.size);
            if (f->failure != RD_OK)
                return f->failure;
            f->read += f->in.size;
            f->ended = f->in.size < CHUNK;
        }
        const size_t before = f->in.pos;
        const rd_result result = rd_stream_step(f->stream, &f->in, &out, f->ended);
        f->done = result == RD_OK;
        if (result == RD_E_STATE || result == RD_E_PARAMETER)
            return rd__fail(&operation->error, result, RD_ROLE_NONE, RD_UNKNOWN, "the stream has ended before");
        if (result != RD_OK && result != RD_MORE) {
            operation->error = *rd_stream_error(f->stream);
            return result;
        }
        /* Neither input nor room was missing: the basis of a patch has nothing to give now. */
        if (result == RD_MORE && out.pos == 0 && f->in.pos == before && (before < f->in.size || f->ended))
            return RD_MORE;
    }
    *got = out.pos;
    f->given += out.pos;
    return RD_OK;
}

static void stream_filter_close(rd_filter *filter) {
    rd__context_give(filter->operation.context, ((stream_filter *)filter)->chunk);
}

static const rd__filter_kind stream_filter_kind = {
    .size = sizeof(stream_filter), .read = stream_filter_read, .close = stream_filter_close};

rd_result rd_filter_stream_new(rd_filter **filter, rd_stream *stream, const rd_source *source,
                               const rd_options *options) {
    const rd_result result = rd__filter_new(filter, &stream_filter_kind, options);
    if (result != RD_OK)
        return result;
    rd_error *const error = &(*filter)->operation.error;
    if (!stream || stream->state != RD_MORE || stream->operation.stats.in_bytes + stream->operation.stats.out_bytes > 0)
        return rd__filter_made(filter, rd__fail(error, RD_E_STATE, RD_ROLE_NONE, RD_UNKNOWN, "the stream is not new"));
    stream_filter *const f = (stream_filter *)*filter;
    f->head.source = *source;
    f->head.role = stream->takes;
    f->stream = stream;
    f->chunk = rd__context_take(f->head.operation.context, CHUNK, 1);
    return rd__filter_made(filter, f->chunk ? RD_OK : rd__fail_memory(&f->head.operation.error));
}
