/*
 * The delta between two files that are both at hand: copies of any length, from any offset, where a delta against a
 * signature has whole blocks only.
 *
 * The old file is read once, and indexed by all threads (engine/match_index.h). Then the new file is read once, in
 * segments at fixed places, and each is matched on its own by any thread (engine/matcher.h), with the bytes of the old
 * file read again where they may match. In order, the copies of the segments are joined and written. So the delta
 * depends on the files and on the options that are about it, and on nothing else.
 *
 * A segment starts with the last bytes of the one before, its *lead*. Copies in it are found, and not written: they
 * lead to the same diagonal that the segment before has come to, and so few copies are cut where a segment ends.
 */
#include "base/memory.h"
#include "base/result.h"
#include "compress/sample.h"
#include "engine/matcher.h"
#include "engine/patcher.h"
#include "file/op_output.h"
#include "file/segments.h"
#include "hash/digest.h"
#include "io/pages.h"
#include "io/sink.h"
#include "io/watch.h"

#include <string.h>

enum {
    INDEX_SEGMENT = 256 * 1024, /* of the old file, while it is indexed */
    SEGMENT = 2 * 1024 * 1024,  /* of the new file */
    LEAD = 64 * 1024,
    PAGES = 8 * 1024 * 1024,            /* bytes of the old file that stay in memory for each segment */
    MEMORY_DEFAULT = 256 * 1024 * 1024, /* for the index */
    WHOLE_SHARE = 4,                    /* an old file that takes one in so many bytes of that is kept in memory */
    SAMPLE = 64 * 1024,                 /* bytes of a segment's literals that are compressed to see how they do */
    SAMPLE_MIN = 256,                   /* fewer say nothing */
    SAMPLE_LEVEL_MAX = 9,               /* higher ones take longer and say the same */
    COMMAND_COMPRESSED = 64 * 15 / 2,   /* what a copy's command takes after compression, in 64ths of a byte */
    LITERAL_COMPRESSED = 64 * 3 / 10,   /* a literal's byte, if there is no sample */
    LITERAL_COMPRESSED_MIN = 4
};

typedef struct diff_run {
    rd__operation *operation;
    const rd_source *old_file;
    const rd_source *new_file;
    const rd__kernels *kernels;
    bool digests; /* a trailer follows */
    rd__digest old_digest;
    rd__digest new_digest;
    rd__match_index index;
    uint8_t *lead;        /* of the next segment, as the one before read it */
    uint8_t *whole;       /* the old file, if it is small; else NULL */
    rd_source old_again;  /* to be read when it is indexed: from there, or once more */
    rd__op_output output; /* not zeroed as a whole: the last member */
} diff_run;

/* ---- The old file ------------------------------------------------------------------------------------------------ */

typedef struct index_slot {
    rd__segment segment;
    rd__match_runs runs;
    rd__digest range;
} index_slot;

/* What is the segment's own; the last one has what would be its overlap. */
static uint64_t diff_index_size(const rd__segment *segment) {
    return segment->zeros > 0 ? segment->zeros * INDEX_SEGMENT : segment->last ? segment->got : (uint64_t)INDEX_SEGMENT;
}

static void diff_index_work(const void *context, void *slot) {
    const diff_run *const run = context;
    index_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    const size_t size = (size_t)diff_index_size(s);
    rd__match_index_add(&run->index, s->data, size, s->got, s->offset, &it->runs);
    if (run->whole)
        memcpy(run->whole + s->offset, s->data, size);
    if (run->digests) {
        rd__digest_init(&it->range, s->offset / RD__BLAKE3_CHUNK);
        rd__digest_add(&it->range, run->kernels, s->data, size);
    }
}

static void diff_index_work_empty(const void *context, void *slot) {
    const diff_run *const run = context;
    index_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    const uint64_t size = diff_index_size(s);
    it->runs = (rd__match_runs){.first = {.offset = s->offset, .length = size}};
    it->runs.last = it->runs.longest[0] = it->runs.first;
    if (run->whole)
        memset(run->whole + s->offset, 0, (size_t)size);
    if (run->digests) {
        rd__digest_init(&it->range, s->offset / RD__BLAKE3_CHUNK);
        rd__digest_add_zeros(&it->range, run->kernels, size);
    }
}

