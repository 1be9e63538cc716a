/*
 * The scanner: finds, from left to right, the places in the new file where a block of the basis stands. Greedy: at each
 * position, if the window of a block's length is a block of the basis, it is taken, and the search goes on behind it;
 * otherwise the window rolls on by one byte. Its copies are the same for any portions in which the new file comes.
 */
#ifndef RD_ENGINE_SCANNER_H
#define RD_ENGINE_SCANNER_H

#include "engine/signature.h"
#include "hash/kernels.h"

typedef struct rd__scanner {
    const rd_signature *signature; /* NULL: nothing matches */
    const rd__kernels *kernels;
    uint64_t at;            /* position in the new file that is decided next */
    uint64_t next_block;    /* of the basis: the one that would continue the last copy; the count if there is none */
    uint32_t weak;          /* of the window at `at`, if `rolling` */
    bool rolling;           /* the window at `at` is known not to match */
    uint64_t cell;          /* the stretch of the new file that `failures` is for */
    uint32_t failures;      /* strong sums made in vain in that stretch */
    uint64_t false_matches; /* the same in all */
} rd__scanner;

/* What of the new file is in memory: data[0 .. size), which begins at byte `offset` of it. */
typedef struct rd__view {
    const uint8_t *data;
    size_t size;
    uint64_t offset;
    bool last; /* the new file ends with it */
} rd__view;

void rd__scanner_init(rd__scanner *scanner, const rd_signature *signature, const rd__kernels *kernels);

/*
 * Finds the next copy, of one block. The view must hold all from scanner->at on. False: there is none in the view, and
 * scanner->at has moved as far as the view can tell: what lies before it and was not copied is literal.
 */
bool rd__scanner_next(rd__scanner *scanner, const rd__view *view, rd_op *copy);

#endif
