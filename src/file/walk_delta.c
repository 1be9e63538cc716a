/* See walk_delta.h. */
#include "file/walk_delta.h"

#include "base/memory.h"
#include "base/result.h"
#include "engine/count.h"
#include "engine/verifier.h"
#include "file/operation.h"
#include "format/delta.h"

#include <stdlib.h>

typedef struct walk {
    rd__delta_decoder decoder;
    rd__feed feed;
    rd_in in;
    rd_op_fn *each;
    void *context;
    uint64_t literal_left; /* bytes of a literal that are still to be skipped */
} walk;

static rd_result tell(walk *w, const rd_op *op) {
    rd__count_op(&w->feed.job->stats, op, w->decoder.command_size);
    if (!w->each(w->context, op))
        return rd__fail(&w->feed.job->error, RD_E_CANCELLED, RD_ROLE_NONE, RD_UNKNOWN, "cancelled");
    return RD_OK;
}

/* Decodes what there is of the next command. */
static rd_result decode(walk *w) {
    rd_op op;
    size_t used = 0;
    const uint8_t *const data = (const uint8_t *)w->in.data + w->in.pos;
    const rd_result result =
        rd__delta_decode(&w->decoder, data, w->in.size - w->in.pos, &used, &op, &w->feed.job->error);
    w->in.pos += used;
    if (result != RD_OK || w->decoder.ended)
        return result == RD_MORE ? RD_OK : result;
    w->literal_left = op.kind == RD_LITERAL ? op.length : 0;
    return tell(w, &op);
}

static rd_result step(walk *w, uint8_t *chunk) {
    const size_t skipped = (size_t)rd__min_u64(w->literal_left, w->in.size - w->in.pos);
    w->in.pos += skipped;
    w->literal_left -= skipped;
    if (w->in.pos < w->in.size)
        return decode(w);
    w->in.pos = 0;
    return rd__feed_read(&w->feed, chunk, RD__CHUNK, &w->in.size);
}

static rd_result walk_all(walk *w, uint8_t *chunk, rd__trailer_reader *reader) {
    rd_result result = RD_OK;
    while (result == RD_OK && !w->decoder.ended) {
        if (w->feed.ended && w->in.pos == w->in.size)
            return rd__delta_truncated(w->feed.offset, &w->feed.job->error);
        result = step(w, chunk);
    }
    if (result != RD_OK || !reader)
        return result;
    reader->origin = w->feed.offset - (w->in.size - w->in.pos);
    return rd__read_delta_end(&w->feed, &w->in, chunk, RD__CHUNK, reader);
}

rd_result rd__walk_delta(const rd_source *delta, rd_op_fn *each, void *context, rd__job *job,
                         rd__trailer_reader *reader) {
    uint8_t *const chunk = rd__alloc_array(RD__CHUNK, 1);
    walk w = {.feed = rd__feed_of(delta, job, RD_ROLE_DELTA), .each = each, .context = context};
    w.in.data = chunk;
    const rd_result result = chunk ? walk_all(&w, chunk, reader) : rd__fail_memory(&job->error);
    rd__feed_free(&w.feed);
    free(chunk);
    return result;
}

/* Also holds the trailer, if there is one, to the commands, and tells its digest. */
static rd_result walk_with_trailer(const rd_source *delta, rd_op_fn *each, void *context, rd__job *job) {
    rd__trailer_reader reader = {0};
    rd_result result = rd__walk_delta(delta, each, context, job, &reader);
    if (result != RD_OK || reader.taken == 0)
        return result;
    const rd__trailer trailer = rd__trailer_get(&reader);
    result = rd__judge_size(&trailer, job->stats.literal_bytes + job->stats.copy_bytes, &job->error);
    if (result == RD_OK)
        rd__job_set_digest(job, trailer.digest);
    return result;
}

rd_result rd_delta_each_op(const rd_source *delta, rd_op_fn *each, void *context, const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, delta->size);
    rd__job *const job = &operation.job;
    const bool strict = operation.options.verify != RD_VERIFY_NEVER;
    return rd__operation_end(&operation, strict ? walk_with_trailer(delta, each, context, job)
                                                : rd__walk_delta(delta, each, context, job, NULL));
}
