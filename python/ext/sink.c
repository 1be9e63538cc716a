/* See sink.h. */
#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#define CAPACITY_MIN ((size_t)1024)
#define ROOM_MIN ((size_t)4 * 1024)
#define ROOM_MAX ((size_t)1024 * 1024)
#define LARGE_SIZE ((size_t)4 * 1024 * 1024)

static bool sink_in_bytes(const sink *s) {
    return s->bytes && s->data && s->data == (const uint8_t *)PyBytes_AsString(s->bytes);
}

/* Twice the capacity, or what is needed if that is more; 0: more than is possible. */
static size_t sink_next_capacity(const sink *s, size_t size) {
    const size_t most = (size_t)PY_SSIZE_T_MAX;
    if (size > most - s->size)
        return 0;
    const size_t needed = s->size + size;
    const size_t doubled = s->capacity > most / 2 ? most : 2 * s->capacity;
    return needed < doubled ? doubled : needed < CAPACITY_MIN ? CAPACITY_MIN : needed;
}

bool sink_reserve(sink *s, size_t size) {
    if (s->data && size <= s->capacity - s->size)
        return true;
    const size_t capacity = sink_next_capacity(s, size);
    const bool moves = sink_in_bytes(s);
    uint8_t *const grown = capacity == 0 ? NULL : realloc(moves ? NULL : s->data, capacity);
    if (!grown)
        return false;
    if (moves)
        memcpy(grown, s->data, s->size);
    s->data = grown;
    s->capacity = capacity;
    return true;
}

size_t sink_room(const sink *s, size_t most) {
    const size_t some = s->size < ROOM_MIN ? ROOM_MIN : s->size < ROOM_MAX ? s->size : ROOM_MAX;
    return some < most - s->size ? some : most - s->size;
}

rd_result sink_append(void *context, const void *data, size_t size) {
    sink *const s = context;
    if (!sink_reserve(s, size))
        return RD_E_MEMORY;
    memcpy(s->data + s->size, data, size);
    s->size += size;
    return RD_OK;
}

/*
 * Asks for large pages for a large object, where the system has them: mapping small ones as they are written to takes
 * as long as a patch.
 */
static void sink_use_large_pages(uint8_t *data, size_t size) {
#if defined(MADV_HUGEPAGE)
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t before = (page - (uintptr_t)data % page) % page;
    if (size >= LARGE_SIZE)
        (void)madvise(data + before, size - before, MADV_HUGEPAGE);
#else
    (void)data, (void)size;
#endif
}

void sink_expect(sink *s, uint64_t size) {
    if (size == 0 || size > (uint64_t)PY_SSIZE_T_MAX)
        return;
    s->bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (s->bytes) {
        s->data = (uint8_t *)PyBytes_AsString(s->bytes);
        s->capacity = (size_t)size;
        s->to = rd_sink_callback(sink_append, s);
        sink_use_large_pages(s->data, s->capacity);
    } else {
        PyErr_Clear(); /* without that much memory, the operation fails when it has used up what there is */
    }
}

static rd_result sink_write_callable(void *context, const void *data, size_t size) {
    const sink *const s = context;
    if (!call_enter(s->call))
        return RD_E_CANCELLED;
    PyObject *const given = s->memory ? PyMemoryView_FromMemory((char *)data, (Py_ssize_t)size, PyBUF_READ)
                                      : PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    PyObject *const result = given ? PyObject_CallFunctionObjArgs(s->write, given, NULL) : NULL;
    Py_XDECREF(given);
    Py_XDECREF(result);
    return call_leave(s->call, result != NULL) ? RD_OK : RD_E_CANCELLED;
}

static rd_result sink_write_at_callable(void *context, uint64_t offset, const void *data, size_t size) {
    const sink *const s = context;
    if (!call_enter(s->call))
        return RD_E_CANCELLED;
    PyObject *const result = PyObject_CallFunction(s->write_at, "Ky#", offset, data, (Py_ssize_t)size);
    Py_XDECREF(result);
    return call_leave(s->call, result != NULL) ? RD_OK : RD_E_CANCELLED;
}

/* The result of a file's `tell` or `seek`; -1 with an exception set. */
static Py_ssize_t sink_position(PyObject *given) {
    const Py_ssize_t number = given ? PyLong_AsSsize_t(given) : -1;
    Py_XDECREF(given);
    return number;
}

/* Is a file in memory empty, and at its start? Its position stays. -1 with an exception set. */
static int sink_is_empty(PyObject *memory) {
    const Py_ssize_t at = sink_position(PyObject_CallMethod(memory, "tell", NULL));
    const Py_ssize_t end = at < 0 ? -1 : sink_position(PyObject_CallMethod(memory, "seek", "ii", 0, SEEK_END));
    const Py_ssize_t back = end < 0 ? -1 : sink_position(PyObject_CallMethod(memory, "seek", "n", at));
    return back < 0 ? -1 : at == 0 && end == 0;
}

static bool sink_open_memory(sink *s, PyObject *object) {
    s->memory = Py_NewRef(object);
    s->write = PyObject_GetAttrString(object, "write");
    const int empty = s->write ? sink_is_empty(object) : -1;
    s->expects = empty == 1;
    return empty >= 0;
}

