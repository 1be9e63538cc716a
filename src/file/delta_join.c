/*
 * The delta of parts: the true parse is made of the parses of the ranges as it is of segments, and the ops are those
 * that rd_delta_make makes. Of the new file only the literals are read, and the bytes around the seams.
 *
 * A record comes from a worker of the caller's, who is believed, but may have read another version of the new file. If
 * the file is the very one that the worker had, on one system, its times tell. Otherwise what is literal is read
 * before, and its sum compared. What was copied is not read: if it has changed since, the delta still makes what the
 * worker read, which is what its digest is of.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/stitcher.h"
#include "file/delta_part.h"
#include "file/op_output.h"
#include "file/part_reader.h"
#include "file/slide.h"
#include "io/sink.h"

#include <string.h>

typedef struct join_run {
    rd__operation *operation;
    const rd_signature *signature;
    const rd_source *new_file;
    const rd__kernels *kernels;
    rd__signature_id id;
    bool has_state; /* the next is known */
    rd__part_state state;
    bool digests; /* a trailer follows */
    rd__digest digest;
    rd__stitcher stitcher;
    rd__slide slide;
    rd__part_reader record;
    uint64_t at;          /* where the next part starts */
    bool is_done;         /* the parse has come to the end of the new file, perhaps before the last part */
    rd__op_output output; /* not zeroed as a whole: the last member */
} join_run;

static rd_result join_fail(const join_run *run, rd_result result, rd_role role, const char *reason) {
    return rd__fail(&run->operation->error, result, role, RD_UNKNOWN, reason);
}

/* ---- Does the part fit? ------------------------------------------------------------------------------------------ */

static rd_result join_check_part(const join_run *run) {
    const rd__delta_part *const part = &run->record.part;
    const rd__signature_id *const id = &part->signature;
    const rd_params *const p = &id->params;
    const rd_params *const own = &run->id.params;
    if (id->exists != run->id.exists || p->weak != own->weak || p->strong != own->strong ||
        p->block_len != own->block_len || p->strong_len != own->strong_len || id->blocks != run->id.blocks ||
        id->origin != run->id.origin || memcmp(id->identity, run->id.identity, sizeof id->identity) != 0)
        return join_fail(run, RD_E_PARAMETER, RD_ROLE_NONE, "the part was made with another signature");
    if (part->head.offset != run->at)
        return join_fail(run, RD_E_PARAMETER, RD_ROLE_NONE, "a part does not start where the part before it ends");
    if (part->head.offset % rd_delta_part_grid(run->signature) != 0)
        return join_fail(run, RD_E_CORRUPT, RD_ROLE_NONE, "the part has an impossible range");
    if (part->new_size != run->new_file->size)
        return join_fail(run, RD_E_CHANGED, RD_ROLE_NEW, "changed since the part was made: its size is another one");
    if (run->digests && (part->head.flags & RD__DELTA_PART_DIGEST) == 0)
        return join_fail(run, RD_E_UNVERIFIED, RD_ROLE_NONE, "the part has no digest of its range");
    return RD_OK;
}

/* Reads the bytes between two copies. */
static rd_result join_sum_gap(const join_run *run, uint64_t from, uint64_t to, uint32_t *sum) {
    uint8_t *const buffer = run->slide.data; /* it is not in use: */
    rd_result result = RD_OK;
    while (result == RD_OK && from < to) {
        const size_t size = (size_t)rd__min_u64(to - from, run->slide.capacity);
        size_t got = 0;
        result = rd__source_read(run->new_file, run->operation, RD_ROLE_NEW, from, buffer, size, &got);
        if (result == RD_OK && got < size)
            return join_fail(run, RD_E_CHANGED, RD_ROLE_NEW, "changed while it was being read");
        *sum = run->kernels->weak_update[RD_RABINKARP](*sum, buffer, got);
        from += got;
        if (result == RD_OK)
            result = rd__operation_progress(run->operation, run->operation->done);
    }
    return result;
}

/* Are the bytes that the part did not copy the same? */
static rd_result join_check_literals(join_run *run) {
    const rd__part_reader *const record = &run->record;
    uint32_t sum = rd__weak_seed(RD_RABINKARP);
    uint64_t at = record->part.head.offset;
    rd_result result = RD_OK;
    run->slide.view.size = 0;
    for (size_t i = 0; result == RD_OK && i < record->count; i++) {
        result = join_sum_gap(run, at, record->copies[i].target_offset, &sum);
        at = record->copies[i].target_offset + record->copies[i].length;
    }
    if (result == RD_OK)
        result = join_sum_gap(run, at, rd__min_u64(rd__delta_part_stop(&record->part), record->part.new_size), &sum);
    if (result != RD_OK || sum == record->literals)
        return result;
    return join_fail(run, RD_E_CHANGED, RD_ROLE_NEW, "changed since the part was made");
}

