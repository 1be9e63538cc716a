/* See stream.h, and redelta.h for what a caller may rely on. */
#include "stream/stream.h"

#include "base/memory.h"
#include "base/result.h"

#include <stdlib.h>
#include <string.h>

rd_result rd__stream_new(rd_stream **stream, size_t size, const rd_options *options, rd__step_fn *step,
                         rd__close_fn *close) {
    rd_stream *const made = rd__alloc_zeroed(1, size);
    *stream = made;
    if (!made)
        return RD_E_MEMORY;
    made->options = rd__options_from(options);
    made->step = step;
    made->close = close;
    made->state = RD_MORE;
    made->job.total = RD_UNKNOWN;
    made->job.limits = made->options.limits;
    made->job.compression = made->options.compression;
    made->job.error.reason = rd_result_message(RD_OK);
    return RD_OK;
}

void rd__stream_pend(rd_stream *stream, const uint8_t *data, size_t size) {
    stream->pending = data;
    stream->pending_size = size;
    stream->made += size;
}

/* More is pending than may be given. */
static bool over_limit(const rd_stream *stream) {
    const uint64_t limit = stream->job.limits.output;
    return limit > 0 && stream->made > limit;
}

bool rd__stream_flush(rd_stream *stream, rd_out *out) {
    if (over_limit(stream))
        return false;
    const size_t size = rd__min_size(stream->pending_size, out->size - out->pos);
    if (size > 0) {
        memcpy((uint8_t *)out->data + out->pos, stream->pending, size);
        stream->pending += size;
        stream->pending_size -= size;
        out->pos += size;
    }
    return stream->pending_size == 0;
}

/* What went in and out is this stream's affair, all else that of the one inside. */
static void count(rd_stream *stream, size_t taken, size_t given) {
    const uint64_t in_bytes = stream->job.stats.in_bytes + taken;
    const uint64_t out_bytes = stream->job.stats.out_bytes + given;
    if (stream->inner)
        stream->job.stats = stream->inner->job.stats;
    stream->job.stats.in_bytes = in_bytes;
    stream->job.stats.out_bytes = out_bytes;
}

rd_result rd_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    if (stream->state != RD_MORE)
        return RD_E_STATE;
    if (in->pos > in->size || out->pos > out->size)
        return RD_E_PARAMETER;
    const size_t in_before = in->pos;
    const size_t out_before = out->pos;
    if (rd__stream_flush(stream, out))
        stream->state = stream->step(stream, in, out, end);
    count(stream, in->pos - in_before, out->pos - out_before);
    if (over_limit(stream))
        stream->state = rd__job_allow_output(&stream->job, stream->made);
    return stream->state;
}

const rd_stats *rd_stream_stats(const rd_stream *stream) {
    return &stream->job.stats;
}

const rd_error *rd_stream_error(const rd_stream *stream) {
    return &stream->job.error;
}

void rd_stream_free(rd_stream *stream) {
    if (!stream)
        return;
    stream->close(stream);
    free(stream);
}
