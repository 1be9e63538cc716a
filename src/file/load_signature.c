/* A whole signature into memory. */
#include "base/memory.h"
#include "base/result.h"
#include "engine/loader.h"
#include "file/feed.h"
#include "file/operation.h"

#include <stdlib.h>

static rd_result load_all(rd__loader *loader, rd__feed *feed, uint8_t *chunk, rd_signature **signature) {
    rd_error *const error = &feed->job->error;
    while (!feed->ended) {
        size_t got = 0;
        rd_result result = rd__feed_read(feed, chunk, RD__CHUNK, &got);
        if (result == RD_OK)
            result = rd__loader_take(loader, chunk, got, error);
        if (result != RD_OK)
            return result;
    }
    const rd_result result = rd__loader_finish(loader, signature, error);
    if (result == RD_OK)
        feed->job->stats.blocks = rd_signature_count(*signature);
    return result;
}

static rd_result load(rd__operation *operation, const rd_source *in, rd_signature **signature) {
    rd__job *const job = &operation->job;
    rd__feed feed = rd__feed_of(in, job, RD_ROLE_SIGNATURE);
    rd__loader loader;
    rd_result result = rd__loader_init(&loader, in->size, &job->limits, &job->error);
    if (result != RD_OK)
        return result;
    loader.threads = rd__operation_threads(operation);
    uint8_t *const chunk = rd__alloc_array(RD__CHUNK, 1);
    result = chunk ? load_all(&loader, &feed, chunk, signature) : rd__fail_memory(&job->error);
    free(chunk);
    rd__feed_free(&feed);
    rd__loader_free(&loader);
    return result;
}

rd_result rd_signature_load(rd_signature **signature, const rd_source *in, const rd_options *options) {
    rd__operation operation;
    *signature = NULL;
    rd__operation_begin(&operation, options, in->size);
    return rd__operation_end(&operation, load(&operation, in, signature));
}
