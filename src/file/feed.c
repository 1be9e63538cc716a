/* See feed.h. */
#include "file/feed.h"

rd_result rd__feed_read(rd__feed *feed, void *data, size_t size, size_t *got) {
    const rd_result result = rd__source_read_some(feed->source, feed->job, feed->role, feed->offset, data, size, got);
    if (result != RD_OK)
        return result;
    feed->ended = *got == 0;
    feed->offset += *got;
    feed->job->stats.in_bytes = feed->offset;
    return rd__job_progress(feed->job, feed->tells_written ? feed->job->stats.out_bytes : feed->offset);
}
