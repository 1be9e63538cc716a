/*
 * The delta window: turns the bytes of the new file, in chunks of any size, into the ops of its delta. It keeps a
 * window of the new file over which the scanner runs, and holds the bytes of each literal until its op has been
 * written. Its memory is bounded by a few blocks and literals, and by what has arrived: a signature that claims huge
 * blocks takes none.
 */
#ifndef RD_ENGINE_DELTA_WINDOW_H
#define RD_ENGINE_DELTA_WINDOW_H

#include "engine/op_joiner.h"
#include "engine/scanner.h"

typedef struct rd__delta_window {
    rd__scanner scanner;
    rd__op_joiner joiner;
    uint8_t *data;
    size_t capacity;
    rd__view view;               /* of the data */
    bool scanned;                /* the view has been scanned to its end */
    const rd__zero_block *zeros; /* not NULL: zeros are passed, up to: */
    uint64_t zeros_stop;
    bool prompt; /* as rd__delta_window_set_prompt says */
} rd__delta_window;

/* The signature may be NULL: an empty basis. Holds no memory yet. */
void rd__delta_window_init(rd__delta_window *window, const rd_signature *signature, const rd__kernels *kernels);
/*
 * Makes the window give its ops when librsync does, so that it is never silent for longer: literals in parts of 32 KiB,
 * a block once the byte after it is known; and if there are no blocks to find, all bytes that there are, so that then
 * the ops depend on the chunks. Before the first byte.
 */
void rd__delta_window_set_prompt(rd__delta_window *window);
void rd__delta_window_free(rd__delta_window *window);

/*
 * Where to put the next bytes of the new file: at least `wanted`, *room of them. NULL: out of memory. Once the window
 * has given an op, only after rd__delta_window_next has returned false. rd__delta_window_add reports how many were put
 * there, rd__delta_window_end that no more follow.
 */
uint8_t *rd__delta_window_room(rd__delta_window *window, size_t wanted, size_t *room);
void rd__delta_window_add(rd__delta_window *window, size_t size);
void rd__delta_window_end(rd__delta_window *window);

/*
 * Lets rd__delta_window_next copy blocks of zeros without having their bytes: the new file has nothing but zeros from
 * the position that is to be decided next up to `end`. Only after it has returned false; once it does so again,
 * scanner.at is where the next bytes start if that is not before the end of what was added; otherwise nothing has
 * changed. False: there is nothing to be passed.
 */
bool rd__delta_window_pass_zeros(rd__delta_window *window, const rd__zero_block *zeros, uint64_t end);

/* May a delta of `taken` bytes of a new file, or more, be made beside this signature? The window takes two blocks. */
bool rd__delta_window_allowed(const rd_signature *signature, uint64_t taken, const rd_limits *limits);
/* The same of what was added so far. RD_E_LIMIT: no. */
rd_result rd__delta_window_check(const rd__delta_window *window, const rd_limits *limits, rd_error *error);

/*
 * May what was added wait for more, although the window is prompt? It does nothing but continue a copy, as far as weak
 * sums tell, so no op is due; only if one is wrong, ops come later than they might. For bytes that were not scanned.
 */
bool rd__delta_window_may_wait(rd__delta_window *window);

/*
 * Gives the next op; for a literal, *literal is its bytes, valid until the next rd__delta_window_room. False: more of
 * the new file is needed, or it has ended and that was all.
 */
bool rd__delta_window_next(rd__delta_window *window, rd_op *op, const uint8_t **literal);

#endif
