/* See verified_patch.h. */
#include "file/verified_patch.h"

#include "base/memory.h"
#include "base/pipeline.h"
#include "base/result.h"
#include "engine/patcher.h"
#include "engine/verifier.h"
#include "file/delta_end.h"
#include "hash/digest.h"
#include "io/basis.h"
#include "io/copy.h"
#include "io/sink.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIECE_LEAVES = 16,
    PIECE_SIZE = PIECE_LEAVES * RD__LEAF_LEN,
    READS_MAX =
        1024, /* of a piece that any thread may do; the rest, of many short copies, is done when it is decoded */
    DELTA_CHUNK = 256 * 1024,
    SLOTS_PER_THREAD = 2,
    TAIL_SIZE = 4096, /* of a delta, in which a trailer is looked for */
    BLOCK = 4096,     /* of most file systems */
    CLONE_MIN = 64 * 1024
};

/* Some bytes of the basis, and where they go in a piece. */
typedef struct basis_read {
    uint64_t offset;
    size_t at;
    size_t size;
} basis_read;

/* A piece of the new file. */
typedef struct piece {
    uint8_t data[PIECE_SIZE];
    size_t size;
    uint64_t first_leaf;
    bool last;
    basis_read reads[READS_MAX]; /* still to be done */
    size_t read_count;
    uint8_t leaves[PIECE_LEAVES * RD__BLAKE2B_LEN]; /* their digests */
    size_t leaf_count;
    rd_result result;
    rd_error error; /* if the result is a failure */
} piece;

typedef struct run {
    const rd__patch_files *files;
    const rd__kernels *kernels;
    rd__job *job;
    rd__patcher patcher;
    rd__feed feed; /* of the delta */
    rd_in in;
    uint8_t *delta;
    piece *fetched;        /* the piece being decoded into */
    uint64_t new_size;     /* bytes of the pieces fetched */
    bool ended;            /* the last piece was fetched */
    bool clones;           /* the file system has not refused to share blocks */
    bool cloned;           /* it has shared some */
    rd__stamp basis_stamp; /* at the start */
    rd__trailer_reader trailer;
    rd__digest digest;
} run;

/* ---- Fetching: decoding the delta -------------------------------------------------------------------------------- */

static bool any_thread_may_read(const rd_source *source) {
    return source->seekable && !source->read;
}

/* The patcher's rd__basis_fn: notes what is to be read, or reads it if that cannot be left to others. */
static rd_result note_read(void *context, uint64_t offset, uint8_t *data, size_t size, size_t *got) {
    run *const r = context;
    piece *const p = r->fetched;
    if (any_thread_may_read(r->files->basis) && p->read_count < READS_MAX) {
        p->reads[p->read_count++] = (basis_read){.offset = offset, .at = (size_t)(data - p->data), .size = size};
        *got = size;
        return RD_OK;
    }
    rd__basis basis = {.source = r->files->basis, .job = r->job};
    return rd__basis_read(&basis, offset, data, size, got);
}

static rd_result refill(run *r) {
    r->in.pos = 0;
    r->in.size = 0;
    return r->feed.ended ? RD_OK : rd__feed_read(&r->feed, r->delta, DELTA_CHUNK, &r->in.size);
}

/*
 * Decodes into the piece until it is full, and on to where it is clear whether it is the last one. RD_OK: it is, END
 * was reached. RD_MORE: it is not.
 */
static rd_result decode_piece(run *r, piece *p) {
    rd_out out = {.data = p->data, .size = PIECE_SIZE};
    for (;;) {
        const rd_result result = rd__patcher_step(&r->patcher, &r->in, &out, r->feed.ended, &r->job->error);
        p->size = out.pos;
        const bool more_to_come = r->patcher.done < r->patcher.op.length;
        if (result != RD_MORE || (out.pos == out.size && more_to_come))
            return result;
        const rd_result read = refill(r);
        if (read != RD_OK)
            return read;
    }
}

static bool fetch(void *context, void *slot) {
    run *const r = context;
    piece *const p = slot;
    if (r->ended)
        return false;
    p->first_leaf = r->new_size / RD__LEAF_LEN;
    p->read_count = 0;
    r->fetched = p;
    rd_result result = decode_piece(r, p);
    p->last = result == RD_OK;
    if (p->last) {
        r->trailer.origin = r->patcher.taken;
        result = rd__read_delta_end(&r->feed, &r->in, r->delta, DELTA_CHUNK, &r->trailer);
    }
    p->result = result == RD_MORE ? RD_OK : result;
    p->error = r->job->error;
    r->new_size += p->size;
    r->ended = p->last || p->result != RD_OK;
    return true;
}

/* ---- Working: reading the basis, hashing ------------------------------------------------------------------------- */

/* What cannot be read fails the piece, whatever was found behind it in the delta. */
static void read_basis(const run *r, piece *p) {
    rd__job job = {.total = RD_UNKNOWN};
    rd__basis basis = {.source = r->files->basis, .job = &job};
    for (size_t i = 0; i < p->read_count; i++) {
        size_t got = 0;
        const basis_read *const read = &p->reads[i];
        const rd_result result = rd__basis_read(&basis, read->offset, p->data + read->at, read->size, &got);
        if (result == RD_OK)
            continue;
        p->result = result;
        p->error = job.error;
        return;
    }
}

static void work(const void *context, void *slot) {
    const run *const r = context;
    piece *const p = slot;
    read_basis(r, p);
    if (p->result == RD_OK)
        p->leaf_count = rd__digest_leaves(r->kernels, p->data, p->size, p->first_leaf, p->last, p->leaves);
}

/* ---- Finishing: writing ------------------------------------------------------------------------------------------ */

