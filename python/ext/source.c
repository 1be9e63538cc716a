/* See source.h. */
#include "source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIPE_READ_MAX ((size_t)1 << 20)

/* Copies the bytes that the caller's function returned. */
static bool source_take(PyObject *given, void *data, size_t size, size_t *got) {
    Py_buffer view;
    if (PyObject_GetBuffer(given, &view, PyBUF_SIMPLE) != 0)
        return false;
    const bool fits = (size_t)view.len <= size;
    if (fits) {
        memcpy(data, view.buf, (size_t)view.len);
        *got = (size_t)view.len;
    } else {
        PyErr_Format(PyExc_ValueError, "read(%zu) gave %zd bytes", size, view.len);
    }
    PyBuffer_Release(&view);
    return fits;
}

static rd_result source_read_callable(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    source *const s = context;
    *got = 0;
    if (s->ended)
        return RD_OK;
    if (!call_enter(s->call))
        return RD_E_CANCELLED;
    PyObject *const given = PyObject_CallFunction(s->read, "Kn", offset, (Py_ssize_t)size);
    const bool good = given && source_take(given, data, size, got);
    Py_XDECREF(given);
    s->ended = s->in_order && *got == 0;
    return call_leave(s->call, good) ? RD_OK : RD_E_CANCELLED;
}

/*
 * (file, start) or (file, start, length): the descriptor's own position, which other threads may use, does not change,
 * unless start is None.
 */
static bool source_open_file(source *s, PyObject *place) {
    PyObject *file, *start;
    unsigned long long length = RD_UNKNOWN;
    if (!PyArg_ParseTuple(place, "OO|K", &file, &start, &length))
        return false;
    const unsigned long long at = start == Py_None ? 0 : PyLong_AsUnsignedLongLong(start);
    const int fd = PyErr_Occurred() ? -1 : PyObject_AsFileDescriptor(file);
    if (fd == -1)
        return false;
    s->file = (open_file){.object = Py_NewRef(file), .fd = fd};
    s->from = start == Py_None ? rd_source_fd(fd) : rd_source_fd_at(fd, at);
    if (length != RD_UNKNOWN)
        s->from = rd_source_range(&s->from, 0, length);
    return true;
}

static void source_open_callable(source *s, PyObject *read, uint64_t size, bool seekable) {
    s->read = Py_NewRef(read);
    s->in_order = !seekable;
    s->from = rd_source_callback(source_read_callable, s, size, seekable ? RD_SEEKABLE : 0);
}

static bool source_open_sized(source *s, PyObject *pair, bool seekable) {
    PyObject *read;
    unsigned long long size;
    if (!PyArg_ParseTuple(pair, "OK", &read, &size))
        return false;
    source_open_callable(s, read, size, seekable);
    return true;
}

bool source_use(source *s, call *c) {
    s->call = c;
    return call_use(c, &s->file);
}

bool source_open(source *s, PyObject *object, call *c, bool seekable) {
    s->call = c;
    if (PyLong_Check(object)) {
        const long fd = PyLong_AsLong(object);
        if (fd == -1 && PyErr_Occurred())
            return false;
        s->from = rd_source_fd((int)fd);
    } else if (PyTuple_Check(object) && PyTuple_Size(object) == 2 && PyCallable_Check(PyTuple_GetItem(object, 0))) {
        return source_open_sized(s, object, seekable);
    } else if (PyTuple_Check(object)) {
        return source_open_file(s, object) && (!c || call_use(c, &s->file));
    } else if (PyCallable_Check(object)) {
        source_open_callable(s, object, RD_UNKNOWN, seekable);
    } else {
        if (PyObject_GetBuffer(object, &s->view, PyBUF_SIMPLE) != 0)
            return false;
        s->from = rd_source_memory(s->view.buf, (uint64_t)s->view.len);
    }
    return true;
}

/* Reads what is available, without waiting for all that was asked for. Signals are handled. */
static rd_result source_read_pipe(const source *s, void *data, size_t size, size_t *got) {
    for (;;) {
        const ssize_t n = read(s->inner.fd, data, size < PIPE_READ_MAX ? size : PIPE_READ_MAX);
        *got = n > 0 ? (size_t)n : 0;
        if (n >= 0)
            return RD_OK;
        if (errno != EINTR)
            return RD_E_IO;
        if (!call_on_progress(s->call, s->call->done, RD_UNKNOWN))
            return RD_E_CANCELLED;
    }
}

static rd_result source_read_inner(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const source *const s = context;
    const bool releases = !s->call->thread;
    rd_error error = {0};
    *got = 0;
    if (releases && !call_files_open(s->call))
        return RD_E_CANCELLED;
    if (releases)
        call_release(s->call);
    rd_result result;
    if (s->inner.seekable || s->inner.failure != 0) {
        result = rd_source_read(&s->inner, offset, data, size, got, &error);
    } else {
        result = source_read_pipe(s, data, size, got);
        error.system_error = errno;
    }
    if (releases)
        call_resume(s->call);
    errno = error.system_error;
    return result;
}

void source_release_reads(source *s) {
    if (s->read || s->view.obj)
        return;
    s->inner = s->from;
    s->from = rd_source_callback(source_read_inner, s, s->inner.size, s->inner.seekable ? RD_SEEKABLE : 0);
}

void source_close(source *s) {
    Py_CLEAR(s->file.object);
    Py_CLEAR(s->read);
    if (s->view.obj)
        PyBuffer_Release(&s->view);
}

bool source_is_small(const source *s) {
    return s->view.obj && (size_t)s->view.len < WORK_SMALL;
}
