/*
 * The signature of a whole file. Blocks are signed in parallel, in pieces of whole blocks; since the signature of a
 * file is the signatures of its parts one after the other, nothing is left to do but to write them in order.
 *
 * Blocks too long for that are signed one by one as their bytes arrive, so that memory stays small however long they
 * are.
 */
#include "base/memory.h"
#include "base/pipeline.h"
#include "base/result.h"
#include "engine/signer.h"
#include "file/feed.h"
#include "file/operation.h"
#include "file/pieces.h"
#include "io/sink.h"

#include <stdlib.h>

enum {
    PIECE_SIZE = 512 * 1024,
    PIECE_BLOCKS = 8,             /* at least, so that the kernels' lanes are full */
    PIECE_BLOCKS_MAX = 64 * 1024, /* at most: a signature entry can be larger than its block */
    SLOTS_PER_THREAD = 2
};

typedef struct slot {
    rd__piece piece; /* first: pieces know nothing of entries */
    uint8_t *entries;
    size_t count;
} slot;

typedef struct maker {
    const rd__kernels *kernels;
    rd_params params;
    rd__pieces pieces;
    rd__writer writer;
    rd__job *job;
} maker;

static rd_result put_entries(maker *m, const uint8_t *entries, size_t count) {
    m->job->stats.blocks += count;
    return rd__writer_put(&m->writer, entries, count * rd__entry_size(&m->params));
}

static rd_result put_header(maker *m) {
    uint8_t header[RD__SIGNATURE_HEADER_LEN];
    rd__signature_put_header(header, &m->params);
    return rd__writer_put(&m->writer, header, sizeof header);
}

/* ---- In pieces --------------------------------------------------------------------------------------------------- */

static bool fetch(void *context, void *s) {
    return rd__pieces_fetch(&((maker *)context)->pieces, &((slot *)s)->piece);
}

static void work(const void *context, void *s) {
    const maker *const m = context;
    slot *const it = s;
    if (rd__pieces_read(&m->pieces, &it->piece) == RD_OK)
        it->count = rd__sign_basis(m->kernels, &m->params, it->piece.data, it->piece.got, it->entries);
}

static rd_result finish(void *context, void *s) {
    maker *const m = context;
    const slot *const it = s;
    const rd_result result = rd__pieces_finish(&m->pieces, &it->piece);
    if (result != RD_OK)
        return result == RD_MORE ? RD_OK : result;
    return put_entries(m, it->entries, it->count);
}

static size_t piece_blocks(const rd_params *params) {
    const size_t fit = PIECE_SIZE / params->block_len;
    return fit < PIECE_BLOCKS ? PIECE_BLOCKS : rd__min_size(fit, PIECE_BLOCKS_MAX);
}

static void free_slots(void **slots, size_t count) {
    for (size_t i = 0; slots && i < count; i++) {
        slot *const it = slots[i];
        if (it) {
            free(it->piece.data);
            free(it->entries);
        }
        free(it);
    }
    free(slots);
}

static slot *make_slot(const maker *m) {
    slot *const it = rd__alloc_zeroed(1, sizeof *it);
    if (!it)
        return NULL;
    it->piece.data = rd__alloc_array(m->pieces.size, 1);
    it->entries = rd__alloc_array(piece_blocks(&m->params), rd__entry_size(&m->params));
    return it;
}

static void **make_slots(const maker *m, size_t count) {
    void **const slots = rd__alloc_zeroed(count, sizeof *slots);
    for (size_t i = 0; slots && i < count; i++) {
        slot *const it = make_slot(m);
        slots[i] = it;
        if (!it || !it->piece.data || !it->entries) {
            free_slots(slots, count);
            return NULL;
        }
    }
    return slots;
}

static rd_result sign_pieces(maker *m, const rd_source *basis, unsigned threads) {
    const size_t slot_count = (size_t)threads * SLOTS_PER_THREAD;
    m->pieces = (rd__pieces){.source = basis, .job = m->job, .role = RD_ROLE_BASIS};
    m->pieces.size = piece_blocks(&m->params) * m->params.block_len;
    void **const slots = make_slots(m, slot_count);
    if (!slots)
        return rd__fail_memory(&m->job->error);
    const rd__pipeline pipeline = {.fetch = fetch,
                                   .work = work,
                                   .finish = finish,
                                   .context = m,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = threads};
    const rd_result result = rd__pipeline_run(&pipeline, &m->job->error);
    free_slots(slots, slot_count);
    return result;
}

/* ---- One by one -------------------------------------------------------------------------------------------------- */

static rd_result sign_one_by_one(maker *m, const rd_source *basis) {
    rd__feed feed = {.source = basis, .job = m->job, .role = RD_ROLE_BASIS};
    uint8_t entry[2 * RD__ENTRY_MAX]; /* a chunk is shorter than two blocks, so it completes two at most */
    rd__signer signer;
    rd__signer_init(&signer, m->kernels, &m->params);
    uint8_t *const chunk = rd__alloc_array(PIECE_SIZE, 1);
    rd_result result = chunk ? RD_OK : rd__fail_memory(&m->job->error);
    while (result == RD_OK && !feed.ended) {
        size_t got = 0;
        size_t taken = 0;
        result = rd__feed_read(&feed, chunk, PIECE_SIZE, &got);
        if (result == RD_OK)
            result = put_entries(m, entry, rd__signer_take(&signer, chunk, got, &taken, entry, 2));
    }
    if (result == RD_OK)
        result = put_entries(m, entry, rd__signer_finish(&signer, entry));
    free(chunk);
    return result;
}

static rd_result make(rd__operation *operation, const rd_source *basis, const rd_sink *out) {
    rd__job *const job = &operation->job;
    maker m = {.kernels = rd__kernels_best(), .params = operation->options.params, .job = job};
    if (rd_params_resolve(&m.params, basis->size) != RD_OK)
        return rd__fail(&job->error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                        "the block length or the strong sum length is out of range");
    rd_result result = rd__writer_init(&m.writer, out, job);
    if (result == RD_OK)
        result = put_header(&m);
    if (result == RD_OK)
        result = m.params.block_len <= RD__TOGETHER_MAX ? sign_pieces(&m, basis, rd__operation_threads(operation))
                                                        : sign_one_by_one(&m, basis);
    if (result == RD_OK)
        result = rd__writer_flush(&m.writer);
    rd__writer_free(&m.writer);
    return result;
}

rd_result rd_signature_make(const rd_source *basis, const rd_sink *out, const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, basis->size);
    return rd__operation_end(&operation, make(&operation, basis, out));
}
