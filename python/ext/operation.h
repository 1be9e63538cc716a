/*
 * What all whole operations share: files, options, and the steps in their order. See operations.c.
 */
#ifndef REDELTA_EXT_OPERATION_H
#define REDELTA_EXT_OPERATION_H

#include "call.h"
#include "sink.h"
#include "source.h"

enum { SOURCES_USUAL = 2 };

typedef struct operation {
    call call;
    source usual[SOURCES_USUAL];
    source *sources; /* the usual ones, or more that were allocated */
    int source_count;
    sink sink;
    rd_replace replace;
    bool small; /* so that the GIL is kept */
    rd_options options;
    rd_stats stats;
    rd_error error;
    PyObject *names;
    PyObject *names_of_deltas;     /* of a merge: a tuple of names, one for each delta; else NULL */
    bool has_basis;                /* of a merge: the last source is that */
    PyObject *context;             /* that is in use */
    const rd_signature *signature; /* that a delta is made with, or that is written */
    rd_signature *made;            /* that was made or loaded */
    uint64_t offset, length;       /* of a part, and length may be RD_UNKNOWN */
    const rd_signature **parts;    /* to be joined */
    size_t part_count;
    uint8_t digest[RD_DIGEST_LEN];
    rd_part part; /* that was inspected */
    rd_kind kind; /* of what is inspected */
    bool compressed;
    uint64_t basis_least; /* that the inspected delta copies from */
} operation;

typedef rd_result work_fn(operation *o);

/* Sets up a zeroed operation. False, with an exception set, if the keywords are wrong or the context is in use. */
bool operation_begin(operation *o, PyObject *module, PyObject *keywords);

/* Adds a source, or those of a tuple, before which there are none, and for one more. False, with an exception set. */
bool operation_add_source(operation *o, PyObject *object, bool seekable);
bool operation_add_sources(operation *o, PyObject *objects);
/* The first `count` sources, to be freed. NULL: out of memory, and o->error says so. */
rd_source *operation_first_sources(operation *o, size_t count);

/* For few bytes in memory, neither a thread nor releasing the GIL pays. */
void operation_note_small(operation *o);

void operation_run(operation *o, work_fn *work);
/* False with an exception set: the one that Python code raised, that of a closed file, or of the library's error. */
bool operation_succeeded(operation *o);
/* Runs an operation with a sink. Returns (bytes or None, statistics). */
PyObject *operation_run_to_sink(operation *o, work_fn *work);

void operation_end(operation *o);

#endif
