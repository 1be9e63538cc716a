/*
 * A call from Python into the library, and the ways back: progress, signals, and whatever Python code is called.
 *
 * The library calls its callbacks in the thread that called it. So while the GIL is released, a callback takes it with
 * the thread state that was saved, and an exception that it raises waits in that thread until the call ends.
 *
 * When the interpreter ends, a thread that asks for the GIL is killed at once (Python before 3.14). That must not
 * happen inside the library, whose own threads use that thread's stack. So from then on only the main thread enters
 * Python, and the work of the others is cancelled; see module_close.
 */
#ifndef REDELTA_EXT_CALL_H
#define REDELTA_EXT_CALL_H

#include "module.h"

typedef struct call {
    module_state *state;
    PyThreadState *thread; /* while the GIL is released, else NULL */
    PyObject *progress;    /* or NULL */
    bool main;             /* this is the interpreter's main thread, which handles signals */
    bool failed;           /* Python code raised an exception, and is not called again */
    bool told;             /* the last progress was reported */
    uint64_t due;          /* when to call into Python again, in nanoseconds */
    uint64_t done;
    uint64_t total;
} call;

/* Sets the call up. `progress` is a callable or None. The GIL is still held. */
void call_begin(call *c, module_state *state, bool main, PyObject *progress);

/* Around the library's work: releases the GIL and takes it again. */
void call_release(call *c);
void call_resume(call *c);

/*
 * Around Python code in a callback: true if it may be called. Then call_leave must follow, which returns false if it
 * raised.
 */
bool call_enter(call *c);
bool call_leave(call *c, bool good);

/* The library's progress callback; its context is the call. False once Python code raised, signals included. */
bool call_on_progress(void *context, uint64_t done, uint64_t total);

/*
 * After work that succeeded, before its result gets its name: reports the last progress, if it was not reported yet.
 * False: Python code raised, signals included.
 */
bool call_tell_end(call *c);

#endif
