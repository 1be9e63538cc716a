/*
 * The patch stream: delta in, new file out, with the basis at hand. What it gives is hashed as it goes out, and judged
 * by the trailer that follows the delta.
 */
#include "base/result.h"
#include "engine/patcher.h"
#include "engine/verifier.h"
#include "hash/digest.h"
#include "io/basis.h"
#include "stream/stream.h"

typedef struct patch_stream {
    rd_stream head;
    rd__patcher patcher;
    rd__basis basis;
    rd_source source;
    rd__digester digester; /* unless nothing is to be verified */
    rd__trailer_reader trailer;
    bool patched; /* END was reached */
} patch_stream;

static bool verifies(const patch_stream *s) {
    return s->head.options.verify != RD_VERIFY_NEVER;
}

static rd_result patch(patch_stream *s, rd_in *in, rd_out *out, bool end) {
    const size_t before = out->pos;
    const rd_result result = rd__patcher_step(&s->patcher, in, out, end, &s->head.job.error);
    s->patched = result == RD_OK;
    if (!verifies(s))
        return result;
    if (out->pos > before)
        rd__digester_take(&s->digester, (const uint8_t *)out->data + before, out->pos - before);
    s->trailer.origin = s->patcher.taken;
    return rd__judge_failure(result, &s->head.job.error);
}

static rd_result judge(patch_stream *s) {
    rd__made made = {.size = s->digester.size, .copied = s->head.job.stats.copy_commands > 0};
    rd__digester_final(&s->digester, made.digest);
    const bool always = s->head.options.verify == RD_VERIFY_ALWAYS;
    const rd_result result = rd__judge(&s->trailer, &made, always, &s->head.job.error);
    if (result == RD_OK && s->trailer.taken > 0)
        rd__job_set_digest(&s->head.job, made.digest);
    return result;
}

static rd_result take_trailer(patch_stream *s, rd_in *in, bool end) {
    const uint8_t *const data = in->size > in->pos ? (const uint8_t *)in->data + in->pos : NULL;
    size_t used = 0;
    const rd_result result = rd__trailer_take(&s->trailer, data, in->size - in->pos, &used, &s->head.job.error);
    in->pos += used;
    if (result == RD_OK || (result == RD_MORE && end))
        return judge(s);
    return result;
}

static rd_result step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    patch_stream *const s = (patch_stream *)stream;
    const rd_result result = s->patched ? RD_OK : patch(s, in, out, end);
    return result == RD_OK && verifies(s) ? take_trailer(s, in, end) : result;
}

static void close_digester(rd_stream *stream) {
    rd__digester_free(&((patch_stream *)stream)->digester);
}

rd_result rd_patch_stream_new(rd_stream **stream, const rd_source *basis, const rd_options *options) {
    *stream = NULL;
    if (!basis->seekable)
        return RD_E_PARAMETER;
    const rd_result result = rd__stream_new(stream, sizeof(patch_stream), options, step, close_digester);
    if (result != RD_OK)
        return result;
    patch_stream *const s = (patch_stream *)*stream;
    s->source = *basis;
    s->head.job.may_wait = true;
    s->basis = (rd__basis){.source = &s->source, .job = &s->head.job};
    rd__patcher_init(&s->patcher, rd__basis_read, &s->basis, &s->head.job.stats);
    s->patcher.limit = s->head.job.limits.output;
    if (!verifies(s) || rd__digester_init(&s->digester, rd__kernels_best()))
        return rd__stream_decompress(stream, RD_ROLE_DELTA, options);
    rd_stream_free(*stream);
    *stream = NULL;
    return RD_E_MEMORY;
}
