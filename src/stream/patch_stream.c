/*
 * The patch stream: delta in, new file out, with the basis at hand. What it gives is hashed as it goes out, and
 * compared with the trailer that follows the delta.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/patcher.h"
#include "hash/digest.h"
#include "io/source.h"
#include "stream/stream.h"

enum { BLAME_CHUNK = 256 * 1024 };

typedef struct patch_stream {
    rd_stream head;
    rd__patcher patcher;
    rd_source basis;
    bool digests; /* the new file is hashed */
    rd__digester digester;
} patch_stream;

/* The patcher's rd__basis_fn. */
static rd_result patch_stream_read(void *context, uint64_t offset, uint8_t *data, size_t size, size_t *got) {
    patch_stream *const s = context;
    return rd__basis_read(&s->basis, &s->head.operation, offset, data, size, got);
}

/*
 * The result is not what the delta is about, and the trailer knows the basis: which of them is wrong? The basis is read
 * again, as far as it has something to give now; if it has not, the failure stays as it is.
 */
static rd_result patch_stream_blame(patch_stream *s, rd_result failure) {
    rd__operation *const operation = &s->head.operation;
    const rd_error unknown = operation->error;
    uint8_t digest[RD_DIGEST_LEN];
    rd__digester digester;
    uint64_t at = 0;
    size_t got = 1;
    uint8_t *const chunk = rd__alloc_buffer(1, BLAME_CHUNK);
    if (!chunk || !rd__digester_init(&digester, rd__kernels_best())) {
        rd__free_buffer(chunk);
        return rd__fail_memory(&operation->error);
    }
    rd_result result = RD_OK;
    for (; result == RD_OK && got > 0; at += got) {
        result = rd__source_read(&s->basis, operation, RD_ROLE_BASIS, at, chunk, BLAME_CHUNK, &got);
        rd__digester_take(&digester, chunk, got);
    }
    rd__digester_final(&digester, digest);
    rd__digester_free(&digester);
    rd__free_buffer(chunk);
    operation->error = result == RD_MORE ? unknown : operation->error;
    if (result != RD_OK)
        return result == RD_MORE ? failure : result;
    return rd__patcher_blame(&s->patcher, digest, &operation->error);
}

/* The delta has ended, with a trailer. */
static rd_result patch_stream_verify(patch_stream *s) {
    rd__operation *const operation = &s->head.operation;
    uint8_t digest[RD_DIGEST_LEN];
    rd__basis_id id;
    const bool knows_basis = rd__op_reader_basis(&s->patcher.reader, &id);
    rd_result result = knows_basis ? rd__basis_check_size(&s->basis, operation, id.size) : RD_OK;
    if (result != RD_OK)
        return result;
    rd__digester_final(&s->digester, digest);
    result = rd__patcher_verify(&s->patcher, digest, &operation->error);
    if (result != RD_OK)
        return knows_basis ? patch_stream_blame(s, result) : result;
    rd__operation_set_digest(operation, digest);
    if (knows_basis)
        rd__operation_set_basis(operation, id.size, id.digest);
    return RD_OK;
}

static rd_result patch_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    patch_stream *const s = (patch_stream *)stream;
    rd__operation *const operation = &stream->operation;
    const size_t before = out->pos;
    rd_result result = rd__patcher_step(&s->patcher, in, out, end, &operation->error);
    operation->stats.identical = result == RD_OK && rd__patcher_copies_all(&operation->stats, s->basis.size);
    if (!s->digests)
        return result;
    if (out->pos > before)
        rd__digester_take(&s->digester, (const uint8_t *)out->data + before, out->pos - before);
    if (result == RD_OK && s->patcher.reader.has_trailer)
        result = patch_stream_verify(s);
    return rd__patcher_failure(result, &operation->error);
}

static void patch_stream_close(rd_stream *stream) {
    rd__digester_free(&((patch_stream *)stream)->digester);
}

rd_result rd_patch_stream_new(rd_stream **stream, const rd_source *basis, const rd_options *options) {
    rd_result result =
        rd__stream_new(stream, sizeof(patch_stream), RD_ROLE_DELTA, options, patch_stream_step, patch_stream_close);
    if (result != RD_OK)
        return result;
    patch_stream *const s = (patch_stream *)*stream;
    rd__operation *const operation = &s->head.operation;
    operation->may_wait = true;
    s->basis = *basis;
    s->digests = operation->options.verify != RD_VERIFY_NEVER;
    s->patcher = (rd__patcher){.basis = patch_stream_read, .context = s};
    s->patcher.reader.stats = &operation->stats;
    s->patcher.reader.verify = operation->options.verify;
    s->patcher.reader.limit = operation->options.limits.output;
    result = rd__source_check_seekable(basis, RD_ROLE_BASIS, RD_E_PARAMETER, &operation->error);
    if (result == RD_OK && s->digests && !rd__digester_init(&s->digester, rd__kernels_best()))
        result = rd__fail_memory(&operation->error);
    if (result == RD_OK)
        result = rd__stream_decompress(stream, options);
    return rd__stream_made(stream, result);
}