/* The whole blocks in what is read from the basis, if they are blocks in the piece too, and many. */
static bool whole_blocks(const basis_read *read, basis_read *blocks) {
    const size_t before = (BLOCK - read->at % BLOCK) % BLOCK;
    if (read->size < before + CLONE_MIN || (read->offset + before) % BLOCK != 0)
        return false;
    *blocks = (basis_read){.offset = read->offset + before, .at = read->at + before};
    blocks->size = (read->size - before) / BLOCK * BLOCK;
    return true;
}

/* Writes the piece. Where the file system can, blocks of the basis are shared instead of written again. */
static rd_result write_piece(run *r, const piece *p) {
    size_t written = 0;
    rd_result result = RD_OK;
    for (size_t i = 0; r->clones && i < p->read_count; i++) {
        basis_read blocks;
        if (!whole_blocks(&p->reads[i], &blocks))
            continue;
        result = rd__sink_write(r->files->out, r->job, p->data + written, blocks.at - written);
        if (result != RD_OK)
            return result;
        written = blocks.at;
        r->clones = rd__clone_range(r->files->basis, blocks.offset, r->files->out, blocks.size, r->job);
        if (r->clones) {
            written += blocks.size;
            r->cloned = true;
        }
    }
    return rd__sink_write(r->files->out, r->job, p->data + written, p->size - written);
}

static rd_result finish(void *context, void *slot) {
    run *const r = context;
    const piece *const p = slot;
    if (p->result != RD_OK) {
        r->job->error = p->error;
        return p->result;
    }
    const rd_result result = write_piece(r, p);
    if (result != RD_OK)
        return result;
    rd__digest_add(&r->digest, p->leaves, p->leaf_count);
    return rd__job_progress(r->job, r->job->stats.out_bytes);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static rd_result run_pieces(run *r, unsigned threads) {
    const size_t count = (size_t)threads * SLOTS_PER_THREAD;
    piece *const pieces = rd__alloc_array(count, sizeof *pieces);
    void **const slots = rd__alloc_array(count, sizeof *slots);
    for (size_t i = 0; pieces && slots && i < count; i++)
        slots[i] = &pieces[i];
    const rd__pipeline pipeline = {.fetch = fetch,
                                   .work = work,
                                   .finish = finish,
                                   .context = r,
                                   .slots = slots,
                                   .slot_count = count,
                                   .threads = threads};
    const rd_result result =
        pieces && slots ? rd__pipeline_run(&pipeline, &r->job->error) : rd__fail_memory(&r->job->error);
    free((void *)slots);
    free(pieces);
    return result;
}

/* What was cloned is what was hashed only if the basis did not change between. */
static rd_result check_basis(const run *r) {
    const rd__stamp now = rd__source_stamp(r->files->basis);
    const rd__stamp *const then = &r->basis_stamp;
    if (!r->cloned || (now.seconds == then->seconds && now.nanoseconds == then->nanoseconds && now.size == then->size))
        return RD_OK;
    return rd__fail(&r->job->error, RD_E_MISMATCH, RD_ROLE_BASIS, RD_UNKNOWN,
                    "it was written to while it was being patched");
}

static rd_result judge(run *r, bool always) {
    rd__made made = {.size = r->new_size, .copied = r->job->stats.copy_commands > 0};
    rd__digest_final(&r->digest, made.digest);
    const rd_result result = rd__judge(&r->trailer, &made, always, &r->job->error);
    if (result == RD_OK && r->trailer.taken > 0)
        rd__job_set_digest(r->job, made.digest);
    return result;
}

rd_result rd__patch_verified(const rd__patch_files *files, rd__job *job, unsigned threads, bool always,
                             uint64_t *reached) {
    run r = {.files = files,
             .kernels = rd__kernels_best(),
             .job = job,
             .feed = rd__feed_of(files->delta, job, RD_ROLE_DELTA)};
    r.feed.tells_written = true;
    r.delta = rd__alloc_array(DELTA_CHUNK, 1);
    if (!r.delta)
        return rd__fail_memory(&job->error);
    r.in.data = r.delta;
    r.clones = true;
    r.basis_stamp = rd__source_stamp(files->basis);
    rd__patcher_init(&r.patcher, note_read, &r, &job->stats);
    r.patcher.limit = job->limits.output;
    rd__digest_init(&r.digest);
    rd_result result = run_pieces(&r, threads);
    if (result == RD_OK)
        result = check_basis(&r);
    if (result == RD_OK)
        result = judge(&r, always);
    *reached = r.patcher.reached;
    rd__feed_free(&r.feed);
    free(r.delta);
    return result;
}

/* What the trailer says. It may be wrong: that is found when all is made. */
static uint64_t new_size_of(const uint8_t *bytes, size_t size) {
    rd__trailer_reader reader = {0};
    rd_error ignored;
    size_t used = 0;
    const rd_result result = rd__trailer_take(&reader, bytes, size, &used, &ignored);
    return result == RD_OK ? rd__trailer_get(&reader).new_size : RD_UNKNOWN;
}

rd_result rd__patch_has_trailer(const rd_source *delta, rd__job *job, bool *has) {
    uint8_t tail[TAIL_SIZE];
    size_t got = 0;
    *has = true;
    if (!delta->seekable || delta->size == RD_UNKNOWN)
        return RD_OK;
    rd_result result = rd__source_is_compressed(delta, job, RD_ROLE_DELTA, has);
    if (result != RD_OK || *has)
        return result;
    const uint64_t size = rd__min_u64(delta->size, sizeof tail);
    result = rd__source_read(delta, job, RD_ROLE_DELTA, delta->size - size, tail, (size_t)size, &got);
    const size_t at = rd__trailer_search(tail, got);
    *has = at < got;
    if (*has)
        job->total = new_size_of(tail + at, got - at);
    return result;
}
