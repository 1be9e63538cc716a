/*
 * Where the library reads from, as passed from Python: an int is an open descriptor, a tuple of two is a descriptor and
 * the offset in its file at which to start, a callable is asked for bytes with (offset, size), anything else is a
 * buffer.
 */
#ifndef REDELTA_EXT_SOURCE_H
#define REDELTA_EXT_SOURCE_H

#include "call.h"

typedef struct source {
    rd_source from;
    rd_source inner; /* of source_release_reads */
    PyObject *read;  /* if it is a callable */
    Py_buffer view;  /* if it is a buffer */
    call *call;      /* in which the callable is called */
    bool in_order;   /* the callable cannot be asked again once it gave nothing */
    bool ended;
} source;

/* Fills a zeroed source, which must stay where it is. False, with an exception set, on failure. */
bool source_open(source *s, PyObject *object, call *c, bool seekable);
void source_close(source *s);

/* Makes reads from a descriptor release the GIL, if the call still has it. */
void source_release_reads(source *s);

/* A few bytes in memory. */
bool source_is_small(const source *s);

#endif
