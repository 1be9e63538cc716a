/*
 * The parse of a segment of the new file on its own, made before it is known where the parse of the segments before it
 * ends. Its copies are a guess: the stitcher makes the true parse from them.
 */
#ifndef RD_ENGINE_PARSE_H
#define RD_ENGINE_PARSE_H

#include "engine/scanner.h"

typedef struct rd__parse {
    /* Set by the caller: */
    rd__view view; /* of the segment, and as much of what follows as a block at its last position needs */
    uint64_t stop; /* the end of its positions */
    /* The result: */
    rd_op *copies; /* in order; those that continue each other are one */
    size_t count;
    size_t capacity;
    rd__scanner end; /* the scanner once it had decided all positions of the segment */
} rd__parse;

enum { RD__PARSES_MAX = 8 }; /* at once: as many as the widest kernel has lanes */

/*
 * Parses each of `count` segments, at most RD__PARSES_MAX, from the start of its view up to its stop as if the new file
 * began there. It takes less time for several segments than for one after the other: the strong sums that their
 * scanners wait for are made together. The memory of earlier parses is used again. False: out of memory.
 */
bool rd__parse_scan(rd__parse *parses, size_t count, const rd_signature *signature, const rd__kernels *kernels);
void rd__parse_free(rd__parse *parse);

#endif
