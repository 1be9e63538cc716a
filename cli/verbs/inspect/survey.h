/*
 * survey.h: a delta of any number of commands, seen as a whole, in constant memory.
 *
 * People think of pieces, not of commands: a piece is a run of literals without anything between them, or of copies
 * each of which continues where the previous one ended. (Encoders divide long literals, at places without a meaning.)
 * Of pieces the survey keeps exact totals, the largest, and their distribution; and a map, which lists all of them as
 * long as there is room. After that, neighbours become one entry if they lie between the same two multiples of the
 * grain, which doubles as the delta grows: the map always shows all of the new file, only less sharply.
 */
#ifndef REDELTA_CLI_SURVEY_H
#define REDELTA_CLI_SURVEY_H

#include <redelta.h>

enum {
    SURVEY_LARGEST = 10,
    SURVEY_CLASSES = 63,         /* of lengths: 2^i to 2^(i+1) - 1. No file is longer */
    SURVEY_ENTRIES = 1024 * 128, /* in a map, at most; a power of 2 */
    SURVEY_KINDS = 2             /* RD_LITERAL and RD_COPY, which index the arrays */
};

/* An entry of the map: a piece, or several neighbours. */
typedef struct survey_entry {
    uint64_t target_offset;
    uint64_t length;
    uint64_t literal_bytes; /* the rest is copied */
    uint64_t basis_offset;  /* what is copied lies between these; 0 if nothing is */
    uint64_t basis_end;
    uint64_t pieces;
} survey_entry;

/* How the copies lie in the basis: the step from the end of one copied piece to the start of the next. */
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
    uint64_t basis_end; /* where the copies end: the basis is at least that long */
    uint64_t new_size;
    survey_entry *entries; /* the map, without gaps */
    size_t entry_count;
    size_t capacity;    /* entries that there is room for now */
    uint64_t grain;     /* bytes; 1: each entry is a piece */
    rd_op piece;        /* the one that is not complete yet; length 0: none */
    uint64_t copied_to; /* where the last copied piece ended in the basis */
} survey;

/* Starts an empty survey. False: no memory. */
bool survey_start(survey *s);
/* Takes the next command. An rd_op_fn; the context is the survey. */
bool survey_take(void *context, const rd_op *op);
/* Completes the survey after the last command. */
void survey_end(survey *s);
void survey_free(survey *s);

/* The share of each of `count` equal columns of the new file that is literal: 0 to 1. An empty file has none. */
void survey_shares(const survey *s, double *shares, size_t count);

#endif
