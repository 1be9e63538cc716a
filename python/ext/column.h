/*
 * Numbers that lie in memory of the library, as Python sees them: an object with a read-only buffer and nothing else,
 * which keeps what the memory belongs to. `memoryview` of it, numpy and arrow use the bytes where they are.
 */
#ifndef REDELTA_EXT_COLUMN_H
#define REDELTA_EXT_COLUMN_H

#include "module.h"

/* `format` is that of the struct module, `rows` x `width` its shape; a width of 0 means one number a row. */
typedef struct column_shape {
    const char *format; /* a static string */
    Py_ssize_t item;    /* bytes */
    Py_ssize_t rows;
    Py_ssize_t width;
} column_shape;

/* A new object for the numbers at `data`, which may be NULL if there are none. NULL with an exception set. */
PyObject *column_new(const module_state *state, PyObject *owner, const void *data, column_shape shape);

#endif
