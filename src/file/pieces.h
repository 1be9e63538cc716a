/*
 * A source cut into pieces of one size for a pipeline. A file or memory is read by whoever works on a piece; any other
 * source, which must be read in order or by the calling thread, is read when the piece is fetched.
 */
#ifndef RD_FILE_PIECES_H
#define RD_FILE_PIECES_H

#include "io/source.h"

typedef struct rd__piece {
    uint8_t *data;   /* room for the size of a piece and its overlap */
    uint64_t offset; /* in the source */
    size_t got;      /* bytes at `data`, the overlap included */
    bool last;       /* the source ends with them */
    bool ready;      /* it was read when it was fetched */
    rd_result result;
    rd_error error; /* if the result is a failure */
} rd__piece;

typedef struct rd__pieces {
    const rd_source *source;
    rd__job *job; /* of the operation; for the calling thread only */
    rd_role role;
    size_t size;             /* of a piece */
    size_t overlap;          /* bytes of the next piece that come with each, as far as there are any */
    const rd__piece *before; /* the piece fetched last */
    uint64_t offset;         /* of the next piece */
    bool fetched_last;
    bool finished_last;
} rd__pieces;

/* What is done with each piece. A slot is a structure whose first member is an rd__piece; it is zeroed at first. */
typedef struct rd__piece_work {
    size_t slot_size;
    /* Does what can be done without the pieces before, in any thread. A failure is noted in the piece. */
    void (*work)(const void *context, void *slot);
    /* Does the rest, in order, in the calling thread. */
    rd_result (*finish)(void *context, void *slot);
    /* Frees what `work` has allocated in the slot. */
    void (*release)(void *slot);
} rd__piece_work;

/* Reads all pieces and has them worked on by so many threads. Failures of both are told in pieces->job. */
rd_result rd__pieces_run(rd__pieces *pieces, const rd__piece_work *work, void *context, unsigned threads);

#endif
