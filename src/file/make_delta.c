/*
 * The delta of a whole file. Segments of the new file are parsed in parallel, and each in parts, as if the file started
 * with each of them; then, in order, the stitcher makes the true parse of each, and its ops are written.
 *
 * A thread parses the parts of its segment together, even if it is the only one. Now and then, the weak sum of a window
 * is that of a block by chance: once in 2^32 positions for each block, so that about (size of the basis) / 2^32 bytes
 * are hashed in vain for each byte that is not in the basis. A strong sum alone takes most of the time that four take
 * at once, which are those of the parts.
 *
 * A signature with blocks so long that segments of some blocks would not be small is handled as the streams do, in one
 * window over the whole file; so is one with blocks so short that a segment could be millions of copies.
 */
#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "engine/delta_window.h"
#include "engine/stitcher.h"
#include "file/digest.h"
#include "file/long_blocks.h"
#include "file/op_output.h"
#include "file/reader.h"
#include "file/segments.h"
#include "io/sink.h"
#include "io/watch.h"

#include <stdlib.h>
#include <string.h>

enum {
    PART_SIZE = 256 * 1024,        /* of a segment, at least: one that is parsed on its own */
    PARTS_MAX = 4,                 /* in a segment: that many strong sums are made at once */
    SEGMENT_MAX = 8 * 1024 * 1024, /* unless that is less than a part */
    SEGMENT_BLOCK_MIN = 64,
    SEGMENT_BLOCK_MAX = 256 * 1024 /* of the block lengths for which there are segments */
};

typedef struct delta_run {
    rd__operation *operation;
    const rd_signature *signature;
    const rd_source *new_file;
    const rd__kernels *kernels;
    struct delta_input *input; /* in one window */
    bool has_zeros;            /* the next is known */
    rd__zero_block zeros;
    /* In segments: */
    rd__segments segments;
    size_t part_size; /* of a segment's parts, all but the last one */
    bool digests;     /* a trailer follows */
    rd__digest digest;
    uint8_t *overlap; /* of the segment before, if there is a digest */
    rd__stitcher stitcher;
    rd__op_output output; /* not zeroed as a whole: the last member */
} delta_run;

/* The block of zeros, which is looked for when it is needed first. */
static const rd__zero_block *delta_find_zeros(delta_run *run) {
    if (!run->has_zeros)
        run->zeros = rd__scanner_find_zeros(run->signature, run->kernels);
    run->has_zeros = true;
    return &run->zeros;
}

/* ---- In segments ------------------------------------------------------------------------------------------------- */

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
static uint64_t delta_stop(const delta_run *run, const rd__segment *segment) {
    return segment->last ? UINT64_MAX : segment->offset + run->segments.size;
}

/* Cuts the segment into the parts that are parsed on their own. */
static void delta_cut(const delta_run *run, delta_slot *it) {
    const rd__segment *const s = &it->segment;
    const size_t positions = rd__min_size(s->got, run->segments.size);
    it->part_count = 0;
    for (size_t at = 0; it->part_count == 0 || at < positions; at += run->part_size) {
        rd__parse *const parse = &it->parses[it->part_count++];
        const bool last = positions - at <= run->part_size;
        parse->view =
            (rd__view){.data = s->data + at, .size = s->got - at, .offset = s->offset + at, .last = s->last && last};
        parse->stop = last ? delta_stop(run, s) : s->offset + at + run->part_size;
    }
}

/*
 * Hashes the chunks that start in the segment. The last of them may end in its overlap. None starts in a segment that
 * is left out, or only there because the file became shorter.
 */
