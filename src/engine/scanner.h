/*
 * The scanner: finds, from left to right, the places in the new file at which blocks of the basis occur. It is greedy:
 * if the window, one block length of bytes, is a block of the basis, the block is taken and the search continues after
 * it; otherwise the window rolls forward by one byte. The copies do not depend on the chunks in which the new file
 * arrives.
 */
#ifndef RD_ENGINE_SCANNER_H
#define RD_ENGINE_SCANNER_H

#include "engine/signature.h"
#include "engine/signer.h"
#include "hash/kernels.h"

/* The sums of a block of the new file that were made elsewhere: its strong sum need not be made again. */
typedef struct rd__hint {
    uint64_t at; /* where the block starts; RD_UNKNOWN: there is none */
    rd__block_sums sums;
} rd__hint;

/* A window with the weak sum of a block, whose strong sum decides whether it is that block. */
typedef struct rd__candidate {
    const uint8_t *data; /* of the window; NULL: there is none */
    rd__index_range range;
    uint64_t guess; /* which block it may be */
    bool continues; /* that is the one after the last copy */
} rd__candidate;

typedef struct rd__scanner {
    const rd_signature *signature; /* NULL: nothing matches */
    const rd__kernels *kernels;
    /* What determines the rest of the parse, together with the bytes of the new file from `at` on: */
    uint64_t at;         /* the position in the new file to decide next */
    bool after_copy;     /* a copy ends at `at` ... */
    uint64_t next_block; /* ... and this block of the basis, if there is one, would continue it */
    uint64_t budget_end; /* of the budget window that the next two belong to */
    uint64_t blocked;    /* before this position, no strong sum is made */
    uint32_t failures;   /* strong sums that matched nothing */
    /* What only saves work: */
    bool rolling; /* the window at `at` is known not to match, and `weak` is its weak sum */
    uint32_t weak;
    size_t stride;           /* positions to seek through at once: the more, the longer nothing has matched */
    const rd__hint *hint;    /* or NULL */
    uint64_t expected;       /* blocks from `at` on known to have the weak sums of `next_block` and those after it */
    size_t run;              /* blocks to verify at once: fewer where strong sums differ although weak sums agree */
    rd__candidate candidate; /* the window at `at`, where rd__scanner_step has left off */
    /* What is only reported: */
    uint32_t worst; /* failures in the worst budget window, or more */
    uint64_t false_matches;
} rd__scanner;

/* The range of the new file that is in memory: data[0 .. size), which starts at byte `offset` of the file. */
typedef struct rd__view {
    const uint8_t *data;
    size_t size;
    uint64_t offset;
    bool last; /* the new file ends with it */
} rd__view;

/* Is there a block of zeros in the basis? Which is the first one, by what copies of zeros are made. */
typedef struct rd__zero_block {
    bool exists;
    uint64_t first;
} rd__zero_block;

/* Hashes a block of zeros, and looks it up. */
rd__zero_block rd__scanner_find_zeros(const rd_signature *signature, const rd__kernels *kernels);

void rd__scanner_init(rd__scanner *scanner, const rd_signature *signature, const rd__kernels *kernels);

/* Is there a block of the basis that would continue a copy at scanner->at? */
bool rd__scanner_continues(const rd__scanner *scanner);

/*
 * Does nothing but what would continue the last copy stand in the view, from scanner->at on, as far as the weak sums of
 * its whole blocks tell? They are remembered, and not made again. The view is one that scanner->at lies in.
 */
bool rd__scanner_expects(rd__scanner *scanner, const rd__view *view);

/* The length of the budget windows: the ranges of the new file that have a budget of failures each. */
uint64_t rd__scanner_budget_window(const rd_signature *signature);

/* Are the failures of both scanners together free in every budget window? Then the budget changed neither parse. */
bool rd__scanner_within_budget(const rd__scanner *a, const rd__scanner *b);

/*
 * Finds the next copy, of one block or of several that follow each other in the basis. Only positions before `stop` are
 * decided. The view must not start after scanner->at. False: there is none, and scanner->at has moved as far as the
 * view and `stop` allow; the bytes before it that were not copied are literal.
 */
bool rd__scanner_next(rd__scanner *scanner, const rd__view *view, uint64_t stop, rd_op *copy);

/* What a step of the scanner has come to: a copy; the end, as where rd__scanner_next returns false; or a candidate. */
typedef enum rd__step { RD__STEP_COPY, RD__STEP_END, RD__STEP_CANDIDATE } rd__step;

/*
 * Like rd__scanner_next, but it leaves the strong sum of a single window to its caller, who can make several at once:
 * after a candidate, rd__scanner_decide must follow, with the strong sum of the block at scanner->candidate.data.
 */
rd__step rd__scanner_step(rd__scanner *scanner, const rd__view *view, uint64_t stop, rd_op *copy);

/* Decides the candidate by its strong sum, which has its full length. True: it is a copy. */
bool rd__scanner_decide(rd__scanner *scanner, const uint8_t *strong, rd_op *copy);

/*
 * Like rd__scanner_next, without a view, where the windows at all positions from scanner->at up to `stop` are zeros: it
 * takes a step a block. False: there is no copy, or it takes the bytes to find out; scanner->at has not moved.
 */
bool rd__scanner_next_zeros(rd__scanner *scanner, const rd__zero_block *zeros, uint64_t stop, rd_op *copy);

#endif
