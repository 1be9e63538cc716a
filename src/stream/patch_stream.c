/* The patch stream: delta in, new file out, with the basis at hand. */
#include "base/result.h"
#include "engine/patcher.h"
#include "io/basis.h"
#include "stream/stream.h"

typedef struct patch_stream {
    rd_stream head;
    rd__patcher patcher;
    rd__basis basis;
    rd_source source;
} patch_stream;

static rd_result step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    return rd__patcher_step(&((patch_stream *)stream)->patcher, in, out, end, &stream->job.error);
}

static void close_nothing(rd_stream *stream) {
    (void)stream;
}

rd_result rd_patch_stream_new(rd_stream **stream, const rd_source *basis) {
    *stream = NULL;
    if (!basis->seekable)
        return RD_E_PARAMETER;
    const rd_result result = rd__stream_new(stream, sizeof(patch_stream), step, close_nothing);
    if (result != RD_OK)
        return result;
    patch_stream *const s = (patch_stream *)*stream;
    s->source = *basis;
    s->basis = (rd__basis){.source = &s->source, .job = &s->head.job};
    rd__patcher_init(&s->patcher, rd__basis_read, &s->basis, &s->head.job.stats);
    return RD_OK;
}
