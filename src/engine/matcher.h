/*
 * The matcher: finds the copies of a segment of the new file, when the old file is at hand. The engine behind `diff`,
 * as the scanner is behind `delta`.
 *
 * It works in two passes. The *scan* finds runs of at least RD__MATCH_KEY bytes anywhere in the old file: first where
 * the last copy would continue after a change in place, else by the match index. Runs are extended as far as they go.
 * The *gaps* that are left between two copies are then matched again, at every byte and for runs of 8 bytes or more,
 * with what lies between these copies in the old file, or next to them: after an edit, the rest of what was there
 * mostly is still there. What a copy must save is a matter of cost (rd__match_cost).
 *
 * A segment is matched on its own, so segments can be matched in any order and by any thread. Work is bounded whatever
 * the files are: a position has few candidates; the longest is taken, so all but that one cost at most as much again;
 * candidates that turn out to be none, and windows of gaps, have budgets in proportion to the segment.
 *
 * Like the rest of the engine it does no I/O: it gets the old file from a function of its caller, in pages.
 */
#ifndef RD_ENGINE_MATCHER_H
#define RD_ENGINE_MATCHER_H

#include "engine/match_index.h"
#include "redelta.h"

/*
 * Where byte `offset` of the old file lies, less than its size; *before and *after are how many bytes lie there before
 * it, and from it on, at least 1. They stay there until the next call. NULL: a failure, of which the caller knows.
 */
typedef const uint8_t *rd__old_fn(void *context, uint64_t offset, size_t *before, size_t *after);

/* What literals and copies cost in the delta. */
typedef struct rd__match_cost {
    unsigned literal; /* of a literal's byte, in 64ths of a byte: 64, or less if the delta is compressed */
    unsigned copy;    /* of a copy's command, in 64ths of a byte; 0: as many bytes as it has */
} rd__match_cost;

/* Copies in the order of the new file. */
typedef struct rd__copies {
    rd_op *ops;
    size_t count;
    size_t capacity;
} rd__copies;

/* All zero at the start, but for what the caller sets. */
typedef struct rd__matcher {
    /* Set by the caller: */
    const rd__match_index *index;
    rd__old_fn *old;
    void *old_context;
    /* What was found: */
    rd__copies scanned;
    rd__copies copies; /* with those in gaps */
    /* Its own: */
    const uint8_t *data; /* of the segment */
    size_t size;
    uint64_t offset;   /* in the new file */
    bool failed;       /* a page could not be had, or there is no memory */
    int64_t diagonal;  /* of the last copy: its offset in the old file minus that in the new one */
    uint64_t misses;   /* candidates that may still turn out to be none */
    uint64_t gap_left; /* bytes of windows that may still be looked at */
    uint8_t *window;
    uint32_t *seeds; /* a table of the window's */
} rd__matcher;

/*
 * Finds the long copies of `size` bytes of the new file at `offset`, fewer than 2^32. False: out of memory, or a
 * failure of the old file.
 */
bool rd__matcher_scan(rd__matcher *matcher, const uint8_t *data, size_t size, uint64_t offset);

/* After a scan: finds the short ones between them; `copies` are all. The data must still be there. False: as above. */
bool rd__matcher_refine(rd__matcher *matcher, const rd__match_cost *cost);

/* Appends the copy to the list, or makes the last one longer if this one continues it. False: out of memory. */
bool rd__copies_add(rd__copies *copies, const rd_op *copy);

void rd__matcher_free(rd__matcher *matcher);

#endif
