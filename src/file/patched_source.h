/*
 * A patched file that is not there: a source of what a delta makes of a basis, at any offset. The ops of the delta are
 * in memory, sorted as they are, so that a read finds the first one by bisection and then goes on from op to op; copies
 * are read from the basis, and literals from the delta, or from memory, if it cannot be read again.
 */
#ifndef RD_FILE_PATCHED_SOURCE_H
#define RD_FILE_PATCHED_SOURCE_H

#include "file/kept_literals.h"

/* An op. It ends where the next one begins. */
typedef struct rd__patched_op {
    uint64_t target;
    uint64_t from; /* a copy: in the basis; a literal, with the highest bit: in the delta, or in what was kept of it */
} rd__patched_op;

typedef struct rd__patched {
    const rd_source *basis;
    const rd_source *delta;
    rd__allowance allowance;
    rd__patched_op *ops; /* and one more, where the file ends */
    size_t count;
    size_t capacity;
    bool keeps; /* the literals are kept */
    rd__kept_literals kept;
    rd__op_reader reader; /* of the delta, which has ended: its trailer, and what its ops need */
} rd__patched;

/*
 * Reads the ops. Basis and delta must outlive it. Memory: 16 bytes an op, and literals that have to be kept, together
 * at most `memory`. rd__patched_close must follow in any case. Errors: those of rd__ops_next, RD_E_LIMIT.
 */
rd_result rd__patched_open(rd__patched *patched, const rd_source *basis, const rd_source *delta,
                           rd__operation *operation, uint64_t memory);
void rd__patched_close(rd__patched *patched);

/* The source, valid until it is closed. Reading fails as rd__basis_read does, and with RD_E_TRUNCATED of the delta. */
rd_source rd__patched_source(rd__patched *patched);

#endif
