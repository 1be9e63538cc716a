/*
 * The signature stream: basis in, signature out. It signs several blocks at a time, to fill the kernels' lanes: where
 * they lie, if the caller hands over that many, else gathered. Blocks too long to gather are signed one by one as they
 * come.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/signer.h"
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>

enum {
    GATHER_BYTES = 256 * 1024,
    GATHER_BLOCKS_MIN = 8, /* at least so many at once, if there are more bytes than that */
    GATHER_BLOCKS_MAX = 64
};

typedef struct signature_stream {
    rd_stream head;
    rd__signer signer; /* for blocks that are too long to be gathered */
    uint8_t *gathered; /* NULL until there is something to gather */
    size_t gathered_size;
    bool finished; /* the last entries were made */
    uint8_t entries[GATHER_BLOCKS_MAX * RD__ENTRY_MAX];
} signature_stream;

static size_t gather_blocks(const rd_params *params) {
    const size_t fit = GATHER_BYTES / params->block_len;
    return fit < GATHER_BLOCKS_MIN ? GATHER_BLOCKS_MIN : rd__min_size(fit, GATHER_BLOCKS_MAX);
}

static void pend_entries(signature_stream *s, size_t count) {
    s->head.job.stats.blocks += count;
    rd__stream_pend(&s->head, s->entries, count * rd__entry_size(&s->signer.params));
}

static void sign_gathered(signature_stream *s) {
    const rd__signer *const signer = &s->signer;
    pend_entries(s, rd__sign_basis(signer->kernels, &signer->params, s->gathered, s->gathered_size, s->entries));
    s->gathered_size = 0;
}

static rd_result gather(signature_stream *s, rd_in *in) {
    const size_t room = gather_blocks(&s->signer.params) * s->signer.params.block_len;
    if (!s->gathered)
        s->gathered = rd__alloc_array(room, 1);
    if (!s->gathered)
        return rd__fail_memory(&s->head.job.error);
    const size_t size = rd__min_size(in->size - in->pos, room - s->gathered_size);
    memcpy(s->gathered + s->gathered_size, (const uint8_t *)in->data + in->pos, size);
    s->gathered_size += size;
    in->pos += size;
    if (s->gathered_size == room)
        sign_gathered(s);
    return RD_OK;
}

/* Makes the entries of some bytes of `in`, which has some. */
static rd_result sign(signature_stream *s, rd_in *in) {
    const rd_params *const params = &s->signer.params;
    const uint8_t *const data = (const uint8_t *)in->data + in->pos;
    const size_t whole = rd__min_size((in->size - in->pos) / params->block_len, GATHER_BLOCKS_MAX);
    if (params->block_len > RD__TOGETHER_MAX) {
        size_t taken = 0;
        pend_entries(s, rd__signer_take(&s->signer, data, in->size - in->pos, &taken, s->entries, 1));
        in->pos += taken;
        return RD_OK;
    }
    if (s->gathered_size > 0 || whole < GATHER_BLOCKS_MIN)
        return gather(s, in);
    rd__sign_blocks(s->signer.kernels, params, data, whole, s->entries);
    pend_entries(s, whole);
    in->pos += whole * params->block_len;
    return RD_OK;
}

static void finish(signature_stream *s) {
    if (s->gathered_size > 0)
        sign_gathered(s);
    else
        pend_entries(s, rd__signer_finish(&s->signer, s->entries));
    s->finished = true;
}

static rd_result step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    signature_stream *const s = (signature_stream *)stream;
    for (;;) {
        if (!rd__stream_flush(stream, out))
            return RD_MORE;
        if (s->finished)
            return RD_OK;
        if (in->pos < in->size) {
            const rd_result result = sign(s, in);
            if (result != RD_OK)
                return result;
        } else if (end) {
            finish(s);
        } else {
            return RD_MORE;
        }
    }
}

static void close_gathered(rd_stream *stream) {
    free(((signature_stream *)stream)->gathered);
}

rd_result rd_signature_stream_new(rd_stream **stream, const rd_options *options) {
    rd_params resolved = rd__options_from(options).params;
    *stream = NULL;
    rd_result result = rd_params_resolve(&resolved, RD_UNKNOWN);
    if (result != RD_OK)
        return result;
    result = rd__stream_new(stream, sizeof(signature_stream), options, step, close_gathered);
    if (result != RD_OK)
        return result;
    signature_stream *const s = (signature_stream *)*stream;
    rd__signer_init(&s->signer, rd__kernels_best(), &resolved);
    rd__signature_put_header(s->head.small, &resolved);
    rd__stream_pend(*stream, s->head.small, RD__SIGNATURE_HEADER_LEN);
    return rd__stream_compress(stream, options);
}
