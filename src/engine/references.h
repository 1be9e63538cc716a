/*
 * References: what becomes of the ops of a delta when they are looked up in the delta before it.
 *
 * A chain of deltas makes file 1 of file 0, file 2 of file 1, and so on. A *reference* is a range of the last file and
 * where its bytes come from: from a range of an earlier file, then it is *open*; or from a literal of one of the
 * deltas, then it is *settled*. One open reference to the whole last file is the start. Then the deltas are met, from
 * the last one to the first, each in the order of its ops: an open reference to the file that a delta makes is cut at
 * the ends of the delta's ops, and becomes pieces that are settled, or refer to the file before. In the end, what is
 * open refers to file 0, and the references, in the order of the last file, are the merged delta.
 *
 * For each delta the open references are sorted by where they begin in its file. The ops come in that order, too, so
 * each op meets the references that begin in it, and those that have reached it: there is no search, references may
 * overlap, and the work is that of the sorting and of the pieces.
 *
 * The pieces can be many more than the ops: each of m copies of the same n ops becomes n. So their memory has a limit,
 * and so has the work, or a few bytes for one more delta would cost as much as all that fits into the memory. As long
 * as no byte of a file is used twice, each op cuts one reference at most, so there are no more of them than ops so far.
 * Whatever is more than twice that, for files that do repeat, counts; the sum over all deltas has a limit, in
 * proportion to that of the memory.
 */
#ifndef RD_ENGINE_REFERENCES_H
#define RD_ENGINE_REFERENCES_H

#include "base/allowance.h"

typedef struct rd__reference {
    uint64_t target; /* in the last file */
    uint64_t length;
    uint64_t from;  /* open: in the earlier file; settled: where its bytes are, for whoever has settled it */
    uint32_t delta; /* settled: that has the literal */
} rd__reference;

typedef struct rd__reference_list {
    rd__reference *at;
    size_t count;
    size_t capacity;
} rd__reference_list;

/* All zero at the start, but for the allowance. */
typedef struct rd__references {
    rd__allowance allowance;
    rd__reference_list
        open; /* while a delta is met: those that have reached the op, then a gap, then those that follow */
    rd__reference_list next; /* to the file before: what `open` is when the delta has ended */
    rd__reference_list settled;
    size_t reached;      /* the number of open ones that the ops so far have reached and not completed */
    size_t follow;       /* the first of `open` that begins behind the ops so far */
    uint64_t ops;        /* that were met */
    uint64_t multiplied; /* the references that count as work */
    size_t taken_open;
    size_t taken_settled;
} rd__references;

/*
 * The bytes [from, from + length) of the file that is being met lie in a literal. Returns in *at where they will be
 * found. Called in the order of `from`; the ranges may overlap.
 */
typedef rd_result rd__settle_fn(void *context, uint64_t from, uint64_t length, uint64_t *at);

/* Starts with one reference, to the whole of the last file. Errors, of all these: RD_E_LIMIT, RD_E_MEMORY. */
rd_result rd__references_start(rd__references *references, rd_error *error);
void rd__references_free(rd__references *references);

/* Before the ops of a delta. RD_E_LIMIT, about the delta: also of the work. */
rd_result rd__references_begin(rd__references *references, rd_error *error);
/* Is some of the op's range referred to? */
bool rd__references_want(const rd__references *references, const rd_op *op);
/* The next op of delta `delta`; `settle` is for literals. Errors: also those of `settle`. */
rd_result rd__references_meet(rd__references *references, const rd_op *op, uint32_t delta, rd__settle_fn *settle,
                              void *context, rd_error *error);
/* After the last op. What is left refers to bytes beyond the end of the file, and is forgotten. */
void rd__references_end(rd__references *references);

/* After the first delta: sorts what there is by its place in the last file ... */
rd_result rd__references_finish(rd__references *references, rd_error *error);
/* ... and gives one after the other. False: there are no more. */
bool rd__references_take(rd__references *references, rd__reference *reference, bool *is_open);

#endif
