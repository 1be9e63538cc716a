/* The new file of a whole delta. See apply_patch.h, too. */
#include "file/apply_patch.h"

#include "base/memory.h"
#include "base/result.h"
#include "engine/patcher.h"
#include "engine/verifier.h"
#include "file/delta_end.h"
#include "file/operation.h"
#include "file/verified_patch.h"
#include "io/basis.h"
#include "io/copy.h"
#include "io/sink.h"

#include <stdlib.h>

/* Smaller than RD__CHUNK: both buffers, the delta's and the new file's, share the cache with the basis being copied. */
enum { DELTA_CHUNK = 256 * 1024, NEW_CHUNK = 256 * 1024, LARGE_COPY = 128 * 1024 };

typedef struct patch {
    rd__patcher patcher;
    rd__feed feed;
    const rd_source *basis;
    const rd_sink *sink;
    uint8_t *delta;
    uint8_t *new_bytes;
    bool strict; /* nothing may follow the delta's END */
} patch;

static rd_result write_out(patch *p, rd_out *out) {
    const rd_result result = rd__sink_write(p->sink, p->feed.job, out->data, out->pos);
    out->pos = 0;
    return result == RD_OK ? rd__job_progress(p->feed.job, p->feed.job->stats.out_bytes) : result;
}

/* Lets the kernel copy what is left to it; what it does not take, the patcher gets back. */
static rd_result copy_large(patch *p, rd_out *out) {
    uint64_t offset = 0;
    uint64_t size = 0;
    if (!rd__patcher_large(&p->patcher, &offset, &size))
        return RD_OK;
    const rd_result result = write_out(p, out);
    if (result != RD_OK)
        return result;
    const size_t copied = rd__copy_range(p->basis, offset, p->sink, size, p->feed.job);
    rd__patcher_copied(&p->patcher, copied);
    if (copied == 0)
        p->patcher.large = 0;
    return RD_OK;
}

/* Of a delta at the end of which no trailer was seen: there is none. */
static rd_result check_end(patch *p, rd_in *in) {
    rd__trailer_reader reader = {.origin = p->patcher.taken};
    const rd_result result = rd__read_delta_end(&p->feed, in, p->delta, DELTA_CHUNK, &reader);
    if (result != RD_OK || reader.taken == 0)
        return result;
    return rd__fail(&p->feed.job->error, RD_E_UNVERIFIED, RD_ROLE_DELTA, reader.origin,
                    "the delta's trailer is longer than this version expects");
}

static rd_result patch_all(patch *p) {
    rd_in in = {.data = p->delta};
    rd_out out = {.data = p->new_bytes, .size = NEW_CHUNK};
    rd_result result = RD_MORE;
    while (result == RD_MORE) {
        if (in.pos == in.size && !p->feed.ended) {
            in.pos = 0;
            const rd_result read = rd__feed_read(&p->feed, p->delta, DELTA_CHUNK, &in.size);
            if (read != RD_OK)
                return read;
        }
        result = rd__patcher_step(&p->patcher, &in, &out, p->feed.ended, &p->feed.job->error);
        if (result == RD_OK || out.pos == out.size) {
            const rd_result written = write_out(p, &out);
            if (written != RD_OK)
                return written;
        }
        const rd_result copied = result == RD_MORE ? copy_large(p, &out) : RD_OK;
        if (copied != RD_OK)
            return copied;
    }
    return result == RD_OK && p->strict ? check_end(p, &in) : result;
}

/* Patches without a digest. */
static rd_result patch_plainly(const rd__patch_files *files, rd__job *job, bool strict, uint64_t *reached) {
    rd__basis reader = {.source = files->basis, .job = job};
    patch p = {.feed = rd__feed_of(files->delta, job, RD_ROLE_DELTA)};
    p.feed.tells_written = true;
    p.basis = files->basis;
    p.sink = files->out;
    p.strict = strict;
    rd__patcher_init(&p.patcher, rd__basis_read, &reader, &job->stats);
    p.patcher.limit = job->limits.output;
    p.patcher.large = LARGE_COPY;
    p.delta = rd__alloc_array(DELTA_CHUNK, 1);
    p.new_bytes = rd__alloc_array(NEW_CHUNK, 1);
    const rd_result result = p.delta && p.new_bytes ? patch_all(&p) : rd__fail_memory(&job->error);
    *reached = p.patcher.reached;
    rd__feed_free(&p.feed);
    free(p.delta);
    free(p.new_bytes);
    return result;
}

static rd_result apply(rd__operation *operation, const rd__patch_files *files, uint64_t *reached) {
    rd__job *const job = &operation->job;
    const rd_verify verify = operation->options.verify;
    bool verified = false;
    *reached = RD_UNKNOWN;
    if (!files->basis->seekable)
        return rd__fail(&job->error, RD_E_IO, RD_ROLE_BASIS, RD_UNKNOWN,
                        "the basis of a patch is read in any order, and this one can only be read in sequence");
    if (verify == RD_VERIFY_NEVER)
        return patch_plainly(files, job, false, reached);
    rd_result result = rd__patch_has_trailer(files->delta, job, &verified);
    if (result == RD_OK && (verified || verify == RD_VERIFY_ALWAYS))
        result = rd__patch_verified(files, job, rd__operation_threads(operation), verify == RD_VERIFY_ALWAYS, reached);
    else if (result == RD_OK)
        result = patch_plainly(files, job, true, reached);
    return rd__judge_failure(result, &job->error);
}

rd_result rd__patch_apply(const rd_source *basis, const rd_source *delta, const rd_sink *out, const rd_options *options,
                          uint64_t *reached) {
    const rd__patch_files files = {.basis = basis, .delta = delta, .out = out};
    rd__operation operation;
    rd__operation_begin(&operation, options, RD_UNKNOWN);
    return rd__operation_end(&operation, apply(&operation, &files, reached));
}

rd_result rd_patch_apply(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                         const rd_options *options) {
    uint64_t reached = 0;
    return rd__patch_apply(basis, delta, out, options, &reached);
}
