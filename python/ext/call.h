/*
 * A call from Python into the library, and the ways back: progress, signals, and whatever Python code is called.
 *
 * The library calls its callbacks in the thread that called it. So while the GIL is released, a callback takes it with
 * the thread state that was saved, and an exception that it raises waits in that thread until the call ends.
 *
 * When the interpreter ends, a thread that asks for the GIL is killed at once (Python before 3.14). That must not
 * happen inside the library, whose own threads use that thread's stack. So from then on only the main thread enters
 * Python, and the work of the others is cancelled; see module_close.
 *
 * The library works with descriptors, and a file object may be closed while it does, by a callback or another thread.
 * Its number may then be another file's. So a call looks at the objects whenever it has been in Python, and at its end
 * before it gives its result: nothing that was read by the number of a closed file gets out. They are not duplicated
 * instead, because closing a duplicate releases the locks (fcntl) that the process has on the file.
 */
#ifndef REDELTA_EXT_CALL_H
#define REDELTA_EXT_CALL_H

#include "module.h"

/* A file object of the caller's, and the descriptor that it had when it was given. */
typedef struct open_file {
    PyObject *object; /* NULL: there is none */
    int fd;
    const struct open_file *next; /* of the files of the call that uses it */
} open_file;

typedef struct call {
    module_state *state;
    PyThreadState *thread; /* while the GIL is released, else NULL */
    PyObject *progress;    /* or NULL */
    bool main;             /* this is the interpreter's main thread, which handles signals */
    bool failed;           /* Python code raised an exception, and is not called again */
    bool told;             /* the last progress was reported */
    bool left;             /* the GIL was released, or Python code was called */
    uint64_t due;          /* when to call into Python again, in nanoseconds */
    uint64_t done;
    uint64_t total;
    const open_file *files; /* a list, the last one first; NULL: none */
} call;

/* Sets the call up. `progress` is a callable or None. The GIL is still held. */
void call_begin(call *c, module_state *state, bool main, PyObject *progress);

/*
 * Adds a file that the call uses, which must stay where it is. False, with an exception set, if it is no longer open.
 * Nothing is done for one without an object.
 */
bool call_use(call *c, open_file *file);

/* Are all files open, and those that they were? If not, an exception is set and the call has failed. With the GIL. */
bool call_files_open(call *c);

/* The same at the end of a call, with nothing to do if Python code cannot have run. */
bool call_files_stayed_open(call *c);

/* Around the library's work: releases the GIL and takes it again. */
void call_release(call *c);
void call_resume(call *c);

/*
 * Around Python code in a callback: true if it may be called. Then call_leave must follow, which returns false if it
 * raised, or closed a file.
 */
bool call_enter(call *c);
bool call_leave(call *c, bool good);

/*
 * The library's progress callback; its context is the call. False once Python code raised, signals included, or a file
 * was closed.
 */
bool call_on_progress(void *context, uint64_t done, uint64_t total);

/*
 * After work that succeeded, before its result gets its name: reports the last progress, if it was not reported yet.
 * False: Python code raised, signals included, or a file was closed.
 */
bool call_tell_end(call *c);

#endif
