/* See delta_segments.h. */
#include "file/delta_segments.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "engine/delta_window.h"

#include <string.h>

enum {
    PART_SIZE = 256 * 1024,        /* of a segment, at least: one that is parsed on its own */
    PARTS_MAX = 4,                 /* in a segment: that many strong sums are made at once */
    SEGMENT_MAX = 8 * 1024 * 1024, /* unless that is less than a part */
    SEGMENT_BLOCK_MIN = 64         /* of the block lengths for which there are segments */
};

/* The block of zeros, which is looked for when it is needed first. */
static const rd__zero_block *delta_segment_zeros(rd__delta_segments *run) {
    if (!run->has_zeros)
        run->zeros = rd__scanner_find_zeros(run->signature, run->kernels);
    run->has_zeros = true;
    return &run->zeros;
}

typedef struct delta_slot {
    rd__segment segment;
    rd__parse parses[PARTS_MAX];
    size_t part_count;
    rd__digest range; /* of the chunks that start in the segment */
} delta_slot;

static rd__view delta_view(const rd__segment *segment) {
    return (rd__view){.data = segment->data, .size = segment->got, .offset = segment->offset, .last = segment->last};
}

/* Where the segment's positions end. */
static uint64_t delta_stop(const rd__delta_segments *run, const rd__segment *segment) {
    return segment->last ? run->stop : rd__min_u64(segment->offset + run->segments.size, run->stop);
}

/*
 * Cuts the segment into the parts that are parsed on their own. The last one has all the rest: if the file ends within
 * a block after a part, its short block starts in that part, where it is found only if what follows is known to be
 * nothing.
 */
static void delta_cut(const rd__delta_segments *run, delta_slot *it) {
    const rd__segment *const s = &it->segment;
    const size_t block_len = run->signature->params.block_len;
    const size_t positions =
        (size_t)rd__min_u64(rd__min_size(s->got, run->segments.size), delta_stop(run, s) - s->offset);
    bool last = false;
    it->part_count = 0;
    for (size_t at = 0; !last; at += run->part_size) {
        rd__parse *const parse = &it->parses[it->part_count++];
        last = positions - at <= run->part_size || (s->last && s->got - at < run->part_size + block_len);
        parse->view =
            (rd__view){.data = s->data + at, .size = s->got - at, .offset = s->offset + at, .last = s->last && last};
        parse->stop = last ? delta_stop(run, s) : s->offset + at + run->part_size;
    }
}

/*
 * Hashes the chunks that start in the segment. The last of them may end in its overlap. None starts in a segment that
 * is left out, or only there because the file became shorter.
 */
static void delta_hash(const rd__delta_segments *run, delta_slot *it) {
    const rd__segment *const s = &it->segment;
    const uint64_t first = rd__digest_chunks_before(s->offset);
    const uint64_t whole = s->last ? UINT64_MAX : s->offset + run->segments.size;
    const uint64_t end = rd__digest_chunks_before(rd__min_u64(whole, run->hash_stop));
    const size_t skipped = (size_t)(first * RD__BLAKE3_CHUNK - s->offset);
    rd__digest_init(&it->range, first);
    if (skipped < s->got && first < end) {
        const uint64_t rest = s->got - skipped; /* where it is the last one, the file may end within a chunk */
        const uint64_t chunks = rd__min_u64(end - first, rest / RD__BLAKE3_CHUNK + 1) * RD__BLAKE3_CHUNK;
        rd__digest_add(&it->range, run->kernels, s->data + skipped, (size_t)rd__min_u64(chunks, rest));
    }
}

/* Hashes the chunks that start in zeros, from `start` to `end`. */
static void delta_hash_zeros(const rd__delta_segments *run, delta_slot *it, uint64_t start, uint64_t end) {
    const uint64_t first = rd__digest_chunks_before(start);
    rd__digest_init(&it->range, first);
    rd__digest_add_zeros(&it->range, run->kernels, (rd__digest_chunks_before(end) - first) * RD__BLAKE3_CHUNK);
}

