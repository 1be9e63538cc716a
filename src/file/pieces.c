/* See pieces.h. */
#include "file/pieces.h"

#include "base/memory.h"
#include "base/pipeline.h"
#include "base/result.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_PER_THREAD = 2 };

/*
 * Can any thread read the source, at any offset? The caller's functions are not to be called by other threads. A
 * regular file without a size may still have contents (those of procfs have), and where it ends is only found by
 * reading.
 */
static bool parallel(const rd_source *source) {
    return source->seekable && !source->read && source->size != RD_UNKNOWN && source->size > 0;
}

/* Reads `size` bytes behind what the piece has. It is the last one if there are fewer. */
static void read_into(const rd__pieces *pieces, rd__job *job, rd__piece *piece, size_t size) {
    size_t got = 0;
    piece->result = rd__source_read(pieces->source, job, pieces->role, piece->offset + piece->got,
                                    piece->data + piece->got, size, &got);
    piece->got += got;
    piece->last = got < size;
    if (piece->result != RD_OK)
        piece->error = job->error;
}

/* In order: what the piece before has of this one, and then the rest from the source. */
static void read_in_order(const rd__pieces *pieces, rd__piece *piece) {
    if (pieces->before) {
        memcpy(piece->data, pieces->before->data + pieces->size, pieces->overlap);
        piece->got = pieces->overlap;
    }
    read_into(pieces, pieces->job, piece, pieces->size + pieces->overlap - piece->got);
    piece->ready = true;
}

/* Makes *piece, whose `data` is set, the next one. False: there is none. */
static bool fetch_piece(rd__pieces *pieces, rd__piece *piece) {
    if (pieces->fetched_last)
        return false;
    *piece = (rd__piece){.data = piece->data, .offset = pieces->offset};
    if (parallel(pieces->source)) {
        pieces->fetched_last = pieces->source->size - pieces->offset <= pieces->size;
    } else {
        read_in_order(pieces, piece);
        pieces->fetched_last = piece->last || piece->result != RD_OK;
    }
    pieces->before = piece;
    pieces->offset += pieces->size;
    return true;
}

/*
 * Reads the piece, unless that was done when it was fetched. The size that the source had at the start bounds what is
 * read: bytes that are added meanwhile are not part of it.
 */
static void read_piece(const rd__pieces *pieces, rd__piece *piece) {
    if (piece->ready)
        return;
    rd__job job = {.total = RD_UNKNOWN};
    const uint64_t left = pieces->source->size - piece->offset;
    const size_t size = (size_t)rd__min_u64(left, pieces->size + pieces->overlap);
    read_into(pieces, &job, piece, size);
    piece->last = piece->last || size == left;
    piece->ready = true;
}

/* Hands the piece's failure, or its bytes and the progress, to the operation. */
static rd_result account(rd__pieces *pieces, const rd__piece *piece) {
    if (piece->result != RD_OK) {
        pieces->job->error = piece->error;
        return piece->result;
    }
    pieces->finished_last = piece->last;
    const uint64_t done = piece->offset + (piece->last ? piece->got : pieces->size);
    pieces->job->stats.in_bytes = done;
    return rd__job_progress(pieces->job, done);
}

/* ---- The run of a pipeline --------------------------------------------------------------------------------------- */

typedef struct run {
    rd__pieces *pieces;
    const rd__piece_work *work;
    void *context;
} run;

static bool fetch(void *context, void *slot) {
    return fetch_piece(((const run *)context)->pieces, slot);
}

static void work_on(const void *context, void *slot) {
    const run *const r = context;
    rd__piece *const piece = slot;
    read_piece(r->pieces, piece);
    if (piece->result == RD_OK)
        r->work->work(r->context, slot);
}

/* A piece behind the last one is left out: the source became shorter after the piece was fetched. */
static rd_result finish(void *context, void *slot) {
    const run *const r = context;
    if (r->pieces->finished_last)
        return RD_OK;
    const rd_result result = account(r->pieces, slot);
    return result == RD_OK ? r->work->finish(r->context, slot) : result;
}

static void free_slots(const run *r, void **slots, size_t count) {
    for (size_t i = 0; slots && i < count; i++) {
        if (slots[i]) {
            free(((rd__piece *)slots[i])->data);
            r->work->release(slots[i]);
        }
        free(slots[i]);
    }
    free((void *)slots);
}

static void **make_slots(const run *r, size_t count) {
    void **const slots = rd__alloc_zeroed(count, sizeof *slots);
    for (size_t i = 0; slots && i < count; i++) {
        rd__piece *const piece = rd__alloc_zeroed(1, r->work->slot_size);
        slots[i] = piece;
        if (piece)
            piece->data = rd__alloc_array(r->pieces->size + r->pieces->overlap, 1);
        if (!piece || !piece->data) {
            free_slots(r, slots, count);
            return NULL;
        }
    }
    return slots;
}

rd_result rd__pieces_run(rd__pieces *pieces, const rd__piece_work *work, void *context, unsigned threads) {
    const size_t slot_count = (size_t)threads * SLOTS_PER_THREAD;
    run r = {.pieces = pieces, .work = work, .context = context};
    void **const slots = make_slots(&r, slot_count);
    if (!slots)
        return rd__fail_memory(&pieces->job->error);
    const rd__pipeline pipeline = {.fetch = fetch,
                                   .work = work_on,
                                   .finish = finish,
                                   .context = &r,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = threads};
    const rd_result result = rd__pipeline_run(&pipeline, &pieces->job->error);
    free_slots(&r, slots, slot_count);
    return result;
}
