/*
 * A delta writer (rd_delta_writer) as a Python object, with the destination that it writes to.
 *
 * Small commands take less time than releasing the GIL and taking it again, so for these only reads and writes of
 * descriptors do that.
 */
#include "call.h"
#include "guard.h"
#include "settings.h"
#include "sink.h"
#include "source.h"

/* Signals are handled each time this many bytes of a command are done. */
#define WORK_CHUNK ((uint64_t)16 << 20)

typedef struct writer {
    PyObject_HEAD
    rd_delta_writer *writer; /* NULL: closed */
    source basis;
    sink sink;
    PyObject *destination; /* whose path the sink uses */
    bool compresses;
    bool reads;     /* what is copied, for the digest */
    bool over;      /* it was finished or closed, or has failed */
    rd_stats stats; /* once it is over */
    guard guard;
} writer;

/* ---- Opening and closing ----------------------------------------------------------------------------------------- */

static int writer_traverse(PyObject *self, visitproc visit, void *arg) {
    const writer *const w = (writer *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(w->basis.file.object);
    Py_VISIT(w->basis.read);
    Py_VISIT(w->basis.view.obj);
    Py_VISIT(w->sink.file.object);
    Py_VISIT(w->sink.write);
    Py_VISIT(w->sink.memory);
    Py_VISIT(w->destination);
    return 0;
}

/* Ends the delta: everything that it uses is closed, and a destination keeps its old file. */
static int writer_clear(PyObject *self) {
    writer *const w = (writer *)self;
    rd_error ignored;
    w->stats.size = sizeof w->stats;
    if (w->writer)
        (void)rd_delta_writer_stats(w->writer, &w->stats);
    rd_delta_writer_free(w->writer);
    w->writer = NULL;
    w->over = true;
    (void)sink_finish(&w->sink, RD_E_CANCELLED, &ignored);
    source_close(&w->basis);
    sink_close(&w->sink);
    Py_CLEAR(w->destination);
    return 0;
}

static void writer_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)writer_clear(self);
    guard_close(&((writer *)self)->guard);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* Opens a zeroed object. False, with an exception set, on failure. */
static bool writer_open(writer *w, module_state *state, PyObject *destination, PyObject *basis, settings *given) {
    const bool has_basis = basis != Py_None;
    rd_error error = {0};
    call c;
    call_begin(&c, state, true, Py_None);
    given->options.error = &error;
    w->reads = has_basis;
    w->compresses = given->options.compression > 0;
    w->destination = Py_NewRef(destination);
    if (!guard_open(&w->guard) || (has_basis && !source_open(&w->basis, basis, &c, true)) ||
        !sink_open(&w->sink, destination, &c))
        return false;
    rd_result result = sink_start(&w->sink, given->flush ? RD_REPLACE_SAFELY : RD_REPLACE_FAST, &error);
    if (result == RD_OK && has_basis && rd_sink_overwrites(&w->sink.to, &w->basis.from)) {
        error = (rd_error){.result = RD_E_PARAMETER,
                           .role = RD_ROLE_OUTPUT,
                           .offset = RD_UNKNOWN,
                           .reason = "is also the basis, and would be overwritten as that is read"};
        result = error.result;
    }
    if (result == RD_OK) {
        source_release_reads(&w->basis);
        sink_release_writes(&w->sink);
        result = rd_delta_writer_new(&w->writer, &w->sink.to, has_basis ? &w->basis.from : NULL, &given->options);
    }
    if (result == RD_OK)
        return true;
    if (!PyErr_Occurred())
        (void)raise_failure(state, &error, given->names);
    return false;
}

