/* See digest.h. Segments of whole leaves are hashed in parallel. */
#include "file/digest.h"

#include "file/segments.h"
#include "hash/digest.h"
#include "io/watch.h"

#include <string.h>

/*
 * A segment comes with a byte of the next one, which tells that there is one: the last leaf of a file is hashed as
 * such.
 */
enum { SEGMENT_LEAVES = 16, SEGMENT_SIZE = SEGMENT_LEAVES * RD__LEAF_LEN, OVERLAP = 1 };

typedef struct digest_slot {
    rd__segment segment;
    size_t leaf_count;
    uint8_t leaves[(SEGMENT_LEAVES + 1) * RD__BLAKE2B_LEN];
} digest_slot;

typedef struct digest_run {
    const rd__kernels *kernels;
    rd__digest digest;
    uint64_t size;
} digest_run;

static void digest_work(const void *context, void *slot) {
    const digest_run *const run = context;
    digest_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    it->leaf_count =
        rd__digest_leaves(run->kernels, s->data, s->last ? s->got : (size_t)SEGMENT_SIZE, s->last, it->leaves);
}

static rd_result digest_finish(void *context, void *slot) {
    digest_run *const run = context;
    const digest_slot *const it = slot;
    rd__digest_add(&run->digest, it->leaves, it->leaf_count);
    if (it->segment.last)
        run->size = it->segment.offset + it->segment.got;
    return RD_OK;
}

static rd_result digest_finish_empty(void *context, void *slot) {
    digest_run *const run = context;
    const digest_slot *const it = slot;
    rd__digest_add_zeros(&run->digest, it->segment.zeros * SEGMENT_LEAVES);
    return RD_OK;
}

rd_result rd__source_digest(const rd_source *source, rd__operation *operation, uint8_t digest[RD_DIGEST_LEN],
                            uint64_t *size) {
    static const rd__segment_work work = {.slot_size = sizeof(digest_slot),
                                          .work = digest_work,
                                          .finish = digest_finish,
                                          .finish_empty = digest_finish_empty};
    digest_run run = {.kernels = rd__kernels_best()};
    rd__segments segments = {.source = source,
                             .operation = operation,
                             .role = RD_ROLE_NEW,
                             .size = SEGMENT_SIZE,
                             .overlap = OVERLAP,
                             .work = &work,
                             .context = &run};
    rd__digest_init(&run.digest);
    const rd_result result = rd__segments_run(&segments, rd__operation_threads(operation));
    if (result != RD_OK)
        return result;
    rd__digest_final(&run.digest, digest);
    *size = run.size;
    return RD_OK;
}

rd_result rd_digest(const rd_source *source, uint8_t digest[RD_DIGEST_LEN], const rd_options *options) {
    rd__operation operation;
    const rd__watch watch = rd__watch_begin(source, RD_ROLE_NEW);
    uint64_t size = 0;
    rd_result result = rd__operation_start(&operation, options, source->size);
    if (result == RD_OK)
        result = rd__source_digest(source, &operation, digest, &size);
    if (result == RD_OK)
        rd__operation_set_digest(&operation, digest);
    return rd__operation_end(&operation, rd__watch_end(&watch, &operation, result));
}
