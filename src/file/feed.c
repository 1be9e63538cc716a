/* See feed.h. */
#include "file/feed.h"

#include "base/memory.h"
#include "base/result.h"
#include "compress/decompressor.h"

#include <stdlib.h>
#include <string.h>

enum { FRAMES_CHUNK = 128 * 1024 };

/* The compressed bytes on their way. */
typedef struct rd__frames {
    rd__decompressor decompressor;
    rd_in in;
    bool ended; /* nothing follows what is in `in` */
    uint8_t chunk[FRAMES_CHUNK];
} rd__frames;

rd__feed rd__feed_of(const rd_source *source, rd__job *job, rd_role role) {
    return (rd__feed){.source = source, .job = job, .role = role};
}

void rd__feed_free(rd__feed *feed) {
    if (feed->frames)
        rd__decompressor_free(&feed->frames->decompressor);
    free(feed->frames);
    feed->frames = NULL;
}

/* Other files are taken as they are, whatever is in them. */
static bool may_be_compressed(const rd__job *job, rd_role role) {
    return (role == RD_ROLE_SIGNATURE || role == RD_ROLE_DELTA) && job->compression != RD_COMPRESSION_NEVER;
}

static rd_result read_source(rd__feed *feed, void *data, size_t size, size_t *got) {
    const rd_result result = rd__source_read_some(feed->source, feed->job, feed->role, feed->read, data, size, got);
    if (result == RD_OK)
        feed->read += *got;
    return result;
}

/* Reads the first bytes, so many that it can be told whether a frame begins with them. */
static rd_result read_begin(rd__feed *feed, uint8_t *data, size_t size, size_t *got) {
    size_t n = 1;
    rd_result result = RD_OK;
    for (*got = 0; result == RD_OK && n > 0 && *got < RD__FRAME_MAGIC_LEN && rd__frame_begins(data, *got); *got += n)
        result = read_source(feed, data + *got, size - *got, &n);
    return result;
}

/* What was read first is the begin of a frame. */
static rd_result begin_frames(rd__feed *feed, const uint8_t *data, size_t size) {
    rd_error *const error = &feed->job->error;
    feed->frames = rd__alloc_array(1, sizeof *feed->frames);
    if (!feed->frames)
        return rd__fail_memory(error);
    memcpy(feed->frames->chunk, data, size);
    feed->frames->in = (rd_in){.data = feed->frames->chunk, .size = size};
    feed->frames->ended = false;
    return rd__decompressor_init(&feed->frames->decompressor, feed->role, feed->job->limits.memory, error);
}

static rd_result tell_progress(const rd__feed *feed) {
    return rd__job_progress(feed->job, feed->tells_written ? feed->job->stats.out_bytes : feed->read);
}

/* Any number of frames may hold nothing, so whoever waits for bytes must be able to end it here. */
static rd_result refill(rd__feed *feed) {
    rd__frames *const f = feed->frames;
    f->in.pos = f->in.size = 0;
    const rd_result result = read_source(feed, f->chunk, sizeof f->chunk, &f->in.size);
    f->ended = f->in.size == 0;
    return result == RD_OK ? tell_progress(feed) : result;
}

static rd_result read_frames(rd__feed *feed, void *data, size_t size, size_t *got) {
    rd__frames *const f = feed->frames;
    rd_out out = {.data = data, .size = size};
    for (;;) {
        const rd_result result = rd__decompressor_step(&f->decompressor, &f->in, &out, f->ended, &feed->job->error);
        *got = out.pos;
        if (result != RD_MORE || out.pos > 0)
            return result == RD_MORE ? RD_OK : result;
        const rd_result read = refill(feed);
        if (read != RD_OK)
            return read;
    }
}

static rd_result read_first(rd__feed *feed, uint8_t *data, size_t size, size_t *got) {
    rd_result result = read_begin(feed, data, rd__min_size(size, FRAMES_CHUNK), got);
    if (result != RD_OK || *got < RD__FRAME_MAGIC_LEN || !rd__frame_begins(data, *got))
        return result;
    result = begin_frames(feed, data, *got);
    return result == RD_OK ? read_frames(feed, data, size, got) : result;
}

rd_result rd__feed_read(rd__feed *feed, void *data, size_t size, size_t *got) {
    const bool first = feed->read == 0 && may_be_compressed(feed->job, feed->role);
    const rd_result result = feed->frames ? read_frames(feed, data, size, got)
                             : first      ? read_first(feed, data, size, got)
                                          : read_source(feed, data, size, got);
    if (result != RD_OK)
        return result;
    feed->ended = *got == 0;
    feed->offset += *got;
    feed->job->stats.in_bytes = feed->read;
    return tell_progress(feed);
}

rd_result rd__source_is_compressed(const rd_source *source, rd__job *job, rd_role role, bool *compressed) {
    uint8_t begin[RD__FRAME_MAGIC_LEN];
    size_t got = 0;
    *compressed = false;
    if (!may_be_compressed(job, role))
        return RD_OK;
    const rd_result result = rd__source_read(source, job, role, 0, begin, sizeof begin, &got);
    *compressed = got == sizeof begin && rd__frame_begins(begin, got);
    return result;
}