static void delta_work(const void *context, void *slot) {
    const rd__delta_segments *const run = context;
    delta_slot *const it = slot;
    delta_cut(run, it);
    if (!rd__parse_scan(it->parses, it->part_count, run->signature, run->kernels)) {
        it->segment.result = rd__fail_memory(&it->segment.error);
        return;
    }
    if (run->digests)
        delta_hash(run, it);
}

static void delta_work_empty(const void *context, void *slot) {
    const rd__delta_segments *const run = context;
    delta_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    if (run->digests)
        delta_hash_zeros(run, it, s->offset, s->offset + s->zeros * run->segments.size);
}

/*
 * Adds the chunks of the segment to the digest. The overlap of the segment before was read twice; in a file that is
 * written to meanwhile it may have changed in between. What the first reading gave is then what counts, for its chunk
 * is hashed: the segment gets those bytes, its chunks are hashed again, and its parse no longer holds. True: so it is.
 */
static bool delta_add_chunks(rd__delta_segments *run, delta_slot *it) {
    rd__segment *const s = &it->segment;
    const size_t overlap = run->segments.overlap;
    const bool changed = s->offset > run->start && (s->got < overlap || memcmp(s->data, run->overlap, overlap) != 0);
    if (changed) {
        memcpy(s->data, run->overlap, overlap);
        s->got = s->got < overlap ? overlap : s->got;
        delta_hash(run, it);
    }
    rd__digest_join(&run->digest, &it->range);
    if (!s->last)
        memcpy(run->overlap, s->data + run->segments.size, overlap);
    return changed;
}

/* Makes the true parse of a part of the segment, from its own parse unless that is NULL. */
static rd_result delta_stitch_part(rd__delta_segments *run, const rd__view *segment, const rd__view *part,
                                   uint64_t stop, const rd__parse *parse) {
    rd_result result = RD_OK;
    rd_op copy;
    rd__stitcher_begin(&run->stitcher, parse);
    while (result == RD_OK && rd__stitcher_next(&run->stitcher, part, stop, &copy))
        result = run->taker.take(run->taker.context, segment, &copy);
    return result;
}

/* Makes the true parse of the segment, from those of its parts unless they are NULL, and writes what is known of it. */
static rd_result delta_stitch(rd__delta_segments *run, const rd__segment *segment, const rd__parse *parts,
                              size_t count) {
    const rd__view view = delta_view(segment);
    const uint64_t stop = delta_stop(run, segment);
    rd_result result = parts ? RD_OK : delta_stitch_part(run, &view, &view, stop, NULL);
    for (size_t i = 0; result == RD_OK && i < count; i++)
        result = delta_stitch_part(run, &view, &parts[i].view, parts[i].stop, &parts[i]);
    run->operation->stats.false_matches = run->stitcher.scanner.false_matches;
    run->reach = view.offset + view.size;
    const uint64_t reach = rd__min_u64(run->stitcher.scanner.at, run->reach);
    return result == RD_OK ? run->taker.end(run->taker.context, &view, reach, stop) : result;
}

static rd_result delta_finish(void *context, void *slot) {
    rd__delta_segments *const run = context;
    delta_slot *const it = slot;
    const bool changed = run->digests && delta_add_chunks(run, it);
    return delta_stitch(run, &it->segment, changed ? NULL : it->parses, changed ? 0 : it->part_count);
}

/* Gives an empty segment the bytes of the first of those that it is. */
static void delta_fill(const rd__delta_segments *run, rd__segment *segment) {
    segment->got = run->segments.size + run->segments.overlap;
    memset(segment->data, 0, segment->got);
}

/* Copies what can be without the bytes, up to `end`, and then has the scanner look at those of a segment. */
static rd_result delta_stitch_empty(rd__delta_segments *run, rd__segment *segment, uint64_t end) {
    const size_t size = run->segments.size;
    rd__scanner *const scanner = &run->stitcher.scanner;
    rd_result result = RD_OK;
    const rd__zero_block *const zeros = delta_segment_zeros(run);
    while (result == RD_OK && scanner->at < end) {
        rd_op copy;
        const rd__view none = {.offset = segment->offset};
        while (result == RD_OK && rd__scanner_next_zeros(scanner, zeros, end, &copy)) {
            result = run->taker.take(run->taker.context, &none, &copy);
        }
        if (result == RD_OK && scanner->at < end) {
            segment->offset += (scanner->at - segment->offset) / size * size;
            delta_fill(run, segment);
            result = delta_stitch(run, segment, NULL, 0);
            segment->offset += size;
        }
    }
    return result;
}

