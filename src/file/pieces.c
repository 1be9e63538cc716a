/* See pieces.h. */
#include "file/pieces.h"

#include "base/memory.h"

#include <string.h>

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

bool rd__pieces_fetch(rd__pieces *pieces, rd__piece *piece) {
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

/* The size that the source had at the start bounds what is read: bytes that are added meanwhile are not part of it. */
rd_result rd__pieces_read(const rd__pieces *pieces, rd__piece *piece) {
    if (!piece->ready) {
        rd__job job = {.total = RD_UNKNOWN};
        const uint64_t left = pieces->source->size - piece->offset;
        const size_t size = (size_t)rd__min_u64(left, pieces->size + pieces->overlap);
        read_into(pieces, &job, piece, size);
        piece->last = piece->last || size == left;
        piece->ready = true;
    }
    return piece->result;
}

rd_result rd__pieces_finish(rd__pieces *pieces, const rd__piece *piece) {
    if (pieces->finished_last)
        return RD_MORE;
    if (piece->result != RD_OK) {
        pieces->job->error = piece->error;
        return piece->result;
    }
    pieces->finished_last = piece->last;
    const uint64_t done = piece->offset + (piece->last ? piece->got : pieces->size);
    pieces->job->stats.in_bytes = done;
    return rd__job_progress(pieces->job, done);
}
