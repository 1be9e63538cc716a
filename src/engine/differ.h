/*
 * The differ: from the bytes of the new file, in any portions, to the ops of its delta. It keeps a window of the new
 * file over which the scanner runs, and holds the bytes of each literal until its op has been written. Its memory is
 * bounded by a few blocks and literals, and by what has arrived: a signature that claims huge blocks takes none.
 */
#ifndef RD_ENGINE_DIFFER_H
#define RD_ENGINE_DIFFER_H

#include "engine/op_joiner.h"
#include "engine/scanner.h"

typedef struct rd__differ {
    rd__scanner scanner;
    rd__op_joiner joiner;
    uint8_t *window;
    size_t capacity;
    rd__view view;   /* of the window */
    bool scanned;    /* the view has been scanned to its end */
    rd_stats *stats; /* the caller's; ops are counted in it */
} rd__differ;

/* The signature may be NULL: an empty basis. Holds no memory yet. */
void rd__differ_init(rd__differ *differ, const rd_signature *signature, const rd__kernels *kernels, rd_stats *stats);
void rd__differ_free(rd__differ *differ);

/*
 * Where to put the next bytes of the new file: at least `wanted`, *room of them. NULL: out of memory. Only when
 * rd__differ_next has returned false. rd__differ_add says how many were put there, rd__differ_end that no more follow.
 */
uint8_t *rd__differ_room(rd__differ *differ, size_t wanted, size_t *room);
void rd__differ_add(rd__differ *differ, size_t size);
void rd__differ_end(rd__differ *differ);

/* May a delta of `taken` bytes of a new file, or more, be made beside this signature? The window takes two blocks. */
bool rd__window_allowed(const rd_signature *signature, uint64_t taken, const rd_limits *limits);
/* The same of what was added so far. RD_E_LIMIT: no. */
rd_result rd__differ_check(const rd__differ *differ, const rd_limits *limits, rd_error *error);

/*
 * Gives the next op; for a literal, *literal is its bytes, valid until the next rd__differ_room. False: more of the new
 * file is needed, or it has ended and that was all.
 */
bool rd__differ_next(rd__differ *differ, rd_op *op, const uint8_t **literal);

#endif
