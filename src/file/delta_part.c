/*
 * A part of a delta: the parse of a range of the new file, as a record that another process can join with those of the
 * ranges around it. The range is parsed as a whole file is, in segments by all threads, or where there are none by one
 * scanner. What is made of the copies is not ops, because those at its start may turn out to be others, but the record,
 * which is written as the copies come: memory does not depend on their number.
 *
 * The record has a sum of the bytes that were not copied. Whoever joins the records reads these bytes again, and so
 * sees whether they are the same.
 */
#include "file/delta_part.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "engine/op_joiner.h"
#include "file/delta_segments.h"
#include "file/digest.h"
#include "file/slide.h"
#include "format/delta_part.h"
#include "format/magic.h"
#include "format/numbers.h"
#include "io/sink.h"
#include "io/watch.h"

enum { FLUSHED = 64 * 1024 }; /* bytes of the record that are written at once */

typedef struct part_run {
    rd__operation *operation;
    const rd_signature *signature;
    const rd_source *new_file;
    const rd_sink *out;
    const rd__kernels *kernels;
    rd__delta_part part;
    uint64_t stop; /* of the positions; UINT64_MAX: the end of the file */
    rd__digest digest;
    uint32_t worst; /* of the scanner */
    uint64_t false_matches;
    rd__part_copies copies; /* that were put into the record */
    rd_op held;             /* the copy that may still grow; length 0: none */
    uint64_t summed;        /* the literals before this position are in the next */
    uint32_t literals;
    rd__growing bytes; /* of the record, that are not written yet */
    rd__digester check;
} part_run;

void rd__signature_identify(const rd_signature *signature, rd__signature_id *id) {
    *id = (rd__signature_id){.exists = signature};
    if (!signature)
        return;
    id->params = signature->params;
    id->blocks = signature->sums.count;
    id->origin = signature->origin;
    rd__signature_identity(signature, id->identity);
}

bool rd__part_state_of(const rd_source *new_file, const rd__watch *watch, rd__part_state *state) {
    const rd__file_state *const file = &watch->before;
    if (watch->fd < 0 || watch->failure != 0 || new_file->origin > 0 || new_file->end > 0 || file->inode == 0)
        return false;
    *state = (rd__part_state){
        .device = file->device, .inode = file->inode, .written = file->written, .changed = file->changed};
    return true;
}

/* ---- The record -------------------------------------------------------------------------------------------------- */

static rd_result part_flush(part_run *run) {
    if (run->bytes.failed)
        return rd__fail_memory(&run->operation->error);
    rd__digester_take(&run->check, run->bytes.data, run->bytes.size);
    const rd_result result = rd__sink_write(run->out, run->operation, run->bytes.data, run->bytes.size);
    rd__growing_clear(&run->bytes);
    return result;
}

static rd_result part_begin_record(part_run *run) {
    uint8_t head[RD__DELTA_PART_HEAD + RD__DELTA_PART_STATE_LEN];
    run->copies.at = run->part.head.offset;
    run->summed = run->part.head.offset;
    run->literals = rd__weak_seed(RD_RABINKARP);
    rd__growing_put(&run->bytes, head, rd__delta_part_put(&run->part, head));
    return part_flush(run);
}

static rd_result part_put_held(part_run *run) {
    if (run->held.length > 0)
        rd__part_copy_put(&run->copies, &run->part, &run->held, &run->bytes);
    return run->bytes.size < FLUSHED && !run->bytes.failed ? RD_OK : part_flush(run);
}

/* The bytes before `reach` that are in no copy are literal. They are in the view. */
static void part_sum_literals(part_run *run, const rd__view *view, uint64_t reach) {
    if (reach > run->summed) {
        const uint8_t *const from = view->data + (run->summed - view->offset);
        run->literals = run->kernels->weak_update[RD_RABINKARP](run->literals, from, (size_t)(reach - run->summed));
        run->summed = reach;
    }
}

static rd_result part_take_copy(void *context, const rd__view *view, const rd_op *copy) {
    part_run *const run = context;
    part_sum_literals(run, view, copy->target_offset);
    run->summed = copy->target_offset + copy->length;
    if (rd__copies_join(&run->held, copy))
        return RD_OK;
    const rd_result result = part_put_held(run);
    run->held = *copy;
    return result;
}