static rd_result join_check_file(join_run *run) {
    const rd__delta_part *const part = &run->record.part;
    const rd__part_state *const then = &part->state;
    const rd__part_state *const now = &run->state;
    const bool is_same_file = run->has_state && (part->head.flags & RD__DELTA_PART_STATE) != 0 &&
                              then->device == now->device && then->inode == now->inode;
    if (is_same_file && then->written == now->written && then->changed == now->changed)
        return RD_OK;
    if (is_same_file && then->written != now->written && run->operation->options.changed != RD_CHANGED_ACCEPT)
        return join_fail(run, RD_E_CHANGED, RD_ROLE_NEW, "changed since the part was made");
    if (is_same_file && then->written != now->written)
        run->operation->stats.changed = RD_ROLE_NEW;
    return part->head.length > 0 && !run->is_done ? join_check_literals(run) : RD_OK;
}

/* ---- The parse --------------------------------------------------------------------------------------------------- */

/* The parse that the record tells of, with the state in which its scanner left the range. */
static rd__parse join_parse_of(const join_run *run) {
    const rd__part_reader *const record = &run->record;
    const rd_op *const latest = record->count > 0 ? &record->copies[record->count - 1] : NULL;
    const uint64_t stop = rd__delta_part_stop(&record->part);
    const uint64_t copied = latest ? latest->target_offset + latest->length : 0;
    rd__parse parse = {.view = {.offset = record->part.head.offset},
                       .stop = stop,
                       .copies = record->copies,
                       .count = record->count,
                       .capacity = record->count};
    rd__scanner *const end = &parse.end;
    rd__scanner_init(end, run->signature, run->kernels);
    end->at = rd__min_u64(stop, record->part.new_size);
    end->at = end->at < copied ? copied : end->at;
    end->after_copy = latest && copied == end->at;
    if (latest) {
        const uint64_t block_len = run->signature->params.block_len;
        end->next_block = (latest->basis_offset - run->signature->origin + latest->length + block_len - 1) / block_len;
    }
    end->worst = record->worst;
    end->false_matches = record->false_matches;
    return parse;
}

/* Makes the true parse of the part, and writes what is known of it. */
static rd_result join_stitch(join_run *run) {
    rd__stitcher *const stitcher = &run->stitcher;
    const rd__parse parse = join_parse_of(run);
    const uint64_t end = rd__min_u64(parse.stop, run->new_file->size);
    rd_result result = RD_OK;
    rd__stitcher_begin(stitcher, &parse);
    while (result == RD_OK && stitcher->state != RD__STITCH_DONE && stitcher->scanner.at < end) {
        rd_op copy;
        result = rd__slide_to(&run->slide, stitcher->scanner.at);
        const uint64_t stop = rd__slide_stop(&run->slide, parse.stop);
        while (result == RD_OK && rd__stitcher_next(stitcher, &run->slide.view, stop, &copy))
            result = rd__op_output_copy(&run->output, NULL, &copy);
        if (result == RD_OK)
            result = rd__operation_progress_read(run->operation, rd__min_u64(stitcher->scanner.at, end));
    }
    run->operation->stats.false_matches = stitcher->scanner.false_matches;
    stitcher->parse = NULL;
    if (result != RD_OK)
        return result;
    run->is_done = parse.stop == UINT64_MAX;
    return rd__op_output_reach(&run->output, NULL, rd__min_u64(stitcher->scanner.at, run->new_file->size),
                               run->is_done);
}

/* Without blocks there is nothing to be found. */
static rd_result join_literals(join_run *run) {
    const uint64_t end = run->record.part.head.offset + run->record.part.head.length;
    run->is_done = end == run->new_file->size;
    return rd__op_output_reach(&run->output, NULL, end, run->is_done);
}

static rd_result join_add(join_run *run, const rd_source *record) {
    rd_result result = rd__part_reader_read(&run->record, record);
    if (result == RD_OK)
        result = join_check_part(run);
    if (result == RD_OK)
        result = join_check_file(run);
    if (result != RD_OK)
        return result;
    if (run->digests)
        rd__digest_join(&run->digest, &run->record.digest);
    run->at += run->record.part.head.length;
    run->operation->stats.in_bytes = run->at;
    if (run->is_done || run->record.part.head.length == 0)
        return RD_OK;
    return run->id.blocks > 0 ? join_stitch(run) : join_literals(run);
}

