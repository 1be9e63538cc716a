/*
 * The stitcher: makes of segments that were scanned apart exactly the copies that one scanner makes of the whole file.
 *
 * A greedy parse depends on nothing but its state where it begins. So the true parse, coming into a segment somewhere
 * behind its begin, is continued by a scanner only until it stands at a position that the segment's own parse has also
 * stood at. From there on both parses decide the same windows in the same way, and what the segment found is taken
 * over.
 *
 * Two things in the state besides the position need care. Which of equal blocks is copied depends on the copy before;
 * so the first copies taken over are chosen again, until one comes out as the segment chose it. And the budget of
 * failures: segments must start where a budget window does, and if the failures of both parses together could
 * exhaust it, nothing is taken over and the scanner goes on alone.
 */
#ifndef RD_ENGINE_STITCHER_H
#define RD_ENGINE_STITCHER_H

#include "engine/parse.h"

typedef enum rd__stitch {
    RD__STITCH_ALONE,
    RD__STITCH_MEET,
    RD__STITCH_CHOOSE,
    RD__STITCH_ADOPT,
    RD__STITCH_DONE
} rd__stitch;

typedef struct rd__stitcher {
    rd__scanner scanner; /* the state of the true parse */
    rd__stitch state;
    const rd__parse *parse;
    size_t next;       /* of the segment's copies, the one that comes next */
    uint64_t within;   /* bytes of that one which lie behind the true parse already */
    uint64_t patience; /* how far the scanner goes before it looks for a meeting again */
} rd__stitcher;

void rd__stitcher_init(rd__stitcher *stitcher, const rd_signature *signature, const rd__kernels *kernels);

/* Comes to the next segment. NULL: it was not scanned; the stitcher's scanner does it all. */
void rd__stitcher_begin(rd__stitcher *stitcher, const rd__parse *parse);

/* Like rd__scanner_next, for the view and the stop of the segment. */
bool rd__stitcher_next(rd__stitcher *stitcher, const rd__view *view, uint64_t stop, rd_op *copy);

#endif