static rd_result delta_finish_empty(void *context, void *slot) {
    rd__delta_segments *const run = context;
    delta_slot *const it = slot;
    rd__segment *const s = &it->segment;
    const size_t size = run->segments.size;
    const size_t overlap = run->segments.overlap;
    const uint64_t end = s->offset + s->zeros * size;
    rd_result result = RD_OK;
    if (run->digests && s->offset > 0 && !rd__is_zeros(run->overlap, overlap)) { /* see delta_add_chunks */
        delta_fill(run, s);
        result = delta_finish(run, it);
        s->offset += size;
        delta_hash_zeros(run, it, s->offset, end);
    }
    if (run->digests && s->offset < end) {
        rd__digest_join(&run->digest, &it->range);
        memset(run->overlap, 0, overlap);
    }
    return result == RD_OK ? delta_stitch_empty(run, s, end) : result;
}

static void delta_release(void *slot) {
    delta_slot *const it = slot;
    for (size_t i = 0; i < PARTS_MAX; i++)
        rd__parse_free(&it->parses[i]);
}

/* Of a range, so few that each thread has some segments. */
static size_t delta_parts_of_segment(const rd__delta_segments *run, unsigned threads) {
    enum { SHARE = 4 }; /* segments for each thread */
    const size_t most = run->part_size < SEGMENT_MAX ? rd__min_size(SEGMENT_MAX / run->part_size, PARTS_MAX) : 1;
    if (run->start == 0 && run->stop == UINT64_MAX)
        return most;
    const uint64_t end = rd__min_u64(run->stop, run->new_file->size);
    const uint64_t fit = (end - rd__min_u64(run->start, end)) / run->part_size / ((uint64_t)threads * SHARE);
    return fit < 1 ? 1 : (size_t)rd__min_u64(fit, most);
}

rd_result rd__delta_segments_run(rd__delta_segments *run) {
    static const rd__segment_work work = {.slot_size = sizeof(delta_slot),
                                          .work = delta_work,
                                          .work_empty = delta_work_empty,
                                          .finish = delta_finish,
                                          .finish_empty = delta_finish_empty,
                                          .release = delta_release};
    rd_context *const kept = run->operation->context;
    const unsigned threads = rd__operation_threads(run->operation);
    const size_t block_len = run->signature->params.block_len;
    const size_t overlap = run->digests && block_len < RD__BLAKE3_CHUNK ? (size_t)RD__BLAKE3_CHUNK : block_len;
    /* Parts start where a window of the scanner's budget does, as the stitcher needs it. */
    const size_t budget_window = (size_t)rd__scanner_budget_window(run->signature);
    run->part_size = (PART_SIZE + budget_window - 1) / budget_window * budget_window;
    const size_t parts = delta_parts_of_segment(run, threads);
    run->overlap = rd__context_take(kept, overlap, 1);
    if (!run->overlap)
        return rd__fail_memory(&run->operation->error);
    run->segments = (rd__segments){.source = run->new_file,
                                   .operation = run->operation,
                                   .role = RD_ROLE_NEW,
                                   .size = parts * run->part_size,
                                   .overlap = overlap,
                                   .start = run->start,
                                   .end = run->stop == UINT64_MAX ? 0 : run->stop,
                                   .work = &work,
                                   .context = run};
    rd__digest_init(&run->digest, rd__digest_chunks_before(run->start));
    rd__stitcher_init(&run->stitcher, run->signature, run->kernels);
    run->stitcher.scanner.at = run->start;
    const rd_result result = rd__segments_run(&run->segments, threads);
    rd__context_give(kept, run->overlap);
    return result;
}

bool rd__delta_has_segments(const rd_signature *signature, const rd_limits *limits) {
    return signature && signature->sums.count > 0 && signature->params.block_len >= SEGMENT_BLOCK_MIN &&
           signature->params.block_len <= RD__SEGMENT_BLOCK_MAX &&
           rd__delta_window_allowed(signature, UINT64_MAX, limits);
}
