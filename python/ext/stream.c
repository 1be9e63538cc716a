/*
 * A push stream as a Python object, with a lock (guard.h).
 *
 * A step returns all output for its input, or as much as is requested. The first WORK_SMALL bytes of work are done with
 * the GIL, the rest without it.
 */
#include "call.h"
#include "guard.h"
#include "settings.h"
#include "sink.h"
#include "source.h"
#include "table.h"

#include <string.h>

typedef struct stream {
    PyObject_HEAD
    rd_stream *stream;
    rd_stats stats;      /* once it is closed */
    PyObject *signature; /* that the stream uses, or NULL */
    source basis;        /* likewise */
    rd_role role;        /* of what it takes */
    bool done;           /* it has ended, and well */
    bool over;           /* it has ended */
    guard guard;
} stream;

/* ---- Making and freeing ------------------------------------------------------------------------------------------ */

static stream *stream_allocate(const module_state *state, rd_role role) {
    allocfunc const allocate = (allocfunc)PyType_GetSlot(state->stream_type, Py_tp_alloc);
    stream *const s = (stream *)allocate(state->stream_type, 0);
    if (!s)
        return NULL;
    s->role = role;
    if (guard_open(&s->guard))
        return s;
    Py_DECREF(s);
    return NULL;
}

static int stream_traverse(PyObject *self, visitproc visit, void *arg) {
    const stream *const s = (stream *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(s->basis.file.object);
    Py_VISIT(s->basis.read);
    Py_VISIT(s->basis.view.obj);
    return 0;
}

/* Frees the stream and what it uses. */
static int stream_clear(PyObject *self) {
    stream *const s = (stream *)self;
    s->over = true;
    s->done = false;
    s->stats.size = sizeof s->stats;
    if (s->stream)
        (void)rd_stream_stats(s->stream, &s->stats);
    rd_stream_free(s->stream);
    s->stream = NULL;
    source_close(&s->basis);
    Py_CLEAR(s->signature);
    return 0;
}

static void stream_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)stream_clear(self);
    guard_close(&((stream *)self)->guard);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* The finished object, or NULL with the exception for the result. Takes ownership of `s`. */
static PyObject *stream_made(const module_state *state, stream *s, rd_result result) {
    if (result == RD_OK)
        return (PyObject *)s;
    const rd_error error = {
        .result = result, .role = s->role, .offset = RD_UNKNOWN, .reason = "the stream cannot be made"};
    (void)raise_failure(state, &error, NULL);
    Py_DECREF(s);
    return NULL;
}

/* Keywords alone. */
PyObject *signature_stream(PyObject *module, PyObject *arguments, PyObject *keywords) {
    const module_state *const state = PyModule_GetState(module);
    settings given;
    if (!PyArg_ParseTuple(arguments, "") || !settings_read(&given, keywords))
        return NULL;
    stream *const s = stream_allocate(state, RD_ROLE_BASIS);
    return s ? stream_made(state, s, rd_signature_stream_new(&s->stream, &given.options)) : NULL;
}

/* (table) */
PyObject *delta_stream(PyObject *module, PyObject *arguments, PyObject *keywords) {
    const module_state *const state = PyModule_GetState(module);
    PyObject *signature;
    settings given;
    if (!PyArg_ParseTuple(arguments, "O!", state->table_type, &signature) || !settings_read(&given, keywords))
        return NULL;
    stream *const s = stream_allocate(state, RD_ROLE_NEW);
    if (!s)
        return NULL;
    s->signature = Py_NewRef(signature);
    given.options.limits.memory = ((table *)signature)->memory_max;
    return stream_made(state, s, rd_delta_stream_new(&s->stream, ((table *)signature)->signature, &given.options));
}