static rd_result join_all(join_run *run, const rd_source *records, size_t count) {
    uint8_t digest[RD_DIGEST_LEN];
    rd_result result = RD_OK;
    rd__digest_init(&run->digest, 0);
    rd__stitcher_init(&run->stitcher, run->signature, run->kernels);
    for (size_t i = 0; result == RD_OK && i < count; i++) {
        run->operation->stats.delta_index = (uint32_t)i;
        result = join_add(run, &records[i]);
    }
    if (result == RD_OK && (count == 0 || run->at != run->new_file->size))
        return join_fail(run, RD_E_PARAMETER, RD_ROLE_NONE, "the parts do not reach to the end of the file");
    if (result != RD_OK)
        return result;
    if (run->digests)
        rd__digest_final(&run->digest, digest);
    return rd__op_output_finish(&run->output, run->digests ? digest : NULL, NULL);
}

static rd_result join_make(join_run *run, const rd_source *records, size_t count, const rd_sink *out) {
    rd__operation *const operation = run->operation;
    rd_stats *const stats = &operation->stats;
    if (run->signature && !run->signature->indexed)
        return join_fail(run, RD_E_STATE, RD_ROLE_SIGNATURE, "the signature is only a part; join the parts first");
    rd_result result = rd__source_check_seekable(run->new_file, RD_ROLE_NEW, RD_E_PARAMETER, &operation->error);
    if (result == RD_OK && (run->new_file->size == RD_UNKNOWN || run->new_file->size > INT64_MAX))
        result = join_fail(run, RD_E_PARAMETER, RD_ROLE_NEW, "its size must be known");
    if (result != RD_OK)
        return result;
    rd__signature_identify(run->signature, &run->id);
    stats->blocks = run->id.blocks;
    result = rd__op_output_open(&run->output, out, operation);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, run->new_file, RD_ROLE_NEW, &operation->error);
    if (result == RD_OK)
        result = rd__op_output_read_literals(&run->output, run->new_file);
    if (result == RD_OK)
        result = rd__part_reader_open(&run->record, operation);
    if (result == RD_OK)
        result = rd__slide_open(&run->slide, run->new_file, run->signature, operation);
    if (result == RD_OK)
        result = join_all(run, records, count);
    rd__op_output_close(&run->output);
    stats->identical = result == RD_OK && rd__copies_all(stats, run->signature);
    return result;
}

rd_result rd_delta_join(const rd_signature *signature, const rd_source *records, size_t count,
                        const rd_source *new_file, const rd_sink *out, const rd_options *options) {
    rd__operation operation;
    const rd__watch watch = rd__watch_begin(new_file, RD_ROLE_NEW);
    rd_result result = rd__operation_start(&operation, options, new_file->size);
    if (result != RD_OK)
        return rd__operation_end(&operation, result);
    join_run *const run = rd__context_take(operation.context, 1, sizeof *run);
    if (run) {
        memset(run, 0, offsetof(join_run, output));
        run->operation = &operation;
        run->signature = signature;
        run->new_file = new_file;
        run->kernels = rd__kernels_best();
        run->has_state = rd__part_state_of(new_file, &watch, &run->state);
        run->digests = operation.options.verify != RD_VERIFY_NEVER;
        run->slide.operation = run->record.operation = &operation;
        result = join_make(run, records, count, out);
        rd__slide_close(&run->slide);
        rd__part_reader_close(&run->record);
    } else {
        result = rd__fail_memory(&operation.error);
    }
    rd__context_give(operation.context, run);
    return rd__operation_end(&operation, rd__watch_end(&watch, &operation, result));
}

rd_result rd_delta_part_inspect(const rd_source *record, rd_part *part, const rd_options *options) {
    rd__operation operation;
    rd__part_reader reader;
    rd_result result = rd__operation_start(&operation, options, record->size);
    if (result != RD_OK)
        return rd__operation_end(&operation, result);
    result = rd__part_reader_open(&reader, &operation);
    if (result == RD_OK)
        result = rd__part_reader_read(&reader, record);
    if (result == RD_OK)
        *part = (rd_part){.offset = reader.part.head.offset,
                          .length = reader.part.head.length,
                          .last = reader.part.head.flags & RD__DELTA_PART_LAST};
    rd__part_reader_close(&reader);
    return rd__operation_end(&operation, result);
}