static rd_result diff_index_finish(void *context, void *slot) {
    diff_run *const run = context;
    const index_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    const uint64_t size = diff_index_size(s);
    rd__match_index_add_runs(&run->index, &it->runs, s->offset + size);
    if (run->digests)
        rd__digest_join(&run->old_digest, &it->range);
    if (s->last && s->zeros == 0 && s->offset + size < run->old_file->size)
        return rd__fail(&run->operation->error, RD_E_TRUNCATED, RD_ROLE_BASIS, s->offset + s->got,
                        "the file became shorter");
    return RD_OK;
}

static rd_result diff_index(diff_run *run) {
    static const rd__segment_work work = {.slot_size = sizeof(index_slot),
                                          .work = diff_index_work,
                                          .work_empty = diff_index_work_empty,
                                          .finish = diff_index_finish,
                                          .finish_empty = diff_index_finish};
    rd__operation *const operation = run->operation;
    const uint64_t size = run->old_file->size;
    const uint64_t memory = operation->options.limits.memory > 0 ? operation->options.limits.memory : MEMORY_DEFAULT;
    if (!rd__match_index_init(&run->index, size, memory))
        return rd__fail_memory(&operation->error);
    if (!run->old_file->memory && size > 0 && size <= memory / WHOLE_SHARE) {
        run->whole = rd__alloc_table(size, 1);
        if (!run->whole)
            return rd__fail_memory(&operation->error);
    }
    /* What a source has beyond its size is not part of it. */
    const rd_source old_file = rd_source_range(run->old_file, 0, size);
    rd__segments segments = {.source = &old_file,
                             .operation = operation,
                             .role = RD_ROLE_BASIS,
                             .size = INDEX_SEGMENT,
                             .overlap = RD__MATCH_KEY,
                             .work = &work,
                             .context = run};
    rd__digest_init(&run->old_digest, 0);
    const rd_result result = rd__segments_run(&segments, rd__operation_threads_for(operation, size));
    run->old_again = run->whole ? rd_source_memory(run->whole, size) : old_file;
    operation->before = operation->done;
    return result;
}

/* ---- The new file ------------------------------------------------------------------------------------------------ */

typedef struct diff_slot {
    rd__segment segment;
    bool prepared; /* the next two are */
    rd__pages pages;
    rd__matcher matcher;
    rd__digest range;
} diff_slot;

static const uint8_t *diff_old_at(void *context, uint64_t offset, size_t *before, size_t *after) {
    return rd__pages_at(context, offset, before, after);
}

static bool diff_prepare(const diff_run *run, diff_slot *it) {
    if (!it->prepared && !rd__pages_init(&it->pages, &run->old_again, RD_ROLE_BASIS, PAGES))
        return false;
    it->prepared = true;
    it->matcher.index = &run->index;
    it->matcher.old = diff_old_at;
    it->matcher.old_context = &it->pages;
    return true;
}

/* Gathers the first bytes of the segment that are in none of these copies. */
static size_t diff_sample(const rd__segment *segment, const rd__copies *copies, uint8_t sample[SAMPLE]) {
    size_t filled = 0;
    size_t at = 0;
    for (size_t i = 0; i <= copies->count && filled < SAMPLE; i++) {
        const rd_op *const copy = i < copies->count ? &copies->ops[i] : NULL;
        const size_t end = copy ? (size_t)(copy->target_offset - segment->offset) : segment->got;
        const size_t size = rd__min_size(end - at, SAMPLE - filled);
        memcpy(sample + filled, segment->data + at, size);
        filled += size;
        at = copy ? end + (size_t)copy->length : end;
    }
    return filled;
}

/*
 * What literals and copies cost in this segment, after its long copies were found. The writer of a dense delta leaves
 * out copies itself. False: out of memory.
 */
static bool diff_cost(const diff_run *run, const diff_slot *it, rd__match_cost *cost) {
    const int level = run->operation->options.compression;
    uint8_t sample[SAMPLE];
    *cost = (rd__match_cost){.literal = 64};
    if (!rd__operation_compresses(run->operation) || run->operation->options.form == RD_FORM_DENSE)
        return true;
    const size_t size = diff_sample(&it->segment, &it->matcher.scanned, sample);
    size_t compressed = size * LITERAL_COMPRESSED / 64;
    if (size >= SAMPLE_MIN &&
        !rd__compressed_size(sample, size, level < SAMPLE_LEVEL_MAX ? level : SAMPLE_LEVEL_MAX, &compressed))
        return false;
    const unsigned literal = size > 0 ? (unsigned)(64 * compressed / size) : 0;
    cost->literal = literal > LITERAL_COMPRESSED_MIN ? literal : (unsigned)LITERAL_COMPRESSED_MIN;
    cost->copy = COMMAND_COMPRESSED;
    return true;
}

