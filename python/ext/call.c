/* See call.h. */
#include "call.h"

#include <time.h>

/*
 * The time between two calls into Python: short for a person, long compared with the 5 ms that others may hold the GIL.
 */
#define LOOK_EVERY ((uint64_t)40 * 1000 * 1000)

static uint64_t call_now(void) {
    struct timespec time = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void call_begin(call *c, module_state *state, bool main, PyObject *progress) {
    *c = (call){.state = state, .main = main, .due = call_now() + LOOK_EVERY};
    c->progress = progress == Py_None ? NULL : progress;
}

bool call_use(call *c, open_file *file) {
    if (!file->object)
        return true;
    file->next = c->files;
    c->files = file;
    return call_files_open(c);
}

/* It need not be closed to be another: `io.FileIO.__init__` can be called again. */
static bool call_is_same(const open_file *file) {
    const int fd = PyObject_AsFileDescriptor(file->object);
    if (fd != -1 && fd != file->fd)
        PyErr_SetString(PyExc_ValueError, "I/O operation on a file object that was given another file");
    return fd == file->fd;
}

bool call_files_open(call *c) {
    for (const open_file *file = c->files; file && !c->failed; file = file->next)
        c->failed = !call_is_same(file);
    return !c->failed;
}

bool call_files_stayed_open(call *c) {
    return !c->left || call_files_open(c);
}

void call_release(call *c) {
    c->left = true;
    c->thread = PyEval_SaveThread();
}

void call_resume(call *c) {
    if (c->thread)
        PyEval_RestoreThread(c->thread);
    c->thread = NULL;
}

bool call_enter(call *c) {
    if (c->failed)
        return false;
    if (!c->thread)
        return true;
    /* The order matters: module_close reads `inside` after it has set `closing`. */
    atomic_fetch_add(&c->state->inside, 1);
    if (atomic_load(&c->state->closing) && !c->main) {
        atomic_fetch_sub(&c->state->inside, 1);
        return false;
    }
    PyEval_RestoreThread(c->thread);
    return true;
}

bool call_leave(call *c, bool good) {
    c->left = true;
    good = good && call_files_open(c);
    c->failed = !good;
    if (c->thread) {
        c->thread = PyEval_SaveThread();
        atomic_fetch_sub(&c->state->inside, 1);
    }
    return good;
}

/* Calls the caller's function. With the GIL. */
static bool call_tell(call *c) {
    c->told = true;
    if (!c->progress)
        return true;
    PyObject *const result = c->total == RD_UNKNOWN ? PyObject_CallFunction(c->progress, "KO", c->done, Py_None)
                                                    : PyObject_CallFunction(c->progress, "KK", c->done, c->total);
    Py_XDECREF(result);
    return result != NULL;
}

/*
 * The library reports an interrupted system call as progress of 0 bytes. Signals must be handled then, because the call
 * is repeated and may wait forever.
 */
bool call_on_progress(void *context, uint64_t done, uint64_t total) {
    call *const c = context;
    const bool interrupted = done == c->done;
    c->done = done;
    c->total = total;
    c->told = false;
    if (c->failed)
        return false;
    if (!c->main && !c->progress && !c->files)
        return !atomic_load(&c->state->closing);
    const uint64_t time = call_now();
    if (!interrupted && time < c->due)
        return true;
    if (!call_enter(c))
        return false;
    const bool good = PyErr_CheckSignals() == 0 && call_tell(c);
    c->due = call_now() + LOOK_EVERY;
    return call_leave(c, good);
}

bool call_tell_end(call *c) {
    if (!c->main && !c->progress && !c->files)
        return !c->failed;
    return call_enter(c) && call_leave(c, PyErr_CheckSignals() == 0 && (c->told || call_tell(c)));
}
