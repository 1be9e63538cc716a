/* The delta stream: new file in, delta out, with a trailer if it is to be verified. */
#include "base/memory.h"
#include "base/result.h"
#include "engine/delta_window.h"
#include "engine/signature.h"
#include "format/emitter.h"
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
    const rd_signature *signature;
    rd__delta_window window;
    rd__emitter emitter;
    bool digests; /* a trailer follows */
    rd__digester digester;
    const uint8_t *literal; /* bytes of the literal whose command is pending */
    size_t literal_size;
    size_t enough;
    size_t fresh;  /* bytes taken since the last scan */
    bool scanning; /* the window may have more ops */
    bool ended;    /* the END command was made */
} delta_stream;

/* Takes some bytes of `in`, which has some. */
static rd_result delta_stream_take(delta_stream *s, rd_in *in) {
    rd__operation *const operation = &s->head.operation;
    size_t room = 0;
    const size_t wanted = rd__min_size(in->size - in->pos, TAKE_MAX);
    uint8_t *const place = rd__delta_window_room(&s->window, wanted, &room);
    if (!place)
        return rd__fail_memory(&operation->error);
    memcpy(place, (const uint8_t *)in->data + in->pos, wanted);
    rd__delta_window_add(&s->window, wanted);
    if (s->digests)
        rd__digester_take(&s->digester, place, wanted);
    in->pos += wanted;
    s->fresh += wanted;
    s->scanning = s->fresh >= s->enough;
    return rd__delta_window_check(&s->window, &operation->options.limits, &operation->error);
}

/* Makes the next command, or END once all of the new file was scanned. */
static void delta_stream_make(delta_stream *s) {
    rd__operation *const operation = &s->head.operation;
    uint8_t *const bytes = s->head.small;
    rd_op op;
    const uint8_t *literal = NULL;
    const bool found = rd__delta_window_next(&s->window, &op, &literal);
    operation->stats.false_matches = s->window.scanner.false_matches;
    if (found) {
        rd__stream_pend(&s->head, bytes, rd__emit_op(&s->emitter, &op, bytes));
        s->literal = literal;
        s->literal_size = op.kind == RD_LITERAL ? (size_t)op.length : 0;
        return;
    }
    s->scanning = false;
    s->fresh = 0;
    if (!s->window.view.last)
        return;
    uint8_t digest[RD_DIGEST_LEN];
    if (s->digests) {
        rd__digester_final(&s->digester, digest);
        rd__operation_set_digest(operation, digest);
    }
    rd__stream_pend(&s->head, bytes, rd__emit_end(&s->emitter, s->digests ? digest : NULL, NULL, bytes));
    operation->stats.identical = rd__copies_all(&operation->stats, s->signature);
    s->ended = true;
}

static rd_result delta_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    delta_stream *const s = (delta_stream *)stream;
    for (;;) {
        /* First what was made so far, a literal after its command. */
        if (!rd__stream_flush(stream, out))
            return RD_MORE;
        rd__stream_pend(stream, s->literal, s->literal_size);
        s->literal_size = 0;
        if (!rd__stream_flush(stream, out))
            return RD_MORE;
        if (s->ended)
            return RD_OK;
        if (s->scanning) {
            delta_stream_make(s);
        } else if (in->pos < in->size) {
            const rd_result result = delta_stream_take(s, in);
            if (result != RD_OK)
                return result;
        } else if (!end && s->window.prompt && s->fresh > 0 && !rd__delta_window_may_wait(&s->window)) {
            s->scanning = true;
        } else if (!end) {
            return RD_MORE;
        } else {
            rd__delta_window_end(&s->window);
            s->scanning = true;
        }
    }
}

static void delta_stream_close(rd_stream *stream) {
    delta_stream *const s = (delta_stream *)stream;
    rd__delta_window_free(&s->window);
    rd__digester_free(&s->digester);
}

static rd_result delta_stream_new(rd_stream **stream, const rd_signature *signature, const rd_options *options,
                                  bool prompt) {
    rd_result result =
        rd__stream_new(stream, sizeof(delta_stream), RD_ROLE_NEW, options, delta_stream_step, delta_stream_close);
    if (result != RD_OK)
        return result;
    delta_stream *const s = (delta_stream *)*stream;
    rd__operation *const operation = &s->head.operation;
    const uint64_t enough = signature ? (uint64_t)ENOUGH_BLOCKS * signature->params.block_len : 0;
    s->enough = enough < ENOUGH_MIN ? ENOUGH_MIN : (size_t)rd__min_u64(enough, ENOUGH_MAX);
    s->signature = signature;
    s->digests = operation->options.verify != RD_VERIFY_NEVER;
    s->emitter.stats = &operation->stats;
    rd__delta_window_init(&s->window, signature, rd__kernels_best());
    if (prompt)
        rd__delta_window_set_prompt(&s->window);
    if (signature && !signature->indexed)
        result = rd__fail(&operation->error, RD_E_STATE, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                          "the signature is only a part; join the parts first");
    else if (s->digests && !rd__digester_init(&s->digester, rd__kernels_best()))
        result = rd__fail_memory(&operation->error);
    rd__stream_pend(*stream, s->head.small, rd__emit_magic(s->head.small));
    if (result == RD_OK)
        result = rd__stream_compress(stream, options);
    return rd__stream_made(stream, result);
}

rd_result rd_delta_stream_new(rd_stream **stream, const rd_signature *signature, const rd_options *options) {
    return delta_stream_new(stream, signature, options, false);
}

rd_result rd__delta_stream_new_prompt(rd_stream **stream, const rd_signature *signature, const rd_options *options) {
    return delta_stream_new(stream, signature, options, true);
}