/* Matches the segment, with what it is to the digest of the new file. */
static void diff_work(const void *context, void *slot) {
    const diff_run *const run = context;
    diff_slot *const it = slot;
    rd__segment *const s = &it->segment;
    rd__match_cost cost;
    const bool matched = diff_prepare(run, it) && rd__matcher_scan(&it->matcher, s->data, s->got, s->offset) &&
                         diff_cost(run, it, &cost) && rd__matcher_refine(&it->matcher, &cost);
    if (!matched && it->prepared && it->pages.result != RD_OK) {
        s->result = it->pages.result;
        s->error = it->pages.error;
    } else if (!matched) {
        s->result = rd__fail_memory(&s->error);
    }
    if (run->digests) {
        rd__digest_init(&it->range, s->offset / RD__BLAKE3_CHUNK);
        rd__digest_add(&it->range, run->kernels, s->data, s->last ? s->got : (size_t)SEGMENT);
    }
}

/*
 * The lead was read twice. If the file was written to in between, what the segment before read of it is what counts,
 * since that is written: the segment is matched again with those bytes.
 */
static rd_result diff_check_lead(diff_run *run, diff_slot *it) {
    rd__segment *const s = &it->segment;
    if (s->offset > 0 && (s->got < LEAD || memcmp(s->data, run->lead, LEAD) != 0)) {
        memcpy(s->data, run->lead, LEAD);
        s->got = s->got < LEAD ? (size_t)LEAD : s->got;
        diff_work(run, it);
        if (s->result != RD_OK)
            run->operation->error = s->error;
    }
    if (!s->last)
        memcpy(run->lead, s->data + SEGMENT, LEAD);
    return s->result;
}

/* The part of the copy from `start` of the new file on; false: there is none. */
static bool diff_cut(rd_op *copy, uint64_t start) {
    const uint64_t before = copy->target_offset < start ? start - copy->target_offset : 0;
    if (before >= copy->length)
        return false;
    copy->target_offset += before;
    copy->basis_offset += before;
    copy->length -= before;
    return true;
}

static rd_result diff_finish(void *context, void *slot) {
    diff_run *const run = context;
    diff_slot *const it = slot;
    const rd__copies *const copies = &it->matcher.copies;
    rd_result result = diff_check_lead(run, it);
    const rd__segment *const s = &it->segment;
    const rd__view view = {.data = s->data, .size = s->got, .offset = s->offset, .last = s->last};
    const uint64_t start = s->offset + (s->offset > 0 ? LEAD : 0);
    if (result == RD_OK && run->digests)
        rd__digest_join(&run->new_digest, &it->range);
    for (size_t i = 0; result == RD_OK && i < copies->count; i++) {
        rd_op copy = copies->ops[i];
        if (diff_cut(&copy, start))
            result = rd__op_output_copy(&run->output, &view, &copy);
    }
    if (result == RD_OK)
        result = rd__op_output_reach(&run->output, &view, view.offset + view.size, view.last);
    return result == RD_OK ? rd__op_output_end_segment(&run->output, &view, view.offset + SEGMENT) : result;
}

static void diff_release(void *slot) {
    diff_slot *const it = slot;
    rd__matcher_free(&it->matcher);
    if (it->prepared)
        rd__pages_free(&it->pages);
}

/* Holes of the new file are not read, but matched like other zeros, so that they change nothing. */
static rd_result diff_match(diff_run *run) {
    static const rd__segment_work work = {
        .slot_size = sizeof(diff_slot), .work = diff_work, .finish = diff_finish, .release = diff_release};
    rd__segments segments = {.source = run->new_file,
                             .operation = run->operation,
                             .role = RD_ROLE_NEW,
                             .size = SEGMENT,
                             .overlap = LEAD,
                             .work = &work,
                             .context = run};
    const bool any_thread = rd__source_is_concurrent(&run->old_again);
    rd__digest_init(&run->new_digest, 0);
    run->lead = rd__context_take(run->operation->context, LEAD, 1);
    if (!run->lead)
        return rd__fail_memory(&run->operation->error);
    return rd__segments_run(&segments, any_thread ? rd__operation_threads_for(run->operation, run->new_file->size) : 1);
}

