/* The stream that loads a signature: signature in, no bytes out, a signature object to take at the end. */
#include "engine/loader.h"
#include "stream/stream.h"

typedef struct loadsig_stream {
    rd_stream head;
    rd__loader loader;
    rd_signature *signature; /* once loaded, until taken */
} loadsig_stream;

static rd_result loadsig_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    loadsig_stream *const s = (loadsig_stream *)stream;
    rd_error *const error = &stream->operation.error;
    (void)out;
    if (in->pos < in->size) {
        const rd_result result =
            rd__loader_take(&s->loader, (const uint8_t *)in->data + in->pos, in->size - in->pos, error);
        stream->operation.stats.blocks = s->loader.signature->sums.count;
        if (result != RD_OK)
            return result;
        in->pos = in->size;
    }
    if (!end)
        return RD_MORE;
    return rd__loader_finish(&s->loader, &s->signature, error);
}

static void loadsig_close(rd_stream *stream) {
    loadsig_stream *const s = (loadsig_stream *)stream;
    rd__loader_free(&s->loader);
    rd_signature_free(s->signature);
}

static rd_result loadsig_make(rd_stream **stream, const rd_options *options, uint64_t expected) {
    const rd_result result =
        rd__stream_new(stream, sizeof(loadsig_stream), RD_ROLE_SIGNATURE, options, loadsig_step, loadsig_close);
    if (result != RD_OK)
        return result;
    rd__operation *const operation = &(*stream)->operation;
    rd__loader *const loader = &((loadsig_stream *)*stream)->loader;
    return rd__loader_init(loader, expected, &operation->options.limits, &operation->error);
}

rd_result rd_loadsig_stream_new(rd_stream **stream, const rd_options *options) {
    rd_result result = loadsig_make(stream, options, RD_UNKNOWN);
    if (result == RD_OK)
        result = rd__stream_decompress(stream, options);
    return rd__stream_made(stream, result);
}

rd_result rd__loadsig_stream_new_lenient(rd_stream **stream, uint64_t expected, unsigned threads) {
    const rd_result result = loadsig_make(stream, NULL, expected);
    if (result == RD_OK) {
        rd__loader *const loader = &((loadsig_stream *)*stream)->loader;
        loader->lenient = true;
        loader->threads = threads;
    }
    return rd__stream_made(stream, result);
}

rd_result rd_stream_take_signature(rd_stream *stream, rd_signature **signature) {
    rd_stream *const loading = stream->inner ? stream->inner : stream;
    *signature = NULL;
    if (loading->step != loadsig_step || loading->state != RD_OK || stream->state != RD_OK)
        return RD_E_STATE;
    loadsig_stream *const s = (loadsig_stream *)loading;
    if (!s->signature)
        return RD_E_STATE;
    *signature = s->signature;
    s->signature = NULL;
    return RD_OK;
}