/* (basis) */
PyObject *patch_stream(PyObject *module, PyObject *arguments, PyObject *keywords) {
    const module_state *const state = PyModule_GetState(module);
    PyObject *basis;
    settings given;
    if (!PyArg_ParseTuple(arguments, "O", &basis) || !settings_read(&given, keywords))
        return NULL;
    stream *const s = stream_allocate(state, RD_ROLE_DELTA);
    if (!s)
        return NULL;
    if (!source_open(&s->basis, basis, NULL, true)) {
        Py_DECREF(s);
        return NULL;
    }
    return stream_made(state, s, rd_patch_stream_new(&s->stream, &s->basis.from, &given.options));
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/* Steps until the input is used up, `most` bytes were made, or the stream is done. */
static rd_result stream_drive(stream *s, call *c, rd_in *in, sink *to, size_t most, bool last) {
    rd_result result = RD_MORE;
    for (;;) {
        const size_t room = sink_room(to, most);
        if (!sink_reserve(to, room))
            return RD_E_MEMORY;
        rd_out out = {.data = to->data + to->size, .size = room};
        result = rd_stream_step(s->stream, in, &out, last);
        to->size += out.pos;
        const bool full = out.pos == room;
        if (result != RD_MORE || (!full && in->pos == in->size && !last) || to->size == most)
            return result;
        if (to->size >= WORK_SMALL && !c->thread)
            call_release(c);
        if (!call_on_progress(c, to->size, RD_UNKNOWN))
            return RD_E_CANCELLED;
    }
}

static PyObject *stream_step_locked(module_state *state, stream *s, Py_buffer *data, bool last, size_t most) {
    call c;
    sink to = {0};
    rd_in in = {.data = data->buf, .size = (size_t)data->len};
    PyObject *result = NULL;
    call_begin(&c, state, true, Py_None);
    if (!source_use(&s->basis, &c) || !sink_open(&to, Py_None, &c))
        return NULL;
    if (in.size >= WORK_SMALL)
        call_release(&c);
    const rd_result outcome = stream_drive(s, &c, &in, &to, most, last);
    call_resume(&c);
    const bool good = !PyErr_Occurred() && call_files_stayed_open(&c);
    s->done = good && outcome == RD_OK;
    s->over = !good || outcome != RD_MORE;
    if (good) {
        if (outcome == RD_MORE || outcome == RD_OK) {
            PyObject *const bytes = sink_take(&to);
            if (bytes)
                result = Py_BuildValue("NnO", bytes, (Py_ssize_t)in.pos, outcome == RD_OK ? Py_True : Py_False);
        } else if (outcome == RD_E_MEMORY) {
            PyErr_NoMemory();
        } else {
            (void)raise_failure(state, rd_stream_error(s->stream), NULL);
        }
    }
    sink_close(&to);
    return result;
}

/* A stream that is done can be ended again, and does not take bytes after a delta. */
static PyObject *stream_step_over(const module_state *state, const stream *s, const Py_buffer *data) {
    if (s->done && (data->len == 0 || s->role == RD_ROLE_DELTA))
        return Py_BuildValue("y#nO", "", (Py_ssize_t)0, (Py_ssize_t)0, Py_True);
    return raise_state(state, s->role, "it has ended: nothing more can be given to it");
}

/* (data, last=False, most=0): up to `most` bytes of output, all if that is 0. Returns (bytes, bytes taken, done). */
static PyObject *stream_step(PyObject *self, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"", "last", "most", NULL};
    stream *const s = (stream *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    Py_buffer data;
    int last = 0;
    Py_ssize_t most = 0;
    PyObject *result = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "y*|$pn", names, &data, &last, &most))
        return NULL;
    if (guard_enter(&s->guard, state, s->role)) {
        result =
            s->over ? stream_step_over(state, s, &data)
                    : stream_step_locked(state, s, &data, last != 0, most <= 0 ? (size_t)PY_SSIZE_T_MAX : (size_t)most);
        guard_leave(&s->guard);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *stream_get_stats(PyObject *self, PyObject *unused) {
    (void)unused;
    stream *const s = (stream *)self;
    if (!guard_enter(&s->guard, PyType_GetModuleState(Py_TYPE(self)), s->role))
        return NULL;
    rd_stats stats = s->stats;
    stats.size = sizeof stats;
    if (s->stream)
        (void)rd_stream_stats(s->stream, &stats);
    guard_leave(&s->guard);
    return stats_tuple(&stats);
}

/* Frees the stream and releases what it uses. */
static PyObject *stream_close(PyObject *self, PyObject *unused) {
    (void)unused;
    stream *const s = (stream *)self;
    if (!guard_enter(&s->guard, PyType_GetModuleState(Py_TYPE(self)), s->role))
        return NULL;
    (void)stream_clear(self);
    guard_leave(&s->guard);
    return Py_NewRef(Py_None);
}

static PyMethodDef stream_methods[] = {
    {"close", stream_close, METH_NOARGS, NULL},
    {"step", TAKES_KEYWORDS(stream_step), NULL},
    {"stats", stream_get_stats, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_dealloc, stream_deallocate},
    {Py_tp_traverse, stream_traverse},
    {Py_tp_clear, stream_clear},
    {Py_tp_methods, stream_methods},
    {0, NULL},
};

static PyType_Spec stream_spec = {
    .name = "redelta._core.Stream",
    .basicsize = sizeof(stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = stream_slots,
};

PyTypeObject *stream_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &stream_spec, NULL);
}