static rd_result part_end_segment(void *context, const rd__view *view, uint64_t reach, uint64_t stop) {
    (void)stop;
    part_sum_literals(context, view, reach);
    return RD_OK;
}

static rd_result part_end_record(part_run *run) {
    uint8_t nodes[RD__NODES_MAX];
    uint8_t sum[RD__BLAKE3_LEN];
    uint8_t four[4];
    rd_result result = part_put_held(run);
    if (result != RD_OK)
        return result;
    rd__number_put(&run->bytes, 0);
    rd__number_put(&run->bytes, rd__part_copy_lacks(&run->part, &run->held));
    rd__number_put(&run->bytes, run->worst);
    rd__number_put(&run->bytes, run->false_matches);
    rd__store_be32(four, run->literals);
    rd__growing_put(&run->bytes, four, sizeof four);
    if (run->part.head.flags & RD__DELTA_PART_DIGEST)
        rd__growing_put(&run->bytes, nodes, rd__nodes_put(&run->digest, nodes));
    result = part_flush(run);
    if (result != RD_OK)
        return result;
    rd__digester_final(&run->check, sum);
    return rd__sink_write(run->out, run->operation, sum, RD__PART_CHECK);
}

/* ---- The parse --------------------------------------------------------------------------------------------------- */

static rd_result part_parse_segments(part_run *run) {
    const uint64_t end = run->part.head.offset + run->part.head.length;
    rd__delta_segments segments = {
        .operation = run->operation,
        .signature = run->signature,
        .new_file = run->new_file,
        .kernels = run->kernels,
        .taker = {.take = part_take_copy, .end = part_end_segment, .context = run},
        .digests = run->part.head.flags & RD__DELTA_PART_DIGEST,
        .start = run->part.head.offset,
        .stop = run->stop,
        .hash_stop = end == run->part.new_size ? UINT64_MAX : end,
    };
    const rd_result result = rd__delta_segments_run(&segments);
    if (result != RD_OK)
        return result;
    run->digest = segments.digest;
    run->worst = segments.stitcher.scanner.worst;
    run->false_matches = segments.stitcher.scanner.false_matches;
    if (segments.reach < rd__min_u64(run->stop, run->part.new_size))
        return rd__fail(&run->operation->error, RD_E_CHANGED, RD_ROLE_NEW, RD_UNKNOWN,
                        "changed while it was being read");
    return RD_OK;
}

static rd_result part_scan(part_run *run, rd__slide *slide) {
    const uint64_t end = rd__min_u64(run->stop, run->part.new_size);
    rd_result result = RD_OK;
    rd__scanner scanner;
    rd__scanner_init(&scanner, run->signature, run->kernels);
    scanner.at = run->part.head.offset;
    while (result == RD_OK && scanner.at < end) {
        rd_op copy;
        result = rd__slide_to(slide, scanner.at);
        const uint64_t stop = rd__slide_stop(slide, run->stop);
        while (result == RD_OK && rd__scanner_next(&scanner, &slide->view, stop, &copy))
            result = part_take_copy(run, &slide->view, &copy);
        if (result == RD_OK) {
            part_sum_literals(run, &slide->view, rd__min_u64(scanner.at, slide->view.offset + slide->view.size));
            result = rd__operation_progress_read(run->operation, rd__min_u64(scanner.at, end) - run->part.head.offset);
        }
    }
    run->worst = scanner.worst;
    run->false_matches = scanner.false_matches;
    return result;
}

/* Hashes the chunks that start in the range: the file is read once more, in parallel. */
static rd_result part_hash(part_run *run) {
    const uint64_t first = rd__delta_part_first_chunk(&run->part);
    const uint64_t end = rd__delta_part_end_chunk(&run->part);
    const rd_source range = rd_source_range(run->new_file, first * RD__BLAKE3_CHUNK, (end - first) * RD__BLAKE3_CHUNK);
    uint64_t size = 0;
    rd__digest_init(&run->digest, first);
    if (first == end)
        return RD_OK;
    run->operation->before = run->part.head.length;
    const rd_result result = rd__source_digest_range(&range, run->operation, RD_ROLE_NEW, first, &run->digest, &size);
    if (result == RD_OK && run->digest.end != end)
        return rd__fail(&run->operation->error, RD_E_CHANGED, RD_ROLE_NEW, RD_UNKNOWN,
                        "changed while it was being read");
    return result;
}