static void delta_hash(const delta_run *run, delta_slot *it) {
    const rd__segment *const s = &it->segment;
    const uint64_t first = rd__digest_chunks_before(s->offset);
    const uint64_t end = rd__digest_chunks_before(s->offset + run->segments.size);
    const size_t skipped = (size_t)(first * RD__BLAKE3_CHUNK - s->offset);
    rd__digest_init(&it->range, first);
    if (skipped < s->got) {
        const size_t size = s->last ? s->got - skipped : (size_t)(end - first) * RD__BLAKE3_CHUNK;
        rd__digest_add(&it->range, run->kernels, s->data + skipped, size);
    }
}

/* Hashes the chunks that start in zeros, from `start` to `end`. */
static void delta_hash_zeros(const delta_run *run, delta_slot *it, uint64_t start, uint64_t end) {
    const uint64_t first = rd__digest_chunks_before(start);
    rd__digest_init(&it->range, first);
    rd__digest_add_zeros(&it->range, run->kernels, (rd__digest_chunks_before(end) - first) * RD__BLAKE3_CHUNK);
}

static void delta_work(const void *context, void *slot) {
    const delta_run *const run = context;
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
    const delta_run *const run = context;
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
static bool delta_add_chunks(delta_run *run, delta_slot *it) {
    rd__segment *const s = &it->segment;
    const size_t overlap = run->segments.overlap;
    const bool changed = s->offset > 0 && (s->got < overlap || memcmp(s->data, run->overlap, overlap) != 0);
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
static rd_result delta_stitch_part(delta_run *run, const rd__view *segment, const rd__view *part, uint64_t stop,
                                   const rd__parse *parse) {
    rd_result result = RD_OK;
    rd_op copy;
    rd__stitcher_begin(&run->stitcher, parse);
    while (result == RD_OK && rd__stitcher_next(&run->stitcher, part, stop, &copy))
        result = rd__op_output_copy(&run->output, segment, &copy);
    return result;
}

/* Makes the true parse of the segment, from those of its parts unless they are NULL, and writes what is known of it. */
static rd_result delta_stitch(delta_run *run, const rd__segment *segment, const rd__parse *parts, size_t count) {
    const rd__view view = delta_view(segment);
    const uint64_t stop = delta_stop(run, segment);
    rd_result result = parts ? RD_OK : delta_stitch_part(run, &view, &view, stop, NULL);
    for (size_t i = 0; result == RD_OK && i < count; i++)
        result = delta_stitch_part(run, &view, &parts[i].view, parts[i].stop, &parts[i]);
    run->operation->stats.false_matches = run->stitcher.scanner.false_matches;
    const uint64_t reach = rd__min_u64(run->stitcher.scanner.at, view.offset + view.size);
    if (result == RD_OK)
        result = rd__op_output_reach(&run->output, &view, reach, view.last);
    return result == RD_OK ? rd__op_output_end_segment(&run->output, &view, stop) : result;
}

static rd_result delta_finish(void *context, void *slot) {
    delta_run *const run = context;
    delta_slot *const it = slot;
    const bool changed = run->digests && delta_add_chunks(run, it);
    return delta_stitch(run, &it->segment, changed ? NULL : it->parses, changed ? 0 : it->part_count);
}

/* Gives an empty segment the bytes of the first of those that it is. */
static void delta_fill(const delta_run *run, rd__segment *segment) {
    segment->got = run->segments.size + run->segments.overlap;
    memset(segment->data, 0, segment->got);
}

/* Copies what can be without the bytes, up to `end`, and then has the scanner look at those of a segment. */
static rd_result delta_stitch_empty(delta_run *run, rd__segment *segment, uint64_t end) {
    const size_t size = run->segments.size;
    rd__scanner *const scanner = &run->stitcher.scanner;
    rd_result result = RD_OK;
    const rd__zero_block *const zeros = delta_find_zeros(run);
    while (result == RD_OK && scanner->at < end) {
        rd_op copy;
        const rd__view none = {.offset = segment->offset};
        while (result == RD_OK && rd__scanner_next_zeros(scanner, zeros, end, &copy)) {
            result = rd__op_output_copy(&run->output, &none, &copy);
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
    delta_run *const run = context;
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

static rd_result delta_run_segments(delta_run *run, uint8_t digest[RD_DIGEST_LEN]) {
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
    const size_t parts = run->part_size < SEGMENT_MAX ? rd__min_size(SEGMENT_MAX / run->part_size, PARTS_MAX) : 1;
    run->overlap = rd__context_take(kept, overlap, 1);
    if (!run->overlap)
        return rd__fail_memory(&run->operation->error);
    run->segments = (rd__segments){.source = run->new_file,
                                   .operation = run->operation,
                                   .role = RD_ROLE_NEW,
                                   .size = parts * run->part_size,
                                   .overlap = overlap,
                                   .work = &work,
                                   .context = run};
    rd__digest_init(&run->digest, 0);
    rd__stitcher_init(&run->stitcher, run->signature, run->kernels);
    const rd_result result = rd__segments_run(&run->segments, threads);
    if (result == RD_OK)
        rd__digest_final(&run->digest, digest);
    rd__context_give(kept, run->overlap);
    return result;
}

/* A signature for which not even the memory of two blocks is allowed is left to the window, which may need less. */
static bool delta_has_segments(const rd_signature *signature, const rd_limits *limits) {
    return signature && signature->sums.count > 0 && signature->params.block_len >= SEGMENT_BLOCK_MIN &&
           signature->params.block_len <= SEGMENT_BLOCK_MAX && rd__delta_window_allowed(signature, UINT64_MAX, limits);
}

/* ---- In one window ----------------------------------------------------------------------------------------------- */

/* The window, and what fills it. */
typedef struct delta_input {
    rd__reader reader;
    rd__holes holes; /* of the new file */
    uint64_t zeros;  /* from this position on, what was added to the window is zeros */
    rd__delta_window window;
    rd__digester digester;
    /* The sums of the new file's own blocks are made by all threads: hints, for where the files are alike in place. */
    rd__long_blocks blocks;
    rd__hint hint;
    uint64_t hinted;    /* the end of the blocks that were given */
    uint64_t unhelpful; /* how many of the last ones were not copied */
} delta_input;

/* Adds the next bytes to the window, or the zeros of a hole; before `limit`, or that of all. */
static rd_result delta_add(delta_run *run, delta_input *input, uint64_t limit) {
    const uint64_t known = run->new_file->size;
    const uint64_t at = input->reader.source.read;
    const size_t chunk = known < RD__CHUNK ? (size_t)known + RD__FRAME_MAGIC_LEN : (size_t)RD__CHUNK;
    uint64_t length = 0;
    size_t room = 0;
    size_t got = 0;
    uint8_t *const place = rd__delta_window_room(&input->window, chunk, &room);
    if (!place)
        return rd__fail_memory(&run->operation->error);
    if (limit != RD_UNKNOWN && limit - at < room)
        room = (size_t)(limit - at) < RD__FRAME_MAGIC_LEN ? (size_t)RD__FRAME_MAGIC_LEN : (size_t)(limit - at);
    if (rd__holes_at(&input->holes, at, &length)) {
        input->zeros = rd__min_u64(input->zeros, at);
        got = (size_t)rd__reader_skip(&input->reader, rd__min_u64(room, length));
        memset(place, 0, got);
        if (run->digests)
            rd__digester_take_zeros(&input->digester, got);
    } else {
        const uint64_t least = length < RD__FRAME_MAGIC_LEN ? RD__FRAME_MAGIC_LEN : length;
        input->zeros = UINT64_MAX;
        const rd_result result =
            rd__reader_read(&input->reader, place, input->holes.fd < 0 ? room : (size_t)rd__min_u64(room, least), &got);
        if (result != RD_OK)
            return result;
        if (run->digests)
            rd__digester_take(&input->digester, place, got);
    }
    rd__delta_window_add(&input->window, got);
    if (input->reader.ended)
        rd__delta_window_end(&input->window);
    return rd__delta_window_check(&input->window, &run->operation->options.limits, &run->operation->error);
}

/* Writes the ops that are known from what the window has. */
static rd_result delta_put_window(delta_run *run, rd__delta_window *window) {
    rd_result result = RD_OK;
    rd_op op;
    const uint8_t *literal = NULL;
    uint8_t bytes[RD__EMIT_MAX];
    while (result == RD_OK && rd__delta_window_next(window, &op, &literal)) {
        result = rd__writer_put(&run->output.writer, bytes, rd__emit_op(&run->output.emitter, &op, bytes));
        if (result == RD_OK && op.kind == RD_LITERAL)
            result = rd__writer_lend(&run->output.writer, literal, (size_t)op.length);
    }
    run->operation->stats.false_matches = window->scanner.false_matches;
    return result == RD_OK ? rd__writer_return(&run->output.writer) : result;
}

/*
 * Passes over a hole as far as blocks of zeros can be copied, if the window holds nothing but zeros that are not
 * decided. *passed: the reader has moved.
 */
static rd_result delta_pass_hole(delta_run *run, delta_input *input, bool *passed) {
    rd__delta_window *const window = &input->window;
    const uint64_t at = input->reader.source.read;
    const uint64_t most =
        run->signature ? (uint64_t)run->signature->params.block_len << 16 : 0; /* between two reports of progress */
    uint64_t length = 0;
    *passed = false;
    if (!rd__holes_at(&input->holes, at, &length) || !run->signature ||
        at + length - window->scanner.at < run->signature->params.block_len ||
        rd__min_u64(input->zeros, at) > window->scanner.at ||
        !rd__delta_window_pass_zeros(window, delta_find_zeros(run), at + rd__min_u64(length, most)))
        return RD_OK;
    const rd_result result = delta_put_window(run, window);
    if (result != RD_OK || window->scanner.at <= at)
        return result;
    *passed = true;
    const uint64_t size = rd__reader_skip(&input->reader, window->scanner.at - at);
    input->zeros = window->scanner.at;
    const rd_result hashed = run->digests ? rd__digester_take_hole(&input->digester, run->operation, size) : RD_OK;
    return hashed == RD_OK ? rd__operation_progress_read(run->operation, input->reader.source.read) : hashed;
}

/* Makes the delta of what comes before `limit`. */
static rd_result delta_advance(delta_run *run, delta_input *input, uint64_t limit) {
    rd_result result = RD_OK;
    while (result == RD_OK && !input->reader.ended && input->reader.source.read < limit) {
        bool passed = false;
        result = delta_pass_hole(run, input, &passed);
        if (result != RD_OK || passed)
            continue;
        result = delta_add(run, input, limit);
        if (result == RD_OK)
            result = delta_put_window(run, &input->window);
    }
    return result;
}

/*
 * Makes the delta up to the end of these blocks. While none of the latest ones were copied as they lie, sums are wanted
 * only of one in so many, to see whether that changes.
 */
static rd_result delta_take_blocks(void *context, const rd__block_sums *sums, uint64_t count, uint64_t bytes) {
    enum { PATIENCE = 32, PROBES = 8 };
    delta_run *const run = context;
    delta_input *const input = run->input;
    const uint64_t start = input->hinted;
    input->hinted += bytes;
    input->hint = (rd__hint){.at = RD_UNKNOWN};
    if (sums && count == 1 && bytes == run->signature->params.block_len)
        input->hint = (rd__hint){.at = start, .sums = *sums};
    const rd_result result = delta_advance(run, input, input->hinted);
    const rd__scanner *const scanner = &input->window.scanner;
    const bool copied = scanner->after_copy && scanner->at == input->hinted;
    input->unhelpful = copied ? 0 : input->unhelpful + count;
    atomic_store(&input->blocks.pause, input->unhelpful >= PATIENCE && input->unhelpful / PATIENCE % PROBES != 0);
    return result;
}

/* Are hints worth the second reading? */
static bool delta_has_hints(const delta_run *run) {
    return run->signature && run->signature->sums.count > 0 && run->signature->params.block_len > SEGMENT_BLOCK_MAX &&
           rd__segments_are_concurrent(run->new_file) && run->new_file->size / 2 >= run->signature->params.block_len;
}

static rd_result delta_run_window(delta_run *run, uint8_t digest[RD_DIGEST_LEN]) {
    delta_input input = {.reader = rd__reader_of(run->new_file, run->operation, RD_ROLE_NEW),
                         .holes = rd__holes_open(run->new_file),
                         .zeros = UINT64_MAX};
    rd_result result = RD_OK;
    rd__delta_window_init(&input.window, run->signature, run->kernels);
    if (run->digests && !rd__digester_init(&input.digester, run->kernels))
        result = rd__fail_memory(&run->operation->error);
    if (result == RD_OK && delta_has_hints(run)) {
        run->input = &input;
        input.window.scanner.hint = &input.hint;
        input.blocks.source = run->new_file;
        input.blocks.operation = run->operation;
        input.blocks.role = RD_ROLE_NEW;
        input.blocks.kernels = run->kernels;
        input.blocks.params = run->signature->params;
        input.blocks.take = delta_take_blocks;
        input.blocks.context = run;
        result = rd__long_blocks_run(&input.blocks);
    }
    if (result == RD_OK)
        result = delta_advance(run, &input, RD_UNKNOWN);
    if (result == RD_OK && run->digests)
        rd__digester_final(&input.digester, digest);
    rd__digester_free(&input.digester);
    rd__holes_close(&input.holes);
    rd__reader_close(&input.reader);
    rd__delta_window_free(&input.window);
    return result;
}

/* ---- The whole delta --------------------------------------------------------------------------------------------- */

static rd_result delta_make(delta_run *run, const rd_sink *out) {
    rd__operation *const operation = run->operation;
    rd_stats *const stats = &operation->stats;
    uint8_t digest[RD_DIGEST_LEN];
    if (run->signature && !run->signature->indexed)
        return rd__fail(&operation->error, RD_E_STATE, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                        "the signature is only a part; join the parts first");
    stats->blocks = run->signature ? rd_signature_count(run->signature) : 0;
    rd_result result = rd__op_output_open(&run->output, out, operation);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, run->new_file, RD_ROLE_NEW, &operation->error);
    if (result == RD_OK)
        result = delta_has_segments(run->signature, &operation->options.limits) ? delta_run_segments(run, digest)
                                                                                : delta_run_window(run, digest);
    if (result == RD_OK)
        result = rd__op_output_finish(&run->output, run->digests ? digest : NULL, NULL);
    rd__op_output_close(&run->output);
    stats->identical = result == RD_OK && rd__copies_all(stats, run->signature);
    return result;
}

rd_result rd_delta_make(const rd_signature *signature, const rd_source *new_file, const rd_sink *out,
                        const rd_options *options) {
    rd__operation operation;
    const rd__watch watch = rd__watch_begin(new_file, RD_ROLE_NEW);
    rd_result result = rd__operation_start(&operation, options, new_file->size);
    if (result != RD_OK)
        return rd__operation_end(&operation, result);
    delta_run *const run = rd__context_take(operation.context, 1, sizeof *run);
    if (run) {
        memset(run, 0, offsetof(delta_run, output));
        run->operation = &operation;
        run->signature = signature;
        run->new_file = new_file;
        run->kernels = rd__kernels_best();
        run->digests = operation.options.verify != RD_VERIFY_NEVER;
        result = delta_make(run, out);
    } else {
        result = rd__fail_memory(&operation.error);
    }
    rd__context_give(operation.context, run);
    return rd__operation_end(&operation, rd__watch_end(&watch, &operation, result));
}
