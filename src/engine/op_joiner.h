/*
 * The op joiner: turns copies, in order, into the ops of a delta. It joins copies that continue each other in the
 * basis, and fills the gaps between them with literals of bounded length, so that writing them takes bounded memory.
 * The ops do not depend on the chunks in which the new file arrives.
 */
#ifndef RD_ENGINE_OP_JOINER_H
#define RD_ENGINE_OP_JOINER_H

#include "redelta.h"

/* The longest literal command: the greatest length that takes two bytes, so a command costs 3 bytes in 65535. */
#define RD__LITERAL_MAX 0xffffu

typedef struct rd__op_joiner {
    uint64_t emitted;     /* the new file before this position is covered by the ops returned so far */
    rd_op held;           /* the copy at `emitted` that may still grow; length 0: none */
    rd_op incoming;       /* the copy after it; length 0: none */
    uint64_t literal_max; /* of this joiner, less than RD__LITERAL_MAX; 0: that */
} rd__op_joiner;

/* Makes `first` the copy of both, if `second` continues it in the new file and in the basis. */
bool rd__copies_join(rd_op *first, const rd_op *second);

/* Adds a copy. Only after rd__op_joiner_next has returned false. */
void rd__op_joiner_add(rd__op_joiner *joiner, const rd_op *copy);

/*
 * Returns the next op in *op. `reach` is the position up to which the new file was scanned: bytes before it that are in
 * no copy are literal. With `last`, it is the end of the file. False: more copies or a greater reach are needed.
 */
bool rd__op_joiner_next(rd__op_joiner *joiner, uint64_t reach, bool last, rd_op *op);

/* The position from which on the new file's bytes may still be returned in literals. */
uint64_t rd__op_joiner_needs(const rd__op_joiner *joiner);

#endif
