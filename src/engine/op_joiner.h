/*
 * The joiner: from copies, in order, to the ops of a delta. It joins copies that continue each other in the basis, and
 * fills the gaps between them with literals of a bounded length, so that whoever writes them needs bounded memory. Its
 * ops are the same for any portions in which the copies come.
 */
#ifndef RD_ENGINE_OP_JOINER_H
#define RD_ENGINE_OP_JOINER_H

#include "redelta.h"

/* The longest literal command: what a length of two bytes can say, so it costs 3 bytes in 65535. */
#define RD__LITERAL_MAX 0xffffu

typedef struct rd__op_joiner {
    uint64_t given; /* ops were given out for all of the new file before this position */
    rd_op held;     /* the copy at `given` that may still grow; length 0: none */
    rd_op incoming; /* the copy behind it; length 0: none */
} rd__op_joiner;

/* Makes `first` the copy of both, if `second` continues it in the new file and in the basis. */
bool rd__copies_join(rd_op *first, const rd_op *second);

/* Adds a copy. Only when rd__op_joiner_next has returned false. */
void rd__op_joiner_add(rd__op_joiner *joiner, const rd_op *copy);

/*
 * Gives the next op. `reach` is the position up to which the new file was scanned: what lies before it and is in no
 * copy is literal. With `last`, it is the end of the file. False: more copies or a further reach are needed.
 */
bool rd__op_joiner_next(rd__op_joiner *joiner, uint64_t reach, bool last, rd_op *op);

/* The position from which on the new file's bytes may still be given out in literals. */
uint64_t rd__op_joiner_needs(const rd__op_joiner *joiner);

#endif