static rd_result part_parse_window(part_run *run) {
    rd__slide slide;
    const bool hashes = run->part.head.flags & RD__DELTA_PART_DIGEST;
    rd_result result = rd__slide_open(&slide, run->new_file, run->signature, run->operation);
    run->operation->total *= hashes ? 2 : 1; /* it is read twice */
    if (result == RD_OK)
        result = part_scan(run, &slide);
    rd__slide_close(&slide);
    if (result == RD_OK && hashes)
        result = part_hash(run);
    return result;
}

static rd_result part_make(part_run *run) {
    rd_result result = rd__digester_init(&run->check, run->kernels) ? RD_OK : rd__fail_memory(&run->operation->error);
    rd__digest_init(&run->digest, rd__delta_part_first_chunk(&run->part));
    run->stop = rd__delta_part_stop(&run->part);
    if (result == RD_OK)
        result = part_begin_record(run);
    if (result == RD_OK && run->part.head.length > 0)
        result = rd__delta_has_segments(run->signature, &run->operation->options.limits) ? part_parse_segments(run)
                                                                                         : part_parse_window(run);
    run->operation->stats.false_matches = run->false_matches;
    run->operation->stats.in_bytes = run->part.head.length;
    if (result == RD_OK)
        result = part_end_record(run);
    rd__digester_free(&run->check);
    rd__growing_free(&run->bytes);
    return result;
}

uint64_t rd_delta_part_grid(const rd_signature *signature) {
    enum { WITHOUT_BLOCKS = 64 * 1024 };
    return signature ? rd__scanner_budget_window(signature) : WITHOUT_BLOCKS;
}

/* Is the range one of those that there are? Sets the head of the part. */
static rd_result part_set_range(part_run *run, uint64_t offset, uint64_t length) {
    rd_error *const error = &run->operation->error;
    const uint64_t size = run->new_file->size;
    const uint64_t grid = rd_delta_part_grid(run->signature);
    if (run->signature && !run->signature->indexed)
        return rd__fail(error, RD_E_STATE, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                        "the signature is only a part; join the parts first");
    const rd_result result = rd__source_check_seekable(run->new_file, RD_ROLE_NEW, RD_E_PARAMETER, error);
    if (result != RD_OK)
        return result;
    if (size == RD_UNKNOWN || size > INT64_MAX)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NEW, RD_UNKNOWN, "its size must be known");
    if (offset > size || offset % grid != 0)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NEW, offset,
                        "the part does not start at a multiple of the grid in the file");
    if (length < size - offset && length % grid != 0)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NEW, offset,
                        "the length of the part is no multiple of the grid");
    run->part.head.magic = RD__MAGIC_DELTA_PART;
    run->part.head.offset = offset;
    run->part.head.length = rd__min_u64(length, size - offset);
    run->part.new_size = size;
    if (run->part.head.length == size - offset)
        run->part.head.flags |= RD__DELTA_PART_LAST;
    return RD_OK;
}

rd_result rd_delta_part_make(const rd_signature *signature, const rd_source *new_file, uint64_t offset, uint64_t length,
                             const rd_sink *out, const rd_options *options) {
    rd__operation operation;
    part_run run = {.operation = &operation,
                    .signature = signature,
                    .new_file = new_file,
                    .out = out,
                    .kernels = rd__kernels_best()};
    const uint64_t rest = new_file->size == RD_UNKNOWN || offset > new_file->size ? 0 : new_file->size - offset;
    const rd__watch watch = rd__watch_begin(new_file, RD_ROLE_NEW);
    rd_result result = rd__operation_start(&operation, options, length < rest ? length : rest);
    if (result == RD_OK)
        result = part_set_range(&run, offset, length);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, new_file, RD_ROLE_NEW, &operation.error);
    if (result == RD_OK) {
        rd__signature_identify(signature, &run.part.signature);
        operation.stats.blocks = run.part.signature.blocks;
        if (operation.options.verify != RD_VERIFY_NEVER)
            run.part.head.flags |= RD__DELTA_PART_DIGEST;
        if (rd__part_state_of(new_file, &watch, &run.part.state))
            run.part.head.flags |= RD__DELTA_PART_STATE;
        result = part_make(&run);
    }
    return rd__operation_end(&operation, rd__watch_end(&watch, &operation, result));
}
