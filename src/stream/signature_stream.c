/* The signature stream: basis in, signature out. */
#include "base/memory.h"
#include "engine/signer.h"
#include "stream/stream.h"

typedef struct signature_stream {
    rd_stream head;
    rd__signer signer;
} signature_stream;

/* Signs as many blocks as fit `out` whole; returns the bytes written. */
static void sign_into(signature_stream *s, rd_in *in, rd_out *out) {
    const size_t entry_size = rd__entry_size(&s->signer.params);
    const size_t room = (out->size - out->pos) / entry_size;
    size_t taken = 0;
    if (room == 0)
        return;
    const size_t blocks = rd__signer_take(&s->signer, (const uint8_t *)in->data + in->pos, in->size - in->pos, &taken,
                                          (uint8_t *)out->data + out->pos, room);
    in->pos += taken;
    out->pos += blocks * entry_size;
    s->head.job.stats.blocks += blocks;
}

/* Signs one block, by way of the pending bytes. Returns the number of blocks. */
static size_t sign_pending(signature_stream *s, rd_in *in) {
    size_t taken = 0;
    const size_t blocks = rd__signer_take(&s->signer, (const uint8_t *)in->data + in->pos, in->size - in->pos, &taken,
                                          rd__stream_pend(&s->head), 1);
    in->pos += taken;
    s->head.job.stats.blocks += blocks;
    rd__stream_pended(&s->head, blocks * rd__entry_size(&s->signer.params));
    return blocks;
}

static rd_result step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    signature_stream *const s = (signature_stream *)stream;
    while (in->pos < in->size) {
        sign_into(s, in, out);
        if (in->pos < in->size)
            sign_pending(s, in);
        if (!rd__stream_flush(stream, out))
            return RD_MORE;
    }
    if (!end)
        return RD_MORE;
    const size_t blocks = rd__signer_finish(&s->signer, rd__stream_pend(stream));
    rd__stream_pended(stream, blocks * rd__entry_size(&s->signer.params));
    stream->job.stats.blocks += blocks;
    return rd__stream_flush(stream, out) ? RD_OK : RD_MORE;
}

static void close_nothing(rd_stream *stream) {
    (void)stream;
}

rd_result rd_signature_stream_new(rd_stream **stream, const rd_params *params) {
    rd_params resolved = params ? *params : (rd_params){0};
    *stream = NULL;
    rd_result result = rd_params_resolve(&resolved, RD_UNKNOWN);
    if (result != RD_OK)
        return result;
    result = rd__stream_new(stream, sizeof(signature_stream), step, close_nothing);
    if (result != RD_OK)
        return result;
    rd__signer_init(&((signature_stream *)*stream)->signer, rd__kernels_best(), &resolved);
    rd__signature_put_header(rd__stream_pend(*stream), &resolved);
    rd__stream_pended(*stream, RD__SIGNATURE_HEADER_LEN);
    return RD_OK;
}
