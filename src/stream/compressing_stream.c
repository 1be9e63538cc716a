/*
 * The stream around one whose bytes are to be compressed: what that one gives goes through a buffer to the compressor.
 * Limits on the output concern what comes out here.
 */
#include "compress/compressor.h"
#include "stream/stream.h"

enum { PLAIN_SIZE = 64 * 1024 };

typedef struct compressing_stream {
    rd_stream head;
    rd__compressor compressor;
    rd_in plain;   /* what is not compressed yet, in `buffer` */
    bool ended;    /* nothing follows it */
    bool finished; /* the frame is complete */
    uint8_t buffer[PLAIN_SIZE];
} compressing_stream;

/* What the inner stream gives next. RD_MORE: nothing, without more of `in`. */
static rd_result compressing_refill(compressing_stream *s, rd_in *in, bool end) {
    rd_out room = {.data = s->buffer, .size = sizeof s->buffer};
    const rd_result result = rd_stream_step(s->head.inner, in, &room, end);
    s->plain = (rd_in){.data = s->buffer, .size = room.pos};
    s->ended = result == RD_OK;
    if (result != RD_OK && result != RD_MORE)
        s->head.operation.error = *rd_stream_error(s->head.inner);
    return result == RD_MORE && room.pos > 0 ? RD_OK : result;
}

/* Has some bytes compressed. What comes out is pending. */
static rd_result compressing_compress(compressing_stream *s) {
    rd_in made;
    const rd_result result = rd__compressor_step(&s->compressor, &s->plain, s->ended, &made, &s->head.operation.error);
    s->finished = result == RD_OK;
    if (result == RD_OK || result == RD_MORE)
        rd__stream_pend(&s->head, made.data, made.size);
    return result == RD_MORE ? RD_OK : result;
}

static rd_result compressing_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    compressing_stream *const s = (compressing_stream *)stream;
    rd_result result = RD_OK;
    while (result == RD_OK) {
        if (!rd__stream_flush(stream, out))
            return RD_MORE;
        if (s->finished)
            return RD_OK;
        if (s->plain.pos == s->plain.size && !s->ended)
            result = compressing_refill(s, in, end);
        if (result == RD_OK)
            result = compressing_compress(s);
    }
    return result;
}

static void compressing_close(rd_stream *stream) {
    rd__compressor_free(&((compressing_stream *)stream)->compressor);
    rd_stream_free(stream->inner);
}

rd_result rd__stream_compress(rd_stream **stream, const rd_options *options) {
    rd_stream *const inner = *stream;
    if (!rd__operation_compresses(&inner->operation))
        return RD_OK;
    const rd_result result =
        rd__stream_new(stream, sizeof(compressing_stream), inner->takes, options, compressing_step, compressing_close);
    if (result != RD_OK) {
        rd_stream_free(inner);
        return result;
    }
    compressing_stream *const s = (compressing_stream *)*stream;
    rd__operation *const operation = &s->head.operation;
    inner->operation.options.limits.output = 0;
    s->head.inner = inner;
    return rd__compressor_init(&s->compressor, operation->context, operation->options.compression, 1,
                               &operation->error);
}
