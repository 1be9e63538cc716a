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
    /* What decides all that follows, with the bytes of the new file from `at` on: */
    uint64_t at;         /* position in the new file that is decided next */
    bool after_copy;     /* a copy ends at `at` ... */
    uint64_t next_block; /* ... and this block of the basis, if there is one, would continue it */
    uint64_t budget_end; /* of the budget window that the next two are for */
    uint64_t blocked;    /* before this position, no strong sum is made */
    uint32_t failures;   /* strong sums that matched nothing */
    /* What only saves work: */
    bool rolling; /* the window at `at` is known not to match, and `weak` is its weak sum */
    uint32_t weak;
    size_t stride; /* positions to seek through at once: more, the longer nothing matched */
    size_t run;    /* blocks to verify at once: fewer where strong sums differ although weak sums agree */
    /* What is only told: */
    uint32_t worst; /* failures in the worst budget window */
    uint64_t false_matches;
} rd__scanner;

/* What of the new file is in memory: data[0 .. size), which begins at byte `offset` of it. */
typedef struct rd__view {
    const uint8_t *data;
    size_t size;
    uint64_t offset;
    bool last; /* the new file ends with it */
} rd__view;

void rd__scanner_init(rd__scanner *scanner, const rd_signature *signature, const rd__kernels *kernels);

/* Is there a block of the basis that would continue a copy at scanner->at? */
bool rd__scanner_continues(const rd__scanner *scanner);

/* The length of the budget windows: the ranges of the new file that have a budget of failures each. */
uint64_t rd__scanner_budget_window(const rd_signature *signature);

/* Are the failures of both scanners together free in any one budget window? Then the budget did not change what they
 * found.
 */
bool rd__scanner_within_budget(const rd__scanner *a, const rd__scanner *b);

/*
 * Finds the next copy, of one block or of several that follow each other in the basis. Only positions before `stop` are
 * decided, and the view must hold all from scanner->at on. False: there is none, and scanner->at has moved as far as
 * the view and `stop` allow: what lies before it and was not copied is literal.
 */
bool rd__scanner_next(rd__scanner *scanner, const rd__view *view, uint64_t stop, rd_op *copy);

#endif
