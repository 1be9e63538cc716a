/*
 * A segment of the new file, scanned on its own before it is known where the parse of the segments before it ends. What
 * it found is a guess: the stitcher makes the one true parse of it.
 */
#ifndef RD_ENGINE_SEGMENT_H
#define RD_ENGINE_SEGMENT_H

#include "engine/scanner.h"

typedef struct rd__segment {
    rd_op *copies; /* in order; those that continue each other are one */
    size_t count;
    size_t capacity;
    rd__scanner end; /* the scanner when it had decided all positions of the segment */
} rd__segment;

/*
 * Scans the positions from the begin of the view to `stop` as if the new file began there. The segment may hold the
 * copies of another before: its memory is used again. False: out of memory.
 */
bool rd__segment_scan(rd__segment *segment, const rd_signature *signature, const rd__kernels *kernels,
                      const rd__view *view, uint64_t stop);
void rd__segment_free(rd__segment *segment);

#endif
