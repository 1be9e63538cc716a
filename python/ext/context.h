/*
 * A context of the library (rd_context) as a Python object: what operations keep for the next one. One operation at a
 * time may use it; another thread, or a callback of the operation, is refused.
 */
#ifndef REDELTA_EXT_CONTEXT_H
#define REDELTA_EXT_CONTEXT_H

#include "module.h"

/*
 * For an operation, after which context_leave must follow: *kept is what the library takes. `object` is a context, or
 * None: *kept is NULL. False, with an exception set: the context is in use or closed, or comes from before a fork.
 */
bool context_enter(const module_state *state, PyObject *object, rd_context **kept);
void context_leave(PyObject *object);

#endif
