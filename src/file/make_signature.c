/*
 * The signature of a whole file. Blocks are signed in parallel, in pieces of whole blocks; since the signature of a
 * file is the signatures of its parts one after the other, nothing is left to do but to write them in order.
 *
 * Blocks too long for that are signed one by one as their bytes arrive, so that memory stays small however long they
 * are.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/signer.h"
#include "file/feed.h"
#include "file/operation.h"
#include "file/pieces.h"
#include "io/sink.h"

#include <stdlib.h>

enum {
    PIECE_SIZE = 512 * 1024,
    PIECE_BLOCKS = 8,            /* at least, so that the kernels' lanes are full */
    PIECE_BLOCKS_MAX = 64 * 1024 /* at most: a signature entry can be larger than its block */
};

typedef struct slot {
    rd__piece piece;
    uint8_t *entries;
    size_t count;
} slot;

typedef struct maker {
    const rd__kernels *kernels;
    rd_params params;
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

static size_t piece_blocks(const rd_params *params) {
    const size_t fit = PIECE_SIZE / params->block_len;
    return fit < PIECE_BLOCKS ? PIECE_BLOCKS : rd__min_size(fit, PIECE_BLOCKS_MAX);
}

static void work(const void *context, void *s) {
    const maker *const m = context;
    slot *const it = s;
    if (!it->entries)
        it->entries = rd__alloc_array(piece_blocks(&m->params), rd__entry_size(&m->params));
    if (it->entries)
        it->count = rd__sign_basis(m->kernels, &m->params, it->piece.data, it->piece.got, it->entries);
    else
        it->piece.result = rd__fail_memory(&it->piece.error);
}

static rd_result finish(void *context, void *s) {
    const slot *const it = s;
    return put_entries(context, it->entries, it->count);
}

static void release(void *s) {
    free(((slot *)s)->entries);
}

static rd_result sign_pieces(maker *m, const rd_source *basis, unsigned threads) {
    static const rd__piece_work piece_work = {
        .slot_size = sizeof(slot), .work = work, .finish = finish, .release = release};
    rd__pieces pieces = {.source = basis, .job = m->job, .role = RD_ROLE_BASIS};
    pieces.size = piece_blocks(&m->params) * m->params.block_len;
    return rd__pieces_run(&pieces, &piece_work, m, threads);
}

/* ---- One by one -------------------------------------------------------------------------------------------------- */

static rd_result sign_one_by_one(maker *m, const rd_source *basis) {
    rd__feed feed = rd__feed_of(basis, m->job, RD_ROLE_BASIS);
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
    rd__feed_free(&feed);
    free(chunk);
    return result;
}

static rd_result make(rd__operation *operation, const rd_source *basis, const rd_sink *out) {
    rd__job *const job = &operation->job;
    maker m = {.kernels = rd__kernels_best(), .params = operation->options.params, .job = job};
    if (rd_params_resolve(&m.params, basis->size) != RD_OK)
        return rd__fail(&job->error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                        "the block length or the strong sum length is out of range");
    const unsigned threads = rd__operation_threads(operation);
    rd_result result = rd__writer_init(&m.writer, out, job, threads);
    if (result == RD_OK)
        result = put_header(&m);
    if (result == RD_OK)
        result = m.params.block_len <= RD__TOGETHER_MAX ? sign_pieces(&m, basis, threads) : sign_one_by_one(&m, basis);
    if (result == RD_OK)
        result = rd__writer_finish(&m.writer);
    rd__writer_free(&m.writer);
    return result;
}

rd_result rd_signature_make(const rd_source *basis, const rd_sink *out, const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, basis->size);
    return rd__operation_end(&operation, make(&operation, basis, out));
}
