/* A loaded signature as a Python object: immutable, so threads share it without a lock. */
#ifndef REDELTA_EXT_TABLE_H
#define REDELTA_EXT_TABLE_H

#include "module.h"

typedef struct table {
    PyObject_HEAD
    rd_signature *signature;
    uint64_t memory_max; /* of the signature, and of a delta made with it; 0: any amount */
} table;

/* Takes ownership of the signature, even on failure: NULL with an exception set. */
PyObject *table_new(const module_state *state, rd_signature *signature, uint64_t memory_max);

#endif
