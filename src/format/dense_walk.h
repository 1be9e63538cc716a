/*
 * What the columns of a dense frame mean: a walk over them gives the pieces of the new file, one after the other.
 *
 * A cover's place is the difference of its offsets in the old file and in the new one, modulo 2^64: its diagonal. Of
 * the diagonals of a frame the latest 16 are remembered, the latest first; before the first cover this is one, 0. The
 * number is the index among them (and the diagonal moves to the front), or 16 more than the zigzag of the difference to
 * the latest (and it is added at the front, and the 17th is forgotten).
 *
 * The literals before a cover, and those after the last one, lie in a gap between what the covers before and after it
 * are in the old file. That neighbourhood is the prefix by which they are coded: for a gap of g bytes and
 * w = min(2 g + 64, g + 4096), with `end` where the cover before ends and `start` where the one after starts,
 *     [end - 16, start + 16) if both are there and 0 <= start - end <= w;
 *     else [end - 16, end + w / 2), if there is one before, and [start - w / 2, start + 16), if there is one after;
 * each cut at both ends of the old file. The prefix is that of all gaps of the frame, one after the other, cut after
 * RD__DENSE_PREFIX_MAX bytes. A gap of 0 bytes has none.
 */
#ifndef RD_FORMAT_DENSE_WALK_H
#define RD_FORMAT_DENSE_WALK_H

#include "format/dense.h"
#include "format/dense_map.h"
#include "format/numbers.h"

enum {
    RD__DENSE_PLACES_KEPT = 16,
    RD__DENSE_COPY_MIN = 8 /* bytes: fewer, though the same, take less in a literal of librsync's form */
};

/* The latest diagonals. */
typedef struct rd__dense_places {
    uint64_t latest[RD__DENSE_PLACES_KEPT];
    size_t count;
} rd__dense_places;

void rd__dense_places_init(rd__dense_places *places);
/* The number of the diagonal, which becomes the latest. */
uint64_t rd__dense_places_find(rd__dense_places *places, uint64_t diagonal);
/* The diagonal of the number, which becomes the latest. False: there is none. */
bool rd__dense_places_take(rd__dense_places *places, uint64_t number, uint64_t *diagonal);

/* A range of the old file. */
typedef struct rd__dense_range {
    uint64_t offset;
    size_t size;
} rd__dense_range;

/* A gap and what lies around it. */
typedef struct rd__dense_gap {
    uint64_t length;
    uint64_t end;   /* in the old file, of the cover before, or RD_UNKNOWN */
    uint64_t start; /* in the old file, of the cover after, or RD_UNKNOWN */
} rd__dense_gap;

/*
 * The neighbourhood of a gap of at least 1 byte, in an old file of that size, cut to what a prefix has room for that
 * has `filled` bytes: returns the number of ranges.
 */
size_t rd__dense_neighbours(const rd__dense_gap *gap, uint64_t old_size, size_t filled, rd__dense_range ranges[2]);

/* The columns of a frame, as they are after decoding. The walk looks at all but the literals. */
typedef struct rd__dense_columns {
    const uint8_t *data[RD__DENSE_COLUMNS];
    size_t size[RD__DENSE_COLUMNS];
} rd__dense_columns;

typedef enum rd__dense_kind {
    RD__DENSE_LITERAL,   /* the next bytes of the literals */
    RD__DENSE_SAME,      /* bytes of the old file */
    RD__DENSE_DIFFERENT, /* a byte of the old file, to which `value` is added */
    RD__DENSE_ADDRESS    /* a word of the old file that is an address of the kind `value`: see dense_map.h */
} rd__dense_kind;

typedef struct rd__dense_piece {
    rd__dense_kind kind;
    uint64_t length; /* at least 1 */
    uint64_t offset; /* in the old file, unless it is a literal */
    uint8_t value;
} rd__dense_piece;

typedef struct rd__dense_walk {
    rd__numbers numbers[RD__DENSE_NUMBERS];
    const uint8_t *values;    /* the differences still to come, the next one not among them */
    const uint8_t *addresses; /* the kinds of addresses still to come */
    const uint8_t *addresses_end;
    rd__dense_places places;
    uint64_t old_size;
    uint64_t target;    /* where in the new file the next piece starts */
    size_t covers;      /* still to come */
    size_t differences; /* still to come, the next one not among them */
    uint64_t literals;  /* bytes still to come, those of the present gap not among them */
    rd__dense_gap gap;  /* before the present cover; its length is what is left of it */
    uint64_t cover;     /* bytes left of the present cover */
    uint64_t offset;    /* of these, in the old file */
    uint64_t same;      /* bytes left until the next difference, or RD_UNKNOWN: there is none */
    bool looked;        /* `same` is that of a difference that was not given yet */
} rd__dense_walk;

/* At the start of a frame that makes the new file from `target` on. */
void rd__dense_walk_init(rd__dense_walk *walk, const rd__dense_frame *frame, const rd__dense_columns *columns,
                         uint64_t old_size, uint64_t target);

/*
 * RD_MORE: the next piece. RD_OK: the frame has ended, and everything in its columns was used. RD_E_CORRUPT, without an
 * error noted: the columns are impossible; what was given before may be wrong.
 */
rd_result rd__dense_walk_next(rd__dense_walk *walk, rd__dense_piece *piece);

/* Like rd__dense_walk_next for the starts of covers, without what is in them and between them. */
rd_result rd__dense_walk_cover(rd__dense_walk *walk, uint64_t *offset, uint64_t *target);

/* Like rd__dense_walk_next for whole gaps of at least 1 byte, without the pieces between them. */
rd_result rd__dense_walk_gap(rd__dense_walk *walk, rd__dense_gap *gap);

#endif