/* (file) */
static bool sink_open_file(sink *s, PyObject *place) {
    PyObject *file;
    const int fd = PyArg_ParseTuple(place, "O", &file) ? PyObject_AsFileDescriptor(file) : -1;
    if (fd == -1)
        return false;
    s->file = (open_file){.object = Py_NewRef(file), .fd = fd};
    s->to = rd_sink_fd(fd);
    return true;
}

/* (write, write_at) */
static bool sink_open_pair(sink *s, PyObject *pair) {
    PyObject *write, *write_at;
    if (!PyArg_ParseTuple(pair, "OO", &write, &write_at))
        return false;
    s->write = Py_NewRef(write);
    s->write_at = Py_NewRef(write_at);
    s->to = rd_sink_callback_at(sink_write_callable, sink_write_at_callable, s);
    return true;
}

bool sink_use(sink *s, call *c) {
    s->call = c;
    return call_use(c, &s->file);
}

bool sink_open(sink *s, PyObject *object, call *c) {
    s->call = c;
    s->gathers = s->expects = object == Py_None;
    s->to = rd_sink_callback(s->gathers ? sink_append : sink_write_callable, s);
    if (s->gathers)
        return true;
    if (PyBytes_Check(object)) {
        char *path;
        if (PyBytes_AsStringAndSize(object, &path, NULL) != 0) /* refuses a path with a null byte in it */
            return false;
        s->path = path;
    } else if (PyTuple_Check(object) && PyTuple_Size(object) == 2) {
        return sink_open_pair(s, object);
    } else if (PyTuple_Check(object)) {
        return sink_open_file(s, object) && call_use(c, &s->file);
    } else if (PyCallable_Check(object)) {
        s->write = Py_NewRef(object);
    } else {
        return sink_open_memory(s, object);
    }
    return true;
}

rd_result sink_start(sink *s, rd_replace replace, rd_error *error) {
    if (!s->path)
        return RD_OK;
    const rd_result result = rd_destination_open(&s->destination, s->path, replace, error);
    if (result == RD_OK) {
        s->to = rd_destination_sink(s->destination);
        rd_destination_notes(s->destination, &s->notes);
    }
    return result;
}

static rd_result sink_write_inner(void *context, const void *data, size_t size) {
    const sink *const s = context;
    const bool releases = !s->call->thread;
    rd_error error = {0};
    if (releases && !call_files_open(s->call))
        return RD_E_CANCELLED;
    if (releases)
        call_release(s->call);
    const rd_result result = rd_sink_write(&s->inner, data, size, &error);
    if (releases)
        call_resume(s->call);
    errno = error.system_error;
    return result;
}

void sink_release_writes(sink *s) {
    if (!s->file.object && !s->destination)
        return;
    s->inner = s->to;
    s->to = rd_sink_callback(sink_write_inner, s);
}

rd_result sink_finish(sink *s, rd_result result, rd_error *error) {
    if (!s->destination)
        return result;
    if (result == RD_OK)
        result = rd_destination_commit(s->destination, error);
    else
        rd_destination_discard(s->destination);
    s->destination = NULL;
    return result;
}

bool sink_warn(const sink *s, int level) {
    for (unsigned notes = s->notes; notes != 0; notes &= notes - 1) {
        const char *const message = rd_note_message(notes & ~(notes - 1)); /* of the lowest bit */
        if (PyErr_WarnFormat(PyExc_RuntimeWarning, level, "%s: %s", s->path, message) != 0)
            return false;
    }
    return true;
}

static PyObject *sink_gathered(const sink *s) {
    if (sink_in_bytes(s) && s->size == s->capacity)
        return Py_NewRef(s->bytes);
    return PyBytes_FromStringAndSize((const char *)s->data, (Py_ssize_t)s->size);
}

/* Restarts a file in memory with these bytes, which it shares. */
static PyObject *sink_start_with(PyObject *memory, PyObject *bytes) {
    PyObject *const started = PyObject_CallMethod(memory, "__init__", "O", bytes);
    Py_XDECREF(started);
    return started ? PyObject_CallMethod(memory, "seek", "ii", 0, SEEK_END) : NULL;
}

/* Passes the collected bytes to the file in memory, which may meanwhile have been written to or closed. */
static PyObject *sink_hand_over(const sink *s) {
    const int empty = sink_is_empty(s->memory);
    PyObject *const bytes = empty < 0 ? NULL : sink_gathered(s);
    PyObject *const done = !bytes  ? NULL
                           : empty ? sink_start_with(s->memory, bytes)
                                   : PyObject_CallFunctionObjArgs(s->write, bytes, NULL);
    Py_XDECREF(bytes);
    Py_XDECREF(done);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyObject *sink_take(sink *s) {
    if (s->gathers)
        return sink_gathered(s);
    return s->memory && s->bytes ? sink_hand_over(s) : Py_NewRef(Py_None);
}

void sink_close(sink *s) {
    if (!sink_in_bytes(s))
        free(s->data);
    s->data = NULL;
    Py_CLEAR(s->file.object);
    Py_CLEAR(s->bytes);
    Py_CLEAR(s->memory);
    Py_CLEAR(s->write);
    Py_CLEAR(s->write_at);
}
