/* See digest.h. Segments are hashed in parallel, each as a range of its own. */
#include "file/digest.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/pipeline.h"
#include "base/result.h"
#include "file/segments.h"
#include "io/watch.h"

#include <stdlib.h>

/* Small enough for the second-level cache, enough for all lanes of the kernels. */
enum { SEGMENT_SIZE = 1 << RD__DIGEST_PART_LOG2 };

typedef struct digest_slot {
    rd__segment segment;
    rd__digest range;
} digest_slot;

typedef struct digest_run {
    const rd__kernels *kernels;
    uint64_t first;  /* the number of the source's first chunk in the file */
    uint64_t *parts; /* NULL: are not asked for */
    size_t part_count;
    rd__digest digest;
    uint64_t size;
} digest_run;

/* A segment is a part. */
static void digest_note_part(const digest_run *run, uint64_t offset, const rd__digest *range) {
    uint8_t node[RD__BLAKE3_LEN];
    if (offset / SEGMENT_SIZE >= run->part_count || range->count == 0)
        return;
    rd__digest_node(range, node);
    run->parts[offset / SEGMENT_SIZE] = rd__load_le64(node);
}

static void digest_work(const void *context, void *slot) {
    const digest_run *const run = context;
    digest_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    rd__digest_init(&it->range, run->first + s->offset / RD__BLAKE3_CHUNK);
    rd__digest_add(&it->range, run->kernels, s->data, s->got);
    digest_note_part(run, s->offset, &it->range);
}

/* Of several segments of zeros, each is a part; they differ, since chunks have numbers. */
static void digest_work_empty(const void *context, void *slot) {
    const digest_run *const run = context;
    digest_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    const uint64_t step = run->part_count > 0 ? 1 : s->zeros;
    rd__digest_init(&it->range, run->first + s->offset / RD__BLAKE3_CHUNK);
    for (uint64_t i = 0; i < s->zeros; i += step) {
        rd__digest part;
        rd__digest_init(&part, it->range.end);
        rd__digest_add_zeros(&part, run->kernels, step * SEGMENT_SIZE);
        digest_note_part(run, s->offset + i * SEGMENT_SIZE, &part);
        rd__digest_join(&it->range, &part);
    }
}

static rd_result digest_finish(void *context, void *slot) {
    digest_run *const run = context;
    const digest_slot *const it = slot;
    rd__digest_join(&run->digest, &it->range);
    if (it->segment.last)
        run->size = it->segment.offset + it->segment.got;
    return RD_OK;
}

static rd_result digest_read(digest_run *run, const rd_source *source, rd__operation *operation, rd_role role) {
    static const rd__segment_work work = {.slot_size = sizeof(digest_slot),
                                          .work = digest_work,
                                          .work_empty = digest_work_empty,
                                          .finish = digest_finish,
                                          .finish_empty = digest_finish};
    rd__segments segments = {
        .source = source, .operation = operation, .role = role, .size = SEGMENT_SIZE, .work = &work, .context = run};
    run->kernels = rd__kernels_best();
    rd__digest_init(&run->digest, run->first);
    return rd__segments_run(&segments, rd__operation_threads_for(operation, source->size));
}

rd_result rd__source_digest_range(const rd_source *source, rd__operation *operation, rd_role role, uint64_t first,
                                  rd__digest *digest, uint64_t *size) {
    digest_run run = {.first = first};
    const rd_result result = digest_read(&run, source, operation, role);
    if (result != RD_OK)
        return result;
    *digest = run.digest;
    *size = run.size;
    return RD_OK;
}

rd_result rd__source_digest_parts(const rd_source *source, rd__operation *operation, rd_role role, uint64_t *parts,
                                  size_t part_count, uint8_t digest[RD_DIGEST_LEN], uint64_t *size) {
    digest_run run = {.part_count = part_count};
    run.parts = parts;
    const rd_result result = digest_read(&run, source, operation, role);
    if (result != RD_OK)
        return result;
    rd__digest_final(&run.digest, digest);
    *size = run.size;
    return RD_OK;
}

