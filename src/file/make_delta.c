/*
 * The delta of a whole file. Segments of the new file are scanned in parallel, each as if the file began with it; then,
 * in order, the stitcher makes the true parse of each, and its ops are written.
 *
 * A signature with blocks so long that segments of some blocks would not be small takes the way of the streams, one
 * window over the whole file; so does one with blocks so short that a segment could be millions of copies.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/count.h"
#include "engine/differ.h"
#include "engine/stitcher.h"
#include "file/feed.h"
#include "file/operation.h"
#include "file/pieces.h"
#include "format/delta.h"
#include "io/sink.h"

#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT_SIZE = 1024 * 1024, /* at least */
    SEGMENT_BLOCK_MIN = 64,
    SEGMENT_BLOCK_MAX = 256 * 1024 /* of the block lengths for which there are segments */
};

/* ---- Writing ops ------------------------------------------------------------------------------------------------- */

static rd_result put_command(rd__writer *writer, const rd_op *op) {
    uint8_t command[RD__COMMAND_MAX];
    return rd__writer_put(writer, command, rd__delta_put_op(command, op));
}

static rd_result put_magic(rd__writer *writer) {
    uint8_t command[RD__COMMAND_MAX];
    return rd__writer_put(writer, command, rd__delta_put_magic(command));
}

static rd_result put_end(rd__writer *writer) {
    uint8_t command[RD__COMMAND_MAX];
    const rd_result result = rd__writer_put(writer, command, rd__delta_put_end(command));
    return result == RD_OK ? rd__writer_flush(writer) : result;
}

/* ---- In segments ------------------------------------------------------------------------------------------------- */

typedef struct slot {
    rd__piece piece;
    rd__segment segment;
} slot;

typedef struct maker {
    const rd_signature *signature;
    const rd__kernels *kernels;
    rd__pieces pieces;
    bool speculate; /* there are several threads, so scan segments before it is known where the parse enters them */
    rd__stitcher stitcher;
    rd__joiner joiner;
    rd__writer *writer;
    rd__job *job;
    uint8_t carried[RD__LITERAL_MAX]; /* the end of the segment before, as far as a literal may need it */
} maker;

static rd__view view_of(const rd__piece *piece) {
    return (rd__view){.data = piece->data, .size = piece->got, .offset = piece->offset, .last = piece->last};
}

/* Where the segment's positions end. */
static uint64_t stop_of(const maker *m, const rd__piece *piece) {
    return piece->last ? UINT64_MAX : piece->offset + m->pieces.size;
}

static void work(const void *context, void *s) {
    const maker *const m = context;
    slot *const it = s;
    const rd__view view = view_of(&it->piece);
    if (m->speculate && !rd__segment_scan(&it->segment, m->signature, m->kernels, &view, stop_of(m, &it->piece)))
        it->piece.result = rd__fail_memory(&it->piece.error);
}

/* Writes the bytes of a literal, which may begin in the segment before. */
static rd_result put_literal(maker *m, const rd__view *view, const rd_op *op) {
    uint64_t offset = op->target_offset;
    uint64_t length = op->length;
    if (offset < view->offset) {
        const size_t size = (size_t)rd__min_u64(view->offset - offset, length);
        const uint8_t *const from = m->carried + sizeof m->carried - (view->offset - offset);
        const rd_result result = rd__writer_put(m->writer, from, size);
        if (result != RD_OK)
            return result;
        offset += size;
        length -= size;
    }
    return rd__writer_put(m->writer, view->data + (offset - view->offset), (size_t)length);
}

/* Writes the ops that can be told from the copies up to `reach`. */
static rd_result put_ops(maker *m, const rd__view *view, uint64_t reach, bool last) {
    rd_op op;
    rd_result result = RD_OK;
    while (result == RD_OK && rd__joiner_next(&m->joiner, reach, last, &op)) {
        rd__count_op(&m->job->stats, &op);
        result = put_command(m->writer, &op);
        if (result == RD_OK && op.kind == RD_LITERAL)
            result = put_literal(m, view, &op);
    }
    return result;
}

/* Keeps what a literal that goes on in the next segment needs of this one, at the end of `carried`. */
static void carry(maker *m, const rd__view *view, uint64_t stop) {
    const uint64_t needed = rd__joiner_needs(&m->joiner);
    if (needed >= stop)
        return;
    const size_t size = (size_t)(stop - needed);
    memcpy(m->carried + sizeof m->carried - size, view->data + (needed - view->offset), size);
}

