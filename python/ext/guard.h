/* The lock of an object that one thread at a time may use. */
#ifndef REDELTA_EXT_GUARD_H
#define REDELTA_EXT_GUARD_H

#include "module.h"

typedef struct guard {
    PyThread_type_lock lock;
    atomic_ulong owner; /* of the lock: a thread, or 0 */
} guard;

/* Opens a zeroed guard. False, with an exception set, on failure. Closing one that is not open does nothing. */
bool guard_open(guard *g);
void guard_close(guard *g);

/*
 * Waits for other threads, and signals end the wait; a call from within a call of the same thread, which would wait
 * forever, is refused. False, with an exception set, on failure. `role` is for the exception.
 */
bool guard_enter(guard *g, const module_state *state, rd_role role);
/* The same without waiting. False, without an exception, if it is in use. */
bool guard_try(guard *g);
void guard_leave(guard *g);

#endif
