/*
 * The stitcher: makes, from segments that were parsed on their own, exactly the copies that one scanner makes of the
 * whole file.
 *
 * A greedy parse depends on nothing but its state where it starts. The true parse enters a segment somewhere after the
 * segment's start; a scanner continues it only until it stands at a position where the segment's own parse has stood,
 * too. From there on both parses decide the same windows in the same way, and the copies of the segment's parse are
 * taken over.
 *
 * Two things in the state besides the position need care. Which of equal blocks is copied depends on the copy before;
 * so the first copies taken over are chosen again, until one comes out as the segment's parse chose it. And there is
 * the budget of failures: segments must start where a budget window does, and if the failures of both parses together
 * could exhaust it, nothing is taken over and the scanner continues alone.
 */
#ifndef RD_ENGINE_STITCHER_H
#define RD_ENGINE_STITCHER_H

#include "engine/parse.h"

typedef enum rd__stitch {
    RD__STITCH_ALONE,  /* the scanner parses the segment */
    RD__STITCH_MEET,   /* the scanner looks for a position where the segment's parse has stood */
    RD__STITCH_CHOOSE, /* the segment's copies are taken over, each block chosen again */
    RD__STITCH_ADOPT,  /* they are taken over as they are */
    RD__STITCH_DONE
} rd__stitch;

typedef struct rd__stitcher {
    rd__scanner scanner; /* the state of the true parse */
    rd__stitch state;
    const rd__parse *parse; /* of the segment; NULL: there is none */
    size_t next;            /* the next of the segment's copies */
    uint64_t within;        /* bytes of that copy which the true parse has passed */
    uint64_t patience;      /* how far to scan before looking for a meeting again */
    uint32_t failures;      /* of the true parse in the budget window in which they met */
} rd__stitcher;

void rd__stitcher_init(rd__stitcher *stitcher, const rd_signature *signature, const rd__kernels *kernels);

/* Starts the next segment. NULL: it was not parsed on its own; the scanner parses all of it. */
void rd__stitcher_begin(rd__stitcher *stitcher, const rd__parse *parse);

/*
 * Like rd__scanner_next, for the view and the stop of the segment. The view may also be a part of the segment's, and
 * the stop an earlier one, at whose positions the view has whole blocks: false then says that the next part is needed,
 * unless the state is RD__STITCH_DONE or the scanner stands at the stop of the segment, or beyond it.
 */
bool rd__stitcher_next(rd__stitcher *stitcher, const rd__view *view, uint64_t stop, rd_op *copy);

#endif