static rd_result finish(void *context, void *s) {
    maker *const m = context;
    const slot *const it = s;
    const rd__view view = view_of(&it->piece);
    const uint64_t stop = stop_of(m, &it->piece);
    rd_op copy;
    rd_result result = RD_OK;
    rd__stitcher_begin(&m->stitcher, m->speculate ? &it->segment : NULL);
    while (result == RD_OK && rd__stitcher_next(&m->stitcher, &view, stop, &copy)) {
        rd__joiner_add(&m->joiner, &copy);
        result = put_ops(m, &view, copy.target_offset + copy.length, false);
    }
    m->job->stats.false_matches = m->stitcher.scanner.false_matches;
    if (result == RD_OK)
        result = put_ops(m, &view, rd__min_u64(m->stitcher.scanner.at, view.offset + view.size), view.last);
    if (!view.last)
        carry(m, &view, stop);
    return result;
}

static void release(void *s) {
    rd__segment_free(&((slot *)s)->segment);
}

/* Segments begin where a stretch of the scanner's budget does, as the stitcher needs it. */
static size_t segment_size(const rd_signature *signature) {
    const size_t cell = (size_t)rd__scanner_cell(signature);
    return (SEGMENT_SIZE + cell - 1) / cell * cell;
}

static rd_result diff_segments(rd__job *job, const rd_signature *signature, const rd_source *new_file,
                               rd__writer *writer, unsigned threads) {
    static const rd__piece_work piece_work = {
        .slot_size = sizeof(slot), .work = work, .finish = finish, .release = release};
    maker *const m = rd__alloc_zeroed(1, sizeof *m);
    if (!m)
        return rd__fail_memory(&job->error);
    m->signature = signature;
    m->kernels = rd__kernels_best();
    m->pieces = (rd__pieces){.source = new_file, .job = job, .role = RD_ROLE_NEW};
    m->pieces.size = segment_size(signature);
    m->pieces.overlap = signature->params.block_len;
    m->speculate = threads > 1;
    m->writer = writer;
    m->job = job;
    rd__stitcher_init(&m->stitcher, signature, m->kernels);
    const rd_result result = rd__pieces_run(&m->pieces, &piece_work, m, threads);
    free(m);
    return result;
}

static bool has_segments(const rd_signature *signature) {
    return signature && signature->sums.count > 0 && signature->params.block_len >= SEGMENT_BLOCK_MIN &&
           signature->params.block_len <= SEGMENT_BLOCK_MAX;
}

/* ---- In one window ----------------------------------------------------------------------------------------------- */

/* Writes the ops that can be told from what was read so far. */
static rd_result put_window_ops(rd__differ *differ, rd__writer *writer) {
    rd_op op;
    const uint8_t *literal = NULL;
    rd_result result = RD_OK;
    while (result == RD_OK && rd__differ_next(differ, &op, &literal)) {
        result = put_command(writer, &op);
        if (result == RD_OK && op.kind == RD_LITERAL)
            result = rd__writer_put(writer, literal, (size_t)op.length);
    }
    return result;
}

static rd_result read_more(rd__differ *differ, rd__feed *feed) {
    size_t room = 0;
    size_t got = 0;
    uint8_t *const place = rd__differ_room(differ, RD__CHUNK, &room);
    if (!place)
        return rd__fail_memory(&feed->job->error);
    const rd_result result = rd__feed_read(feed, place, room, &got);
    rd__differ_add(differ, got);
    if (feed->ended)
        rd__differ_end(differ);
    return result;
}

static rd_result diff_window(rd__job *job, const rd_signature *signature, const rd_source *new_file,
                             rd__writer *writer) {
    rd__feed feed = {.source = new_file, .job = job, .role = RD_ROLE_NEW};
    rd__differ differ;
    rd_result result = RD_OK;
    rd__differ_init(&differ, signature, rd__kernels_best(), &job->stats);
    while (result == RD_OK && !feed.ended) {
        result = read_more(&differ, &feed);
        if (result == RD_OK)
            result = put_window_ops(&differ, writer);
    }
    rd__differ_free(&differ);
    return result;
}

static rd_result make(rd__operation *operation, const rd_signature *signature, const rd_source *new_file,
                      const rd_sink *out) {
    rd__job *const job = &operation->job;
    rd__writer writer;
    job->stats.blocks = signature ? rd_signature_count(signature) : 0;
    rd_result result = rd__writer_init(&writer, out, job);
    if (result == RD_OK)
        result = put_magic(&writer);
    if (result == RD_OK)
        result = has_segments(signature)
                     ? diff_segments(job, signature, new_file, &writer, rd__operation_threads(operation))
                     : diff_window(job, signature, new_file, &writer);
    if (result == RD_OK)
        result = put_end(&writer);
    rd__writer_free(&writer);
    return result;
}

rd_result rd_delta_make(const rd_signature *signature, const rd_source *new_file, const rd_sink *out,
                        const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, new_file->size);
    return rd__operation_end(&operation, make(&operation, signature, new_file, out));
}
