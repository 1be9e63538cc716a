/* See stream.h, and redelta.h for what a caller may rely on. */
#include "stream/stream.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

rd_result rd__stream_new(rd_stream **stream, size_t size, rd_role takes, const rd_options *options, rd__step_fn *step,
                         rd__close_fn *close) {
    rd_stream *const made = rd__alloc_zeroed(1, size);
    *stream = made;
    if (!made)
        return rd__fail_memory_of(options);
    made->step = step;
    made->close = close;
    made->takes = takes;
    made->state = RD_MORE;
    const rd_result result = rd__operation_start(&made->operation, options, RD_UNKNOWN);
    if (result == RD_OK) {
        made->operation.error.reason = rd_result_message(RD_OK);
        return RD_OK;
    }
    if (made->operation.options.error)
        *made->operation.options.error = made->operation.error;
    free(made);
    *stream = NULL;
    return result;
}

rd_result rd__stream_made(rd_stream **stream, rd_result result) {
    if (result == RD_OK || !*stream)
        return result;
    const rd__operation *const operation = &(*stream)->operation;
    assert(operation->error.result == result);
    if (operation->options.error)
        *operation->options.error = operation->error;
    rd_stream_free(*stream);
    *stream = NULL;
    return result;
}

void rd__stream_pend(rd_stream *stream, const uint8_t *data, size_t size) {
    assert(stream->pending_size == 0);
    stream->pending = data;
    stream->pending_size = size;
    stream->made += size;
}

/* More is pending than may be given. */
static bool stream_over_limit(const rd_stream *stream) {
    const uint64_t limit = stream->operation.options.limits.output;
    return limit > 0 && stream->made > limit;
}

bool rd__stream_flush(rd_stream *stream, rd_out *out) {
    if (stream_over_limit(stream))
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

rd_result rd_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    if (stream->state != RD_MORE)
        return RD_E_STATE;
    if (in->pos > in->size || out->pos > out->size)
        return rd__fail(&stream->operation.error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                        "the position in a buffer is beyond its end");
    const size_t in_before = in->pos;
    const size_t out_before = out->pos;
    if (rd__stream_flush(stream, out))
        stream->state = stream->step(stream, in, out, end);

    /* What went in and out is this stream's affair, all else that of the one inside. */
    rd_stats *const stats = &stream->operation.stats;
    const uint64_t in_bytes = stats->in_bytes + (in->pos - in_before);
    const uint64_t out_bytes = stats->out_bytes + (out->pos - out_before);
    if (stream->inner)
        *stats = stream->inner->operation.stats;
    stats->in_bytes = in_bytes;
    stats->out_bytes = out_bytes;
    if (stream_over_limit(stream))
        stream->state = rd__operation_allow_output(&stream->operation, stream->made);
    return stream->state;
}

rd_result rd_stream_stats(const rd_stream *stream, rd_stats *stats) {
    return rd__stats_copy(stats, &stream->operation.stats);
}

const rd_error *rd_stream_error(const rd_stream *stream) {
    return &stream->operation.error;
}

void rd_stream_free(rd_stream *stream) {
    if (!stream)
        return;
    stream->close(stream);
    rd__context_release(&stream->operation.own);
    free(stream);
}
