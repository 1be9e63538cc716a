/*
 * Where the library reads from, as passed from Python: an int is an open descriptor that nobody else closes, a tuple of
 * two is a file object of the caller's and the offset in its file at which to start (None: it is read in order), one
 * of three likewise with the length of a range, a callable is asked for bytes with (offset, size), a tuple of a
 * callable and an int is one with so many bytes, anything else is a buffer.
 */
#ifndef REDELTA_EXT_SOURCE_H
#define REDELTA_EXT_SOURCE_H

#include "call.h"

typedef struct source {
    rd_source from;
    rd_source inner; /* of source_release_reads */
    open_file file;  /* if it is the caller's */
    PyObject *read;  /* if it is a callable */
    Py_buffer view;  /* if it is a buffer */
    call *call;      /* in which the callable is called */
    bool in_order;   /* the callable cannot be asked again once it gave nothing */
    bool ended;
} source;

/*
 * Fills a zeroed source, which must stay where it is. The call may be NULL. False, with an exception set, on failure.
 */
bool source_open(source *s, PyObject *object, call *c, bool seekable);
void source_close(source *s);

/* For a source that outlives a call: uses it in this one. False, with an exception set, if it is no longer open. */
bool source_use(source *s, call *c);

/* Makes reads from a descriptor release the GIL, if the call still has it. */
void source_release_reads(source *s);

/* A few bytes in memory. */
bool source_is_small(const source *s);

#endif
