/* See segments.h. */
#include "file/segments.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_PER_THREAD = 2,
    EMPTY_MAX = 256, /* segments in one that is empty: so that progress is reported, and signals are heeded ... */
    EMPTY_SIZE = 64 * 1024 * 1024 /* ... and bytes, if there is work on them: some milliseconds of it */
};

/* The room that a segment needs. */
static size_t segments_capacity(const rd__segments *segments) {
    const size_t whole = segments->size + segments->overlap;
    return rd__segments_are_concurrent(segments->source) ? (size_t)rd__min_u64(whole, segments->source->size) : whole;
}

/* Reads the next `size` bytes of the segment. It is the last one if there are fewer. */
static void segments_read(const rd__segments *segments, rd__operation *operation, rd__segment *segment, size_t size) {
    size_t got = 0;
    rd__holes holes = rd__holes_share(&segments->holes);
    segment->result = rd__holes_read(&holes, segments->source, operation, segments->role,
                                     segment->offset + segment->got, segment->data + segment->got, size, &got);
    segment->got += got;
    segment->last = got < size;
    segment->ready = true;
    if (segment->result != RD_OK)
        segment->error = operation->error;
}

/* How many of the next segments are empty. */
static uint64_t segments_count_empty(rd__segments *segments) {
    uint64_t length = 0;
    if (!segments->work->finish_empty || segments->start > 0 || segments->end > 0 ||
        !rd__holes_at(&segments->holes, segments->offset, &length) || length < segments->overlap)
        return 0;
    const uint64_t others = (segments->source->size - 1) / segments->size - segments->offset / segments->size;
    const uint64_t worked = segments->size < EMPTY_SIZE ? EMPTY_SIZE / segments->size : 1;
    const uint64_t most = segments->work->work_empty ? rd__min_u64(worked, EMPTY_MAX) : (uint64_t)EMPTY_MAX;
    return rd__min_u64(rd__min_u64((length - segments->overlap) / segments->size, others), most);
}

static bool segments_fetch(void *context, void *slot) {
    rd__segments *const segments = context;
    rd__segment *const segment = slot;
    if (segments->fetched_last || (segments->end > 0 && segments->offset >= segments->end))
        return false;
    *segment = (rd__segment){.data = segment->data, .extra = segment->extra, .offset = segments->offset};
    if (rd__segments_are_concurrent(segments->source)) {
        segment->zeros = segments_count_empty(segments);
        if (segment->zeros > 0) {
            segments->offset += segment->zeros * segments->size;
            return true;
        }
        /* One that has all the rest, with what would be its overlap, is the last. */
        segments->fetched_last = segments->source->size - segments->offset <= segments->size + segments->overlap;
    } else {
        /* What the segment before has of this one, and then the rest from the source. */
        if (segments->before) {
            memcpy(segment->data, segments->before->data + segments->size, segments->overlap);
            segment->got = segments->overlap;
        }
        segments_read(segments, segments->operation, segment, segments->size + segments->overlap - segment->got);
        segments->fetched_last = segment->last || segment->result != RD_OK;
    }
    segments->before = segment;
    segments->offset += segments->size;
    return true;
}

/*
 * The size that the source had at the start bounds what is read: bytes that are added meanwhile are not part of it.
 */
static void segments_work(const void *context, void *slot) {
    const rd__segments *const segments = context;
    rd__segment *const segment = slot;
    if (segment->zeros > 0) {
        if (segments->work->work_empty)
            segments->work->work_empty(segments->context, slot);
        return;
    }
    if (!segment->ready) {
        rd__operation operation = rd__operation_none();
        const uint64_t left = segments->source->size - segment->offset;
        const size_t size = (size_t)rd__min_u64(left, segments->size + segments->overlap);
        segments_read(segments, &operation, segment, size);
        segment->last = segment->last || size == left;
    }
    if (segment->result == RD_OK)
        segments->work->work(segments->context, slot);
}

static rd_result segments_finish(void *context, void *slot) {
    rd__segments *const segments = context;
    rd__operation *const operation = segments->operation;
    const rd__segment *const segment = slot;
    if (segments->finished_last) /* the source became shorter after this segment was fetched: leave it out */
        return RD_OK;
    if (segment->result != RD_OK) {
        operation->error = segment->error;
        return segment->result;
    }
    segments->finished_last = segment->last;
    const uint64_t whole = segment->zeros > 0 ? segment->zeros * segments->size : segments->size;
    const uint64_t reached = segment->offset + (segment->last ? segment->got : whole);
    const uint64_t done = (segments->end > 0 ? rd__min_u64(reached, segments->end) : reached) - segments->start;
    operation->stats.in_bytes = done;
    const rd_result result = rd__operation_progress(operation, done);
    if (result != RD_OK)
        return result;
    return segment->zeros > 0 ? segments->work->finish_empty(segments->context, slot)
                              : segments->work->finish(segments->context, slot);
}

rd_result rd__segments_run(rd__segments *segments, unsigned threads) {
    rd__operation *const operation = segments->operation;
    rd_context *const kept = operation->context;
    const rd__segment_work *const work = segments->work;
    const size_t capacity = segments_capacity(segments);
    assert(work->slot_size >= sizeof(rd__segment) && segments->overlap <= segments->size);

    /* A source of a few segments needs no more slots than that; one thread needs another only for what the segment
     * before has of this one. */
    size_t slot_count = (size_t)threads * SLOTS_PER_THREAD;
    if (rd__segments_are_concurrent(segments->source)) {
        const uint64_t end = segments->end > 0 ? segments->end : segments->source->size;
        const uint64_t count = (end - rd__min_u64(segments->start, end - 1) - 1) / segments->size + 1;
        slot_count = (size_t)rd__min_u64(threads == 1 ? 1 : slot_count, count);
    }
    void **const slots = rd__alloc_zeroed(slot_count, sizeof *slots);
    bool complete = slots != NULL;
    for (size_t i = 0; complete && i < slot_count; i++) {
        rd__segment *const segment = rd__alloc_zeroed(1, work->slot_size);
        slots[i] = segment;
        if (segment) {
            segment->data = rd__context_take(kept, capacity, 1);
            segment->extra = rd__context_take(kept, segments->extra, 1);
        }
        complete = segment && segment->data && segment->extra;
    }
    const rd__pipeline pipeline = {.fetch = segments_fetch,
                                   .work = segments_work,
                                   .finish = segments_finish,
                                   .context = segments,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = threads,
                                   .pool = &kept->pool,
                                   .owner = operation->owner};
    segments->offset = segments->start;
    segments->holes = (rd__holes){.fd = -1, .size = segments->source->size};
    if (rd__segments_are_concurrent(segments->source))
        segments->holes = rd__holes_open(segments->source);
    const rd_result result =
        complete ? rd__pipeline_run(&pipeline, &operation->error) : rd__fail_memory(&operation->error);
    rd__holes_close(&segments->holes);

    for (size_t i = 0; slots && i < slot_count && slots[i]; i++) {
        rd__segment *const segment = slots[i];
        rd__context_give(kept, segment->data);
        rd__context_give(kept, segment->extra);
        if (work->release)
            work->release(segment);
        free(segment);
    }
    free((void *)slots);
    return result;
}
