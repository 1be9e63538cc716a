/* Walking over the ops of a delta without a basis. */
#include "base/memory.h"
#include "base/result.h"
#include "engine/count.h"
#include "file/feed.h"
#include "file/operation.h"
#include "format/delta.h"

#include <stdlib.h>

typedef struct walk {
    rd__delta_decoder decoder;
    rd__feed feed;
    rd_op_fn *each;
    void *context;
    uint64_t literal_left; /* bytes of a literal that are skipped */
} walk;

static rd_result tell(walk *w, const rd_op *op) {
    rd__count_op(&w->feed.job->stats, op);
    if (!w->each(w->context, op))
        return rd__fail(&w->feed.job->error, RD_E_CANCELLED, RD_ROLE_NONE, RD_UNKNOWN, "cancelled");
    return RD_OK;
}

static rd_result walk_chunk(walk *w, const uint8_t *data, size_t size) {
    while (size > 0 && !w->decoder.ended) {
        size_t used = (size_t)rd__min_u64(w->literal_left, size);
        w->literal_left -= used;
        if (used == 0) {
            rd_op op;
            rd_result result = rd__delta_decode(&w->decoder, data, size, &used, &op, &w->feed.job->error);
            if (result == RD_OK && !w->decoder.ended) {
                w->literal_left = op.kind == RD_LITERAL ? op.length : 0;
                result = tell(w, &op);
            }
            if (result != RD_OK && result != RD_MORE)
                return result;
        }
        data += used;
        size -= used;
    }
    return RD_OK;
}

static rd_result walk_all(walk *w, uint8_t *chunk) {
    while (!w->feed.ended && !w->decoder.ended) {
        size_t got = 0;
        rd_result result = rd__feed_read(&w->feed, chunk, RD__CHUNK, &got);
        if (result == RD_OK)
            result = walk_chunk(w, chunk, got);
        if (result != RD_OK)
            return result;
    }
    return w->decoder.ended ? RD_OK : rd__delta_truncated(w->feed.offset, &w->feed.job->error);
}

rd_result rd_delta_each_op(const rd_source *delta, rd_op_fn *each, void *context, const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, delta->size);
    walk w = {
        .feed = {.source = delta, .job = &operation.job, .role = RD_ROLE_DELTA}, .each = each, .context = context};
    uint8_t *const chunk = rd__alloc_array(RD__CHUNK, 1);
    const rd_result result = chunk ? walk_all(&w, chunk) : rd__fail_memory(&operation.job.error);
    free(chunk);
    return rd__operation_end(&operation, result);
}
