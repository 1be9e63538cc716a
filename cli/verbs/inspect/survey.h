/*
 * survey.h: a delta of any number of commands, seen as a whole, in constant memory.
 *
 * People think of pieces, not of commands: a piece is a run of literals without anything between them, or of copies of
 * which each goes on where the one before ended. (Encoders cut long literals, at places that mean nothing.) Of pieces
 * the survey keeps exact totals, the largest, and their distribution; and the map, which is the list of all of them as
 * long as they are not too many. Then neighbours become one stretch, those that lie in one cell of a grid, and the grid
 * gets coarser as the delta goes on: the map always shows the whole, only less sharply.
 */
#ifndef REDELTA_CLI_SURVEY_H
#define REDELTA_CLI_SURVEY_H

#include <redelta.h>

enum {
    SURVEY_LARGEST = 10,
    SURVEY_CLASSES = 63,           /* of lengths: 2^i to 2^(i+1) - 1. No file is longer */
    SURVEY_STRETCHES = 1024 * 128, /* in a map, at most */
    SURVEY_KINDS = 2               /* RD_LITERAL and RD_COPY, which index the arrays */
};

/* A part of the map: a piece, or some neighbours. */
typedef struct survey_stretch {
    uint64_t target_offset;
    uint64_t length;
    uint64_t literal_bytes; /* the rest is copied */
    uint64_t basis_offset;  /* what is copied lies between these; 0 if nothing is */
    uint64_t basis_end;
    uint64_t pieces;
} survey_stretch;

/* How the copies lie in the basis: what each step is from the end of one copied piece to the begin of the next. */
typedef struct survey_steps {
    uint64_t next;       /* to the very next byte: something is inserted there */
    uint64_t forward;    /* over some bytes: they are gone, or replaced */
    uint64_t back;       /* moved or repeated */
    uint64_t back_bytes; /* RD_UNKNOWN: more than can be counted */
} survey_steps;

/* Pieces of one kind. */
typedef struct survey_pieces {
    uint64_t count;
    uint64_t bytes;
    rd_op largest[SURVEY_LARGEST]; /* the largest first, of equal ones the earlier */
    int largest_count;
    uint64_t class_count[SURVEY_CLASSES];
    uint64_t class_bytes[SURVEY_CLASSES];
} survey_pieces;

typedef struct survey {
    survey_pieces pieces[SURVEY_KINDS];
    survey_steps steps;
    uint64_t basis_end; /* where the copies reach: the basis is at least so long */
    uint64_t new_size;
    survey_stretch *stretches; /* the map: they follow each other without a gap */
    size_t stretch_count;
    uint64_t cell;      /* of the grid; 1: each stretch is a piece */
    rd_op piece;        /* that is not complete yet; length 0: none */
    uint64_t copied_to; /* where the last copied piece ended in the basis */
} survey;

/* Begins an empty survey. False: no memory. */
bool survey_begin(survey *s);
/* Takes the next command. An rd_op_fn; the context is the survey. */
bool survey_take(void *context, const rd_op *op);
/* All commands were taken. Only now the survey is complete. */
void survey_end(survey *s);
void survey_free(survey *s);

/* Which share of each of `count` equal parts of the new file is literal: 0 to 1. An empty file has none. */
void survey_shares(const survey *s, double *shares, size_t count);

#endif
