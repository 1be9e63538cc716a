/*
 * The parse of a segment of the new file on its own, made before it is known where the parse of the segments before it
 * ends. Its copies are a guess: the stitcher makes the true parse from them.
 */
#ifndef RD_ENGINE_PARSE_H
#define RD_ENGINE_PARSE_H

#include "engine/scanner.h"

typedef struct rd__parse {
    rd_op *copies; /* in order; those that continue each other are one */
    size_t count;
    size_t capacity;
    rd__scanner end; /* the scanner once it had decided all positions of the segment */
} rd__parse;

/*
 * Parses the positions from the start of the view up to `stop` as if the new file began there. The memory of an earlier
 * parse in *parse is used again. False: out of memory.
 */
bool rd__parse_scan(rd__parse *parse, const rd_signature *signature, const rd__kernels *kernels, const rd__view *view,
                    uint64_t stop);
void rd__parse_free(rd__parse *parse);

#endif
