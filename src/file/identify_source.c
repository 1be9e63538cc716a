/* What a source is, also if it is compressed. */
#include "file/feed.h"
#include "file/operation.h"
#include "format/magic.h"

/* Of which file the caller knows; the feed is told of one that may be compressed. */
static rd_result identify(rd__job *job, const rd_source *source, rd_kind *kind, bool *compressed) {
    uint8_t begin[2 * RD__MAGIC_LEN];
    size_t size = 0;
    rd__feed feed = rd__feed_of(source, job, RD_ROLE_DELTA);
    rd_result result = RD_OK;
    while (result == RD_OK && size < RD__MAGIC_LEN && !feed.ended) {
        size_t got = 0;
        result = rd__feed_read(&feed, begin + size, sizeof begin - size, &got);
        size += got;
    }
    *kind = rd_identify(begin, size);
    *compressed = feed.frames;
    job->error.role = RD_ROLE_NONE;
    rd__feed_free(&feed);
    return result;
}

rd_result rd_source_identify(const rd_source *source, rd_kind *kind, bool *compressed, const rd_options *options) {
    bool unasked = false;
    rd__operation operation;
    rd__operation_begin(&operation, options, source->size);
    return rd__operation_end(&operation, identify(&operation.job, source, kind, compressed ? compressed : &unasked));
}
