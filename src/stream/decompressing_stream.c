/*
 * The stream around one that takes a signature or a delta, which may be compressed. The first bytes tell. If it is not,
 * nothing stands between; else what comes out of the decompressor goes through a buffer to the inner stream.
 *
 * A patch is done with the trailer, which need not be the end of what it is given. If it is compressed, it must be:
 * nobody could get at what follows in a frame, the checksum comes after it, and empty frames may follow.
 */
#include "base/memory.h"
#include "base/result.h"
#include "compress/decompressor.h"
#include "stream/stream.h"

#include <stdlib.h>

enum { PLAIN_SIZE = 128 * 1024 };

typedef enum form { UNKNOWN_YET, PLAIN, COMPRESSED } form;

typedef struct decompressing_stream {
    rd_stream head;
    form form;
    uint8_t start[RD__FRAME_MAGIC_LEN]; /* the first bytes, until the form is known */
    size_t started;
    rd__decompressor decompressor;
    uint8_t *buffer; /* of PLAIN_SIZE, if the form is COMPRESSED */
    rd_in plain;     /* for the inner stream: in `buffer`, or in `start` */
    bool ended;      /* nothing follows that */
    bool done;       /* the inner stream is */
} decompressing_stream;

/* ---- Which form it is -------------------------------------------------------------------------------------------- */

static rd_result decompressing_start_plain(decompressing_stream *s) {
    s->form = PLAIN;
    s->plain = (rd_in){.data = s->start, .size = s->started};
    return RD_OK;
}

static rd_result decompressing_start_compressed(decompressing_stream *s) {
    rd_in start = {.data = s->start, .size = s->started};
    rd_error *const error = &s->head.operation.error;
    s->form = COMPRESSED;
    s->buffer = rd__alloc_array(PLAIN_SIZE, 1);
    if (!s->buffer)
        return rd__fail_memory(error);
    rd_result result = rd__decompressor_init(&s->decompressor, s->head.operation.context, s->head.takes,
                                             s->head.operation.options.limits.memory, error);
    if (result != RD_OK)
        return result;
    rd_out room = {.data = s->buffer, .size = PLAIN_SIZE};
    result = rd__decompressor_step(&s->decompressor, &start, &room, false, error);
    return result == RD_MORE ? RD_OK : result;
}

/* RD_MORE: more of the first bytes are needed. */
static rd_result decompressing_find_form(decompressing_stream *s, rd_in *in, bool end) {
    for (;;) {
        if (s->started == sizeof s->start)
            return decompressing_start_compressed(s);
        if (in->pos == in->size)
            return end ? decompressing_start_plain(s) : RD_MORE;
        s->start[s->started] = ((const uint8_t *)in->data)[in->pos];
        if (!rd__frame_begins(s->start, s->started + 1))
            return decompressing_start_plain(s);
        s->started++;
        in->pos++;
    }
}

/* ---- The two ways ------------------------------------------------------------------------------------------------ */

static rd_result decompressing_step_inner(decompressing_stream *s, rd_in *in, rd_out *out, bool end) {
    const rd_result result = rd_stream_step(s->head.inner, in, out, end);
    if (result != RD_OK && result != RD_MORE)
        s->head.operation.error = *rd_stream_error(s->head.inner);
    return result;
}

/* First the bytes that decided the form, then what comes. */
static rd_result decompressing_step_plain(decompressing_stream *s, rd_in *in, rd_out *out, bool end) {
    if (s->plain.pos < s->plain.size) {
        const rd_result result = decompressing_step_inner(s, &s->plain, out, end && in->pos == in->size);
        if (result != RD_MORE || s->plain.pos < s->plain.size)
            return result;
    }
    return decompressing_step_inner(s, in, out, end);
}

/* Makes the next bytes for the inner stream. RD_MORE: there are none without more of `in`. */
static rd_result decompressing_refill(decompressing_stream *s, rd_in *in, bool end) {
    rd_out room = {.data = s->buffer, .size = PLAIN_SIZE};
    const rd_result result = rd__decompressor_step(&s->decompressor, in, &room, end, &s->head.operation.error);
    s->plain = (rd_in){.data = s->buffer, .size = room.pos};
    s->ended = result == RD_OK;
    return result == RD_MORE && room.pos > 0 ? RD_OK : result;
}

/* The inner stream is done: so must be all frames, unless nobody asks. */
static rd_result decompressing_finish_frames(decompressing_stream *s, rd_in *in, bool end) {
    if (s->head.operation.options.verify == RD_VERIFY_NEVER)
        return RD_OK;
    while (s->plain.pos == s->plain.size) {
        if (s->ended)
            return RD_OK;
        const rd_result result = decompressing_refill(s, in, end);
        if (result != RD_OK)
            return result;
    }
    return rd__fail(&s->head.operation.error, RD_E_CORRUPT, s->head.takes, s->head.inner->operation.stats.in_bytes,
                    "the delta continues after its trailer");
}

static rd_result decompressing_step_compressed(decompressing_stream *s, rd_in *in, rd_out *out, bool end) {
    rd_result result = RD_OK;
    while (!s->done && result == RD_OK) {
        result = decompressing_step_inner(s, &s->plain, out, s->ended);
        s->done = result == RD_OK;
        /* Bytes are left if there is no room for what they make, or the basis has nothing to give now. */
        if (result == RD_MORE && s->plain.pos == s->plain.size && !s->ended)
            result = decompressing_refill(s, in, end);
    }
    return result == RD_OK ? decompressing_finish_frames(s, in, end) : result;
}

static rd_result decompressing_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    decompressing_stream *const s = (decompressing_stream *)stream;
    const rd_result result = s->form == UNKNOWN_YET ? decompressing_find_form(s, in, end) : RD_OK;
    if (result != RD_OK)
        return result;
    return s->form == PLAIN ? decompressing_step_plain(s, in, out, end)
                            : decompressing_step_compressed(s, in, out, end);
}

static void decompressing_close(rd_stream *stream) {
    decompressing_stream *const s = (decompressing_stream *)stream;
    rd__decompressor_free(&s->decompressor);
    free(s->buffer);
    rd_stream_free(stream->inner);
}

rd_result rd__stream_decompress(rd_stream **stream, const rd_options *options) {
    rd_stream *const inner = *stream;
    if (inner->operation.options.compression == RD_COMPRESSION_NEVER)
        return RD_OK;
    const rd_result result = rd__stream_new(stream, sizeof(decompressing_stream), inner->takes, options,
                                            decompressing_step, decompressing_close);
    if (result != RD_OK) {
        rd_stream_free(inner);
        return result;
    }
    decompressing_stream *const s = (decompressing_stream *)*stream;
    s->head.inner = inner;
    return RD_OK;
}
