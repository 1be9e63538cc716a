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

/* Makes *piece, whose `data` is set, the next one. False: there is none. */
bool rd__pieces_fetch(rd__pieces *pieces, rd__piece *piece);

/* Reads the piece, unless that was done already. Any thread may. A failure is noted in the piece, and returned. */
rd_result rd__pieces_read(const rd__pieces *pieces, rd__piece *piece);

/*
 * Hands the piece's failure, or its bytes and the progress, to the operation. RD_MORE: the piece is to be ignored, for
 * the source ended before it; it became shorter while it was read.
 */
rd_result rd__pieces_finish(rd__pieces *pieces, const rd__piece *piece);

#endif