/* (destination, basis or None) */
PyObject *open_writer(PyObject *module, PyObject *arguments, PyObject *keywords) {
    module_state *const state = PyModule_GetState(module);
    PyObject *destination, *basis;
    settings given;
    if (!PyArg_ParseTuple(arguments, "OO", &destination, &basis) || !settings_read(&given, keywords))
        return NULL;
    allocfunc const allocate = (allocfunc)PyType_GetSlot(state->writer_type, Py_tp_alloc);
    PyObject *const made = allocate(state->writer_type, 0);
    if (made && writer_open((writer *)made, state, destination, basis, &given))
        return made;
    Py_XDECREF(made);
    return NULL;
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

/* The work to do: a literal if there are data, else a copy. */
typedef struct command {
    const uint8_t *data;
    uint64_t offset;
    uint64_t length;
} command;

/* Copies that continue each other become one, and so do literals: chunking does not change the delta. */
static rd_result writer_add(writer *w, call *c, const command *it) {
    rd_result result = RD_OK;
    for (uint64_t done = 0; result == RD_OK && done < it->length;) {
        const uint64_t left = it->length - done;
        const uint64_t length = (it->data || w->reads) && left > WORK_CHUNK ? WORK_CHUNK : left;
        result = it->data ? rd_delta_writer_literal(w->writer, it->data + done, (size_t)length)
                          : rd_delta_writer_copy(w->writer, it->offset + done, length);
        done += length;
        if (result == RD_OK && !call_on_progress(c, done, RD_UNKNOWN))
            return RD_E_CANCELLED;
    }
    return result;
}

/* True if the result is RD_OK. Else the exception is set and the writer is over. */
static bool writer_succeeded(writer *w, call *c, rd_result result, const rd_error *error, PyObject *names) {
    if (!PyErr_Occurred() && call_files_stayed_open(c)) {
        if (result == RD_OK)
            return true;
        (void)raise_failure(c->state, error, names);
    }
    (void)writer_clear((PyObject *)w);
    return false;
}

static bool writer_start(writer *w, module_state *state, call *c) {
    if (!guard_enter(&w->guard, state, RD_ROLE_DELTA))
        return false;
    call_begin(c, state, true, Py_None);
    if (w->over)
        (void)raise_state(state, RD_ROLE_DELTA,
                          "nothing more can be written: it was finished or closed, or has failed");
    else if (source_use(&w->basis, c) && sink_use(&w->sink, c))
        return true;
    else
        (void)writer_clear((PyObject *)w);
    guard_leave(&w->guard);
    return false;
}

static PyObject *writer_do(writer *w, module_state *state, const command *it, PyObject *names) {
    call c;
    if (!writer_start(w, state, &c))
        return NULL;
    if (w->compresses || it->length >= WORK_SMALL)
        call_release(&c);
    const rd_result result = writer_add(w, &c, it);
    call_resume(&c);
    const bool good = writer_succeeded(w, &c, result, rd_delta_writer_error(w->writer), names);
    guard_leave(&w->guard);
    return good ? Py_NewRef(Py_None) : NULL;
}

/* (offset, length, names) */
static PyObject *writer_copy(PyObject *self, PyObject *arguments) {
    unsigned long long offset, length;
    PyObject *names;
    if (!PyArg_ParseTuple(arguments, "KKO", &offset, &length, &names))
        return NULL;
    const command copy = {.offset = offset, .length = length};
    return writer_do((writer *)self, PyType_GetModuleState(Py_TYPE(self)), &copy, names);
}

/* (data, names) */
static PyObject *writer_literal(PyObject *self, PyObject *arguments) {
    Py_buffer data;
    PyObject *names;
    if (!PyArg_ParseTuple(arguments, "y*O", &data, &names))
        return NULL;
    const command literal = {.data = data.buf, .length = (uint64_t)data.len};
    PyObject *const result = writer_do((writer *)self, PyType_GetModuleState(Py_TYPE(self)), &literal, names);
    PyBuffer_Release(&data);
    return result;
}

/* The line that called `DeltaWriter.finish`, from here. */
enum { CALLER = 2 };

/* With the lock. Returns the bytes or None. */
static PyObject *writer_end(writer *w, call *c, const uint8_t *digest, PyObject *names) {
    rd_error error = {0};
    if (w->compresses || w->sink.destination)
        call_release(c);
    rd_result result = rd_delta_writer_finish(w->writer, digest);
    if (result != RD_OK)
        error = *rd_delta_writer_error(w->writer);
    result = sink_finish(&w->sink, result, &error);
    call_resume(c);
    if (!writer_succeeded(w, c, result, &error, names))
        return NULL;
    PyObject *const made = sink_warn(&w->sink, CALLER) ? sink_take(&w->sink) : NULL;
    (void)writer_clear((PyObject *)w);
    return made;
}

/* (digest or None, names). Returns the delta if it was not written elsewhere, else None. */
static PyObject *writer_finish(PyObject *self, PyObject *arguments) {
    writer *const w = (writer *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    const char *digest;
    Py_ssize_t size;
    PyObject *names, *result = NULL;
    call c;
    if (!PyArg_ParseTuple(arguments, "z#O", &digest, &size, &names))
        return NULL;
    if (digest && size != RD_DIGEST_LEN) {
        PyErr_SetString(PyExc_ValueError, "a digest of another length");
        return NULL;
    }
    if (writer_start(w, state, &c)) {
        result = writer_end(w, &c, (const uint8_t *)digest, names);
        guard_leave(&w->guard);
    }
    return result;
}

static PyObject *writer_get_stats(PyObject *self, PyObject *unused) {
    (void)unused;
    writer *const w = (writer *)self;
    if (!guard_enter(&w->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_DELTA))
        return NULL;
    rd_stats stats = w->stats;
    stats.size = sizeof stats;
    if (w->writer)
        (void)rd_delta_writer_stats(w->writer, &stats);
    guard_leave(&w->guard);
    return stats_tuple(&stats);
}

static PyObject *writer_close(PyObject *self, PyObject *unused) {
    (void)unused;
    writer *const w = (writer *)self;
    if (!guard_enter(&w->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_DELTA))
        return NULL;
    if (!w->over)
        (void)writer_clear(self);
    guard_leave(&w->guard);
    return Py_NewRef(Py_None);
}

static PyMethodDef writer_methods[] = {
    {"copy", writer_copy, METH_VARARGS, NULL},     {"literal", writer_literal, METH_VARARGS, NULL},
    {"finish", writer_finish, METH_VARARGS, NULL}, {"stats", writer_get_stats, METH_NOARGS, NULL},
    {"close", writer_close, METH_NOARGS, NULL},    {NULL, NULL, 0, NULL},
};

static PyType_Slot writer_slots[] = {
    {Py_tp_dealloc, writer_deallocate},
    {Py_tp_traverse, writer_traverse},
    {Py_tp_clear, writer_clear},
    {Py_tp_methods, writer_methods},
    {0, NULL},
};

static PyType_Spec writer_spec = {
    .name = "redelta._core.Writer",
    .basicsize = sizeof(writer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = writer_slots,
};

PyTypeObject *writer_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &writer_spec, NULL);
}
