/* See guard.h. */
#include "guard.h"

bool guard_open(guard *g) {
    g->lock = PyThread_allocate_lock();
    if (!g->lock)
        PyErr_NoMemory();
    return g->lock != NULL;
}

void guard_close(guard *g) {
    if (g->lock)
        PyThread_free_lock(g->lock);
    g->lock = NULL;
}

static bool guard_wait(guard *g) {
    for (;;) {
        PyLockStatus status;
        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(g->lock, -1, 1);
        Py_END_ALLOW_THREADS
        if (status == PY_LOCK_ACQUIRED)
            return true;
        if (PyErr_CheckSignals() != 0)
            return false;
    }
}

bool guard_try(guard *g) {
    if (PyThread_acquire_lock(g->lock, NOWAIT_LOCK) != PY_LOCK_ACQUIRED)
        return false;
    atomic_store(&g->owner, PyThread_get_thread_ident());
    return true;
}

bool guard_enter(guard *g, const module_state *state, rd_role role) {
    const unsigned long thread = PyThread_get_thread_ident();
    if (atomic_load(&g->owner) == thread) {
        (void)raise_state(state, role, "it is in use: what it calls may not call it");
        return false;
    }
    if (guard_try(g))
        return true;
    if (!guard_wait(g))
        return false;
    atomic_store(&g->owner, thread);
    return true;
}

void guard_leave(guard *g) {
    atomic_store(&g->owner, 0);
    PyThread_release_lock(g->lock);
}
