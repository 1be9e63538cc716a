/* The delta stream: new file in, delta out. */
#include "base/memory.h"
#include "base/result.h"
#include "engine/differ.h"
#include "format/delta.h"
#include "stream/stream.h"

#include <string.h>

/* Bytes of the new file taken at once, so that what a caller hands over whole is not copied whole. */
enum { TAKE_MAX = 256 * 1024 };

typedef struct delta_stream {
    rd_stream head;
    rd__differ differ;
    const uint8_t *literal; /* bytes of the literal whose command was given */
    uint64_t literal_left;
    bool ended; /* the END command was made */
} delta_stream;

/* Gives what was made so far. False: some is left, for `out` is full. */
static bool flush(delta_stream *s, rd_out *out) {
    if (!rd__stream_flush(&s->head, out))
        return false;
    const size_t size = (size_t)rd__min_u64(s->literal_left, out->size - out->pos);
    if (size > 0) {
        memcpy((uint8_t *)out->data + out->pos, s->literal, size);
        s->literal += size;
        s->literal_left -= size;
        out->pos += size;
    }
    return s->literal_left == 0;
}

/* Makes the next command. False: more of the new file is needed. */
static bool make_command(delta_stream *s) {
    rd_op op;
    const uint8_t *literal = NULL;
    if (!rd__differ_next(&s->differ, &op, &literal))
        return false;
    rd__stream_pended(&s->head, rd__delta_put_op(rd__stream_pend(&s->head), &op));
    if (op.kind == RD_LITERAL) {
        s->literal = literal;
        s->literal_left = op.length;
    }
    return true;
}

static rd_result take(delta_stream *s, rd_in *in) {
    size_t room = 0;
    const size_t wanted = rd__min_size(in->size - in->pos, TAKE_MAX);
    uint8_t *const place = rd__differ_room(&s->differ, wanted, &room);
    if (!place)
        return rd__fail_memory(&s->head.job.error);
    memcpy(place, (const uint8_t *)in->data + in->pos, wanted);
    rd__differ_add(&s->differ, wanted);
    in->pos += wanted;
    return RD_OK;
}

static void make_end(delta_stream *s) {
    rd__stream_pended(&s->head, rd__delta_put_end(rd__stream_pend(&s->head)));
    s->ended = true;
}

static rd_result step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    delta_stream *const s = (delta_stream *)stream;
    for (;;) {
        if (!flush(s, out))
            return RD_MORE;
        if (s->ended)
            return RD_OK;
        if (make_command(s))
            continue;
        if (in->pos < in->size) {
            const rd_result result = take(s, in);
            if (result != RD_OK)
                return result;
        } else if (!end) {
            return RD_MORE;
        } else if (!s->differ.view.last) {
            rd__differ_end(&s->differ);
        } else {
            make_end(s);
        }
    }
}

static void close_differ(rd_stream *stream) {
    rd__differ_free(&((delta_stream *)stream)->differ);
}

rd_result rd_delta_stream_new(rd_stream **stream, const rd_signature *signature) {
    const rd_result result = rd__stream_new(stream, sizeof(delta_stream), step, close_differ);
    if (result != RD_OK)
        return result;
    rd__differ_init(&((delta_stream *)*stream)->differ, signature, rd__kernels_best(), &(*stream)->job.stats);
    rd__stream_pended(*stream, rd__delta_put_magic(rd__stream_pend(*stream)));
    return RD_OK;
}
