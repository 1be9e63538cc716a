/*
 * The delta of a whole file: in segments (delta_segments.h) that are parsed in parallel.
 *
 * A signature with blocks so long that segments of some blocks would not be small is handled as the streams do, in one
 * window over the whole file; so is one with blocks so short that a segment could be millions of copies.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/delta_window.h"
#include "file/delta_segments.h"
#include "file/digest.h"
#include "file/long_blocks.h"
#include "file/op_output.h"
#include "file/reader.h"
#include "io/sink.h"
#include "io/watch.h"

#include <stdlib.h>
#include <string.h>

typedef struct delta_run {
    rd__operation *operation;
    const rd_signature *signature;
    const rd_source *new_file;
    const rd__kernels *kernels;
    struct delta_input *input; /* in one window */
    bool has_zeros;            /* the next is known */
    rd__zero_block zeros;
    bool digests;         /* a trailer follows */
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

static rd_result delta_take_copy(void *context, const rd__view *segment, const rd_op *copy) {
    return rd__op_output_copy(&((delta_run *)context)->output, segment, copy);
}

static rd_result delta_end_segment(void *context, const rd__view *segment, uint64_t reach, uint64_t stop) {
    rd__op_output *const output = &((delta_run *)context)->output;
    const rd_result result = rd__op_output_reach(output, segment, reach, segment->last);
    return result == RD_OK ? rd__op_output_end_segment(output, segment, stop) : result;
}

static rd_result delta_run_segments(delta_run *run, uint8_t digest[RD_DIGEST_LEN]) {
    rd__delta_segments segments = {
        .operation = run->operation,
        .signature = run->signature,
        .new_file = run->new_file,
        .kernels = run->kernels,
        .taker = {.take = delta_take_copy, .end = delta_end_segment, .context = run},
        .digests = run->digests,
        .stop = UINT64_MAX,
        .hash_stop = UINT64_MAX,
    };
    const rd_result result = rd__delta_segments_run(&segments);
    if (result == RD_OK && run->digests)
        rd__digest_final(&segments.digest, digest);
    return result;
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
    return run->signature && run->signature->sums.count > 0 &&
           run->signature->params.block_len > RD__SEGMENT_BLOCK_MAX && rd__segments_are_concurrent(run->new_file) &&
           run->new_file->size / 2 >= run->signature->params.block_len;
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
        result = rd__delta_has_segments(run->signature, &operation->options.limits) ? delta_run_segments(run, digest)
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
