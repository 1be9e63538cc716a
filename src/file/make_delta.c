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
#include "format/trailer.h"
#include "hash/digest.h"
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
    return rd__writer_put(writer, command, rd__delta_put_end(command));
}

/* ---- In segments ------------------------------------------------------------------------------------------------- */

typedef struct slot {
    rd__piece piece;
    rd__parse parse;
    uint8_t *leaves; /* digests of those that begin in the segment, if a trailer is due */
    size_t leaf_count;
} slot;

typedef struct maker {
    const rd_signature *signature;
    const rd__kernels *kernels;
    rd__pieces pieces;
    bool speculate;     /* there are several threads, so scan segments before it is known where the parse enters them */
    rd__digest *digest; /* NULL: no trailer is due */
    uint8_t *overlap;   /* of the piece before, if one is due */
    rd__stitcher stitcher;
    rd__op_joiner joiner;
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

/*
 * Hashes the leaves that begin in the piece. The last of them may end in its overlap. None begins in a piece that is
 * left out, or only there because the file became shorter. False: out of memory.
 */
static bool hash_leaves(const maker *m, slot *it) {
    const rd__piece *const piece = &it->piece;
    const uint64_t first = (piece->offset + RD__LEAF_LEN - 1) / RD__LEAF_LEN;
    const uint64_t end = (piece->offset + m->pieces.size + RD__LEAF_LEN - 1) / RD__LEAF_LEN;
    const size_t skipped = (size_t)(first * RD__LEAF_LEN - piece->offset);
    if (!it->leaves)
        it->leaves = rd__alloc_array(rd__leaf_count(m->pieces.size + m->pieces.overlap) + 1, RD__BLAKE2B_LEN);
    if (!it->leaves)
        return false;
    it->leaf_count = 0;
    if (skipped < piece->got || first == 0) {
        const size_t size = piece->last ? piece->got - skipped : (size_t)(end - first) * RD__LEAF_LEN;
        it->leaf_count = rd__digest_leaves(m->kernels, piece->data + skipped, size, first, piece->last, it->leaves);
    }
    return true;
}

/*
 * Takes the leaves of the piece into the digest. The overlap of the piece before was read twice; in a file that is
 * written to meanwhile it may have changed between. What the first reading gave is then what holds, for its leaf is
 * hashed: the piece gets those bytes, and is worked on again, without the segment.
 */
static rd_result digest_piece(maker *m, slot *it, bool *changed) {
    rd__piece *const piece = &it->piece;
    const size_t overlap = m->pieces.overlap;
    *changed = piece->offset > 0 && (piece->got < overlap || memcmp(piece->data, m->overlap, overlap) != 0);
    if (*changed) {
        memcpy(piece->data, m->overlap, overlap);
        piece->got = piece->got < overlap ? overlap : piece->got;
        if (!hash_leaves(m, it))
            return rd__fail_memory(&m->job->error);
    }
    rd__digest_add(m->digest, it->leaves, it->leaf_count);
    if (!piece->last)
        memcpy(m->overlap, piece->data + m->pieces.size, overlap);
    return RD_OK;
}

static void work(const void *context, void *s) {
    const maker *const m = context;
    slot *const it = s;
    const rd__view view = view_of(&it->piece);
    bool done = !m->speculate || rd__parse_scan(&it->parse, m->signature, m->kernels, &view, stop_of(m, &it->piece));
    if (done && m->digest)
        done = hash_leaves(m, it);
    if (!done)
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
    while (result == RD_OK && rd__op_joiner_next(&m->joiner, reach, last, &op)) {
        rd__count_op(&m->job->stats, &op, rd__delta_op_size(&op));
        result = put_command(m->writer, &op);
        if (result == RD_OK && op.kind == RD_LITERAL)
            result = put_literal(m, view, &op);
    }
    return result;
}

/* Keeps what a literal that goes on in the next segment needs of this one, at the end of `carried`, when all is written
 * that can be told. */
static void carry(maker *m, const rd__view *view, uint64_t stop) {
    const uint64_t needed = rd__op_joiner_needs(&m->joiner);
    if (needed >= stop)
        return;
    const size_t size = (size_t)(stop - needed);
    memcpy(m->carried + sizeof m->carried - size, view->data + (needed - view->offset), size);
}

static rd_result finish(void *context, void *s) {
    maker *const m = context;
    slot *const it = s;
    bool changed = false;
    rd_result result = m->digest ? digest_piece(m, it, &changed) : RD_OK;
    const rd__view view = view_of(&it->piece);
    const uint64_t stop = stop_of(m, &it->piece);
    rd_op copy;
    rd__stitcher_begin(&m->stitcher, m->speculate && !changed ? &it->parse : NULL);
    while (result == RD_OK && rd__stitcher_next(&m->stitcher, &view, stop, &copy)) {
        rd__op_joiner_add(&m->joiner, &copy);
        result = put_ops(m, &view, copy.target_offset + copy.length, false);
    }
    m->job->stats.false_matches = m->stitcher.scanner.false_matches;
    if (result == RD_OK)
        result = put_ops(m, &view, rd__min_u64(m->stitcher.scanner.at, view.offset + view.size), view.last);
    if (result == RD_OK && !view.last)
        carry(m, &view, stop);
    return result;
}

static void release(void *s) {
    slot *const it = s;
    rd__parse_free(&it->parse);
    free(it->leaves);
}

/* Segments start where one of the scanner's budget windows does, as the stitcher requires. */
static size_t segment_size(const rd_signature *signature) {
    const size_t window = (size_t)rd__scanner_budget_window(signature);
    return (SEGMENT_SIZE + window - 1) / window * window;
}

static rd_result diff_segments(rd__job *job, const rd_signature *signature, const rd_source *new_file,
                               rd__writer *writer, rd__digest *digest, unsigned threads) {
    static const rd__piece_work piece_work = {
        .slot_size = sizeof(slot), .work = work, .finish = finish, .release = release};
    const size_t block_len = signature->params.block_len;
    const size_t overlap = digest && block_len < RD__LEAF_LEN ? RD__LEAF_LEN : block_len;
    maker *const m = rd__alloc_zeroed(1, sizeof *m);
    uint8_t *const overlap_bytes = rd__alloc_array(overlap, 1);
    rd_result result = RD_OK;
    if (m && overlap_bytes) {
        m->signature = signature;
        m->kernels = rd__kernels_best();
        m->pieces = (rd__pieces){.source = new_file, .job = job, .role = RD_ROLE_NEW, .overlap = overlap};
        m->pieces.size = segment_size(signature);
        m->speculate = threads > 1;
        m->digest = digest;
        m->overlap = overlap_bytes;
        m->writer = writer;
        m->job = job;
        rd__stitcher_init(&m->stitcher, signature, m->kernels);
        result = rd__pieces_run(&m->pieces, &piece_work, m, threads);
    } else {
        result = rd__fail_memory(&job->error);
    }
    free(overlap_bytes);
    free(m);
    return result;
}

/* What is not allowed even the memory for two blocks is left to the window, which may need less. */
static bool has_segments(const rd_signature *signature, const rd_limits *limits) {
    return signature && signature->sums.count > 0 && signature->params.block_len >= SEGMENT_BLOCK_MIN &&
           signature->params.block_len <= SEGMENT_BLOCK_MAX && rd__window_allowed(signature, UINT64_MAX, limits);
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

/* digester: NULL if no trailer is due. */
static rd_result read_more(rd__differ *differ, rd__feed *feed, rd__digester *digester) {
    size_t room = 0;
    size_t got = 0;
    uint8_t *const place = rd__differ_room(differ, RD__CHUNK, &room);
    if (!place)
        return rd__fail_memory(&feed->job->error);
    const rd_result result = rd__feed_read(feed, place, room, &got);
    if (digester)
        rd__digester_take(digester, place, got);
    rd__differ_add(differ, got);
    if (feed->ended)
        rd__differ_end(differ);
    return result == RD_OK ? rd__differ_check(differ, &feed->job->limits, &feed->job->error) : result;
}

static rd_result diff_window(rd__job *job, const rd_signature *signature, const rd_source *new_file, rd__writer *writer,
                             rd__digester *digester) {
    rd__feed feed = rd__feed_of(new_file, job, RD_ROLE_NEW);
    rd__differ differ;
    rd_result result = RD_OK;
    rd__differ_init(&differ, signature, rd__kernels_best(), &job->stats);
    while (result == RD_OK && !feed.ended) {
        result = read_more(&differ, &feed, digester);
        if (result == RD_OK)
            result = put_window_ops(&differ, writer);
    }
    rd__feed_free(&feed);
    rd__differ_free(&differ);
    return result;
}

/* ---- The whole delta --------------------------------------------------------------------------------------------- */

/* The commands but for END. With `verify`, *digest becomes that of the new file. */
static rd_result put_commands(rd__operation *operation, const rd_signature *signature, const rd_source *new_file,
                              rd__writer *writer, uint8_t digest[RD__BLAKE2B_LEN]) {
    rd__job *const job = &operation->job;
    const bool verify = operation->options.verify != RD_VERIFY_NEVER;
    if (has_segments(signature, &job->limits)) {
        rd__digest tree;
        rd__digest_init(&tree);
        const rd_result result =
            diff_segments(job, signature, new_file, writer, verify ? &tree : NULL, rd__operation_threads(operation));
        rd__digest_final(&tree, digest);
        return result;
    }
    rd__digester digester;
    if (!verify)
        return diff_window(job, signature, new_file, writer, NULL);
    if (!rd__digester_init(&digester, rd__kernels_best()))
        return rd__fail_memory(&job->error);
    const rd_result result = diff_window(job, signature, new_file, writer, &digester);
    rd__digester_final(&digester, digest);
    rd__digester_free(&digester);
    return result;
}

static rd_result put_trailer(rd__writer *writer, uint64_t new_size, const uint8_t digest[RD__BLAKE2B_LEN]) {
    uint8_t bytes[RD__TRAILER_LEN];
    rd__trailer trailer = {.new_size = new_size};
    memcpy(trailer.digest, digest, sizeof trailer.digest);
    rd__trailer_put(bytes, &trailer);
    rd__job_set_digest(writer->job, digest);
    return rd__writer_put(writer, bytes, sizeof bytes);
}

static rd_result make(rd__operation *operation, const rd_signature *signature, const rd_source *new_file,
                      const rd_sink *out) {
    rd__job *const job = &operation->job;
    uint8_t digest[RD__BLAKE2B_LEN];
    rd__writer writer;
    job->stats.blocks = signature ? rd_signature_count(signature) : 0;
    rd_result result = rd__writer_init(&writer, out, job, rd__operation_threads(operation));
    if (result == RD_OK)
        result = put_magic(&writer);
    if (result == RD_OK)
        result = put_commands(operation, signature, new_file, &writer, digest);
    if (result == RD_OK)
        result = put_end(&writer);
    if (result == RD_OK && operation->options.verify != RD_VERIFY_NEVER)
        result = put_trailer(&writer, job->stats.literal_bytes + job->stats.copy_bytes, digest);
    if (result == RD_OK)
        result = rd__writer_finish(&writer);
    rd__writer_free(&writer);
    return result;
}

rd_result rd_delta_make(const rd_signature *signature, const rd_source *new_file, const rd_sink *out,
                        const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, new_file->size);
    return rd__operation_end(&operation, make(&operation, signature, new_file, out));
}