/* ---- The whole diff ---------------------------------------------------------------------------------------------- */

/* Files of procfs say that they are empty, and functions may say what they like. */
static rd_result diff_check_size(const diff_run *run) {
    const rd_source *const old_file = run->old_file;
    uint8_t byte;
    size_t got = 0;
    if (old_file->size == RD_UNKNOWN)
        return rd__fail(&run->operation->error, RD_E_IO, RD_ROLE_BASIS, RD_UNKNOWN,
                        "the old file of a diff must have a size that is known");
    if (old_file->size > 0 && !old_file->read)
        return RD_OK;
    const rd_result result =
        rd__source_read(old_file, run->operation, RD_ROLE_BASIS, old_file->size, &byte, sizeof byte, &got);
    if (result != RD_OK || got == 0)
        return result;
    return rd__fail(&run->operation->error, RD_E_IO, RD_ROLE_BASIS, old_file->size,
                    "the old file of a diff must have a size that is known, and this one is longer than it says");
}

static rd_result diff_check(const diff_run *run, const rd_sink *out) {
    rd_error *const error = &run->operation->error;
    rd_result result = rd__source_check_seekable(run->old_file, RD_ROLE_BASIS, RD_E_IO, error);
    if (result == RD_OK)
        result = diff_check_size(run);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, run->old_file, RD_ROLE_BASIS, error);
    return result == RD_OK ? rd__sink_check_apart(out, run->new_file, RD_ROLE_NEW, error) : result;
}

static rd_result diff_make(diff_run *run, const rd_sink *out) {
    rd__operation *const operation = run->operation;
    uint8_t digest[RD_DIGEST_LEN];
    rd__basis_id id = {.size = run->old_file->size};
    rd_result result = diff_check(run, out);
    if (result == RD_OK)
        result = diff_index(run);
    if (result != RD_OK)
        return result;
    if (run->digests)
        rd__digest_final(&run->old_digest, id.digest);
    result = operation->options.form == RD_FORM_DENSE
                 ? rd__op_output_open_dense(&run->output, out, operation, &run->old_again, id.digest)
                 : rd__op_output_open(&run->output, out, operation);
    if (result == RD_OK)
        result = diff_match(run);
    if (result == RD_OK && run->digests)
        rd__digest_final(&run->new_digest, digest);
    if (result == RD_OK)
        result = rd__op_output_finish(&run->output, run->digests ? digest : NULL, &id);
    rd__op_output_close(&run->output);
    operation->stats.identical = result == RD_OK && rd__patcher_copies_all(&operation->stats, id.size);
    return result;
}

rd_result rd_diff_make(const rd_source *old_file, const rd_source *new_file, const rd_sink *out,
                       const rd_options *options) {
    rd__operation operation;
    const rd__watch old_watch = rd__watch_begin(old_file, RD_ROLE_BASIS);
    const rd__watch new_watch = rd__watch_begin(new_file, RD_ROLE_NEW);
    const bool known = old_file->size != RD_UNKNOWN && new_file->size != RD_UNKNOWN;
    rd_result result = rd__operation_start(&operation, options, known ? old_file->size + new_file->size : RD_UNKNOWN);
    if (result != RD_OK)
        return rd__operation_end(&operation, result);
    diff_run *const run = rd__context_take(operation.context, 1, sizeof *run);
    if (run) {
        memset(run, 0, offsetof(diff_run, output));
        run->operation = &operation;
        run->old_file = old_file;
        run->new_file = new_file;
        run->kernels = rd__kernels_best();
        run->digests = operation.options.verify != RD_VERIFY_NEVER || operation.options.form == RD_FORM_DENSE;
        result = diff_make(run, out);
        rd__match_index_free(&run->index);
        rd__free_table(run->whole);
        rd__context_give(operation.context, run->lead);
    } else {
        result = rd__fail_memory(&operation.error);
    }
    rd__context_give(operation.context, run);
    result = rd__watch_end(&old_watch, &operation, result);
    return rd__operation_end(&operation, rd__watch_end(&new_watch, &operation, result));
}
