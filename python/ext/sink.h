/*
 * Where the library writes to, as passed from Python: None asks for a bytes object, a tuple of one is a file object of
 * the caller's whose descriptor is written to, bytes are the path of a destination, and a callable takes bytes.
 * A tuple of two callables is written to in order by the first, and with (offset, bytes) by the second.
 * Anything else is a file in memory, whose `write` copies its argument before it returns, so that it can be passed the
 * library's own memory.
 *
 * The size of a bytes object must be known when it is made. If it is, the object is filled in place; if not, or if the
 * size was wrong, the bytes are collected in memory that grows, and copied at the end. An empty file in memory takes
 * such an object over without a copy.
 */
#ifndef REDELTA_EXT_SINK_H
#define REDELTA_EXT_SINK_H

#include "call.h"

typedef struct sink {
    rd_sink to;
    rd_sink inner; /* of sink_release_writes */
    call *call;    /* in which Python code is called */
    bool gathers;  /* a bytes object is asked for */
    bool expects;  /* a size is useful: it collects bytes, or is an empty file in memory */
    uint8_t *data; /* in `bytes`, or allocated */
    size_t size;
    size_t capacity;
    PyObject *bytes;    /* NULL: no size was expected */
    PyObject *write;    /* if it is a callable, or of a file in memory */
    PyObject *write_at; /* or NULL: it is written to in order */
    PyObject *memory;   /* if it is a file in memory */
    open_file file;     /* if it has one: others may have to read before more can be written, if that is a pipe */
    const char *path;   /* if it is a destination; as long as the object is there */
    rd_destination *destination;
    unsigned notes; /* RD_NOTE_* of its commit */
} sink;

/* Fills a zeroed sink, which must stay where it is. False, with an exception set, on failure. With the GIL. */
bool sink_open(sink *s, PyObject *object, call *c);

/* For a sink that outlives a call: uses it in this one. False, with an exception set, if it is no longer open. */
bool sink_use(sink *s, call *c);

/* Expects `size` bytes, if the sink can. 0: the size is not known. With the GIL. */
void sink_expect(sink *s, uint64_t size);

/* Opens the destination, if it is one. Without the GIL. */
rd_result sink_start(sink *s, rd_replace replace, rd_error *error);
/* Gives the destination its name after success, else discards it. Without the GIL. Returns the result of all that. */
rd_result sink_finish(sink *s, rd_result result, rd_error *error);

/*
 * Makes writes to a descriptor or a destination release the GIL, if the call still has it. After sink_start, which must
 * have succeeded.
 */
void sink_release_writes(sink *s);

/* Warns of what the commit did less well than it should, `level` frames up. False: that raised an exception. With the
 * GIL. */
bool sink_warn(const sink *s, int level);

/* The result of a sink that succeeded: the bytes, or None. With the GIL. */
PyObject *sink_take(sink *s);
void sink_close(sink *s);

/* An rd_write_fn that appends to the bytes; its context is the sink. */
rd_result sink_append(void *context, const void *data, size_t size);

/* Makes room for `size` more bytes. False: out of memory. */
bool sink_reserve(sink *s, size_t size);

/* How many bytes to reserve at once, of `most` in all: in proportion to the size so far. 0: it is `most`. */
size_t sink_room(const sink *s, size_t most);

#endif
