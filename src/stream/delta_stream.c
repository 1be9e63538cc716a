/* The delta stream: new file in, delta out, with a trailer if it is to be verified. */
#include "base/memory.h"
#include "base/result.h"
#include "engine/differ.h"
#include "format/delta.h"
#include "format/trailer.h"
#include "hash/digest.h"
#include "stream/stream.h"

#include <string.h>

enum {
    TAKE_MAX = 256 * 1024, /* bytes of the new file at once, so that what is handed over whole is not copied whole */
    ENOUGH_BLOCKS = 16,    /* that are gathered before they are scanned, to fill the kernels' lanes ... */
    ENOUGH_MIN = 64 * 1024,
    ENOUGH_MAX = 512 * 1024 /* ... between these numbers of bytes */
};

typedef struct delta_stream {
    rd_stream head;
    rd__differ differ;
    rd__digester digester;  /* if a trailer is due */
    const uint8_t *literal; /* bytes of the literal whose command is pending */
    size_t literal_size;
    size_t enough;
    size_t fresh;  /* bytes taken since the last scan */
    bool scanning; /* the differ may have more to tell */
    bool ended;    /* the END command was made */
} delta_stream;

static size_t enough(const rd_signature *signature) {
    const uint64_t bytes = signature ? (uint64_t)ENOUGH_BLOCKS * signature->params.block_len : 0;
    return bytes < ENOUGH_MIN ? ENOUGH_MIN : (size_t)rd__min_u64(bytes, ENOUGH_MAX);
}

/* Makes the next command. False: more of the new file is needed. */
static bool make_command(delta_stream *s) {
    rd_op op;
    const uint8_t *literal = NULL;
    if (!rd__differ_next(&s->differ, &op, &literal))
        return false;
    rd__stream_pend(&s->head, s->head.small, rd__delta_put_op(s->head.small, &op));
    if (op.kind == RD_LITERAL) {
        s->literal = literal;
        s->literal_size = (size_t)op.length;
    }
    return true;
}

static bool verifies(const delta_stream *s) {
    return s->head.options.verify != RD_VERIFY_NEVER;
}

static void make_end(delta_stream *s) {
    uint8_t *const bytes = s->head.small;
    size_t size = rd__delta_put_end(bytes);
    if (verifies(s)) {
        rd__trailer trailer = {.new_size = s->digester.size};
        rd__digester_final(&s->digester, trailer.digest);
        rd__trailer_put(bytes + size, &trailer);
        rd__job_set_digest(&s->head.job, trailer.digest);
        size += RD__TRAILER_LEN;
    }
    rd__stream_pend(&s->head, bytes, size);
    s->ended = true;
}

/* Gives what was made so far, a literal behind its command. False: some is left, for `out` is full. */
static bool flush(delta_stream *s, rd_out *out) {
    if (!rd__stream_flush(&s->head, out))
        return false;
    rd__stream_pend(&s->head, s->literal, s->literal_size);
    s->literal_size = 0;
    return rd__stream_flush(&s->head, out);
}

static rd_result take(delta_stream *s, rd_in *in) {
    size_t room = 0;
    const size_t wanted = rd__min_size(in->size - in->pos, TAKE_MAX);
    uint8_t *const place = rd__differ_room(&s->differ, wanted, &room);
    if (!place)
        return rd__fail_memory(&s->head.job.error);
    memcpy(place, (const uint8_t *)in->data + in->pos, wanted);
    rd__differ_add(&s->differ, wanted);
    if (verifies(s))
        rd__digester_take(&s->digester, place, wanted);
    in->pos += wanted;
    s->fresh += wanted;
    s->scanning = s->fresh >= s->enough;
    return rd__differ_check(&s->differ, &s->head.job.limits, &s->head.job.error);
}

/* All that can be told from what was taken has been told. */
static void end_scan(delta_stream *s) {
    s->scanning = false;
    s->fresh = 0;
    if (s->differ.view.last)
        make_end(s);
}

static rd_result step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    delta_stream *const s = (delta_stream *)stream;
    for (;;) {
        if (!flush(s, out))
            return RD_MORE;
        if (s->ended)
            return RD_OK;
        if (s->scanning) {
            if (!make_command(s))
                end_scan(s);
        } else if (in->pos < in->size) {
            const rd_result result = take(s, in);
            if (result != RD_OK)
                return result;
        } else if (!end) {
            return RD_MORE;
        } else {
            rd__differ_end(&s->differ);
            s->scanning = true;
        }
    }
}

static void close_differ(rd_stream *stream) {
    delta_stream *const s = (delta_stream *)stream;
    rd__differ_free(&s->differ);
    rd__digester_free(&s->digester);
}

rd_result rd_delta_stream_new(rd_stream **stream, const rd_signature *signature, const rd_options *options) {
    const rd_result result = rd__stream_new(stream, sizeof(delta_stream), options, step, close_differ);
    if (result != RD_OK)
        return result;
    delta_stream *const s = (delta_stream *)*stream;
    if (verifies(s) && !rd__digester_init(&s->digester, rd__kernels_best())) {
        rd_stream_free(*stream);
        *stream = NULL;
        return RD_E_MEMORY;
    }
    rd__differ_init(&s->differ, signature, rd__kernels_best(), &s->head.job.stats);
    s->enough = enough(signature);
    rd__stream_pend(*stream, s->head.small, rd__delta_put_magic(s->head.small));
    return rd__stream_compress(stream, options);
}