rd_result rd__source_digest(const rd_source *source, rd__operation *operation, rd_role role,
                            uint8_t digest[RD_DIGEST_LEN], uint64_t *size) {
    return rd__source_digest_parts(source, operation, role, NULL, 0, digest, size);
}

rd_result rd_digest(const rd_source *source, uint8_t digest[RD_DIGEST_LEN], const rd_options *options) {
    rd__operation operation;
    const rd__watch watch = rd__watch_begin(source, RD_ROLE_NEW);
    uint64_t size = 0;
    rd_result result = rd__operation_start(&operation, options, source->size);
    if (result == RD_OK)
        result = rd__source_digest(source, &operation, RD_ROLE_NEW, digest, &size);
    if (result == RD_OK)
        rd__operation_set_digest(&operation, digest);
    return rd__operation_end(&operation, rd__watch_end(&watch, &operation, result));
}

/* ---- Zeros ------------------------------------------------------------------------------------------------------- */

/* Zeros that a thread hashes at once: some milliseconds of work, so that progress is reported, and signals are heeded.
 */
enum { PIECE_SIZE = 64 * 1024 * 1024 };

typedef struct zeros_run {
    const rd__kernels *kernels;
    rd__operation *operation;
    rd__digester *digester;
    uint64_t before; /* bytes of the file that progress counts before the zeros */
    uint64_t next;   /* the chunk where the next piece starts */
    uint64_t left;   /* zeros after it */
} zeros_run;

typedef struct zeros_piece {
    rd__digest range;
    uint64_t size;
} zeros_piece;

static bool zeros_fetch(void *context, void *slot) {
    zeros_run *const run = context;
    zeros_piece *const piece = slot;
    if (run->left == 0)
        return false;
    piece->size = rd__min_u64(run->left, PIECE_SIZE);
    rd__digest_init(&piece->range, run->next);
    run->next += piece->size / RD__BLAKE3_CHUNK;
    run->left -= piece->size;
    return true;
}

static void zeros_work(const void *context, void *slot) {
    const zeros_run *const run = context;
    zeros_piece *const piece = slot;
    rd__digest_add_zeros(&piece->range, run->kernels, piece->size);
}

static rd_result zeros_finish(void *context, void *slot) {
    zeros_run *const run = context;
    const zeros_piece *const piece = slot;
    rd__digester_join(run->digester, &piece->range);
    run->before += piece->size;
    return rd__operation_progress_read(run->operation, run->before);
}

rd_result rd__digester_take_hole(rd__digester *digester, rd__operation *operation, uint64_t size) {
    const uint64_t begun = digester->size % RD__BLAKE3_CHUNK;
    const unsigned threads = rd__operation_threads(operation);
    const size_t slot_count = threads + 1;
    if (size < 2 * (uint64_t)PIECE_SIZE) {
        rd__digester_take_zeros(digester, size);
        return RD_OK;
    }
    if (begun > 0) {
        rd__digester_take_zeros(digester, RD__BLAKE3_CHUNK - begun);
        size -= RD__BLAKE3_CHUNK - begun;
    }
    const uint64_t rest = size % RD__BLAKE3_CHUNK;
    zeros_run run = {.kernels = digester->kernels,
                     .operation = operation,
                     .digester = digester,
                     .before = digester->size,
                     .next = digester->size / RD__BLAKE3_CHUNK,
                     .left = size - rest};
    zeros_piece *const pieces = rd__alloc_array(slot_count, sizeof *pieces);
    void **const slots = rd__alloc_array(slot_count, sizeof *slots);
    const bool complete = pieces && slots;
    for (size_t i = 0; complete && i < slot_count; i++)
        slots[i] = &pieces[i];
    /* The pool of the operation may be at work on the blocks of the same file: these threads are others. */
    const rd__pipeline pipeline = {.fetch = zeros_fetch,
                                   .work = zeros_work,
                                   .finish = zeros_finish,
                                   .context = &run,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = threads};
    const rd_result result =
        complete ? rd__pipeline_run(&pipeline, &operation->error) : rd__fail_memory(&operation->error);
    free((void *)slots);
    free(pieces);
    if (result == RD_OK)
        rd__digester_take_zeros(digester, rest);
    return result;
}
