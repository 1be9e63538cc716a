/*
 * The commands of a delta as a Python object (rd_ops), one after the other; the bytes of a literal can be read until
 * the next command is requested.
 *
 * A command takes less time than releasing the GIL and taking it again, so only reads from descriptors do that.
 */
#include "call.h"
#include "guard.h"
#include "settings.h"
#include "sink.h"
#include "source.h"

typedef struct ops {
    PyObject_HEAD
    rd_ops *ops; /* NULL: closed */
    source delta;
    rd_stats stats; /* once it is closed */
    bool ended;     /* there are no more */
    bool over;      /* likewise, or reading has failed, or it is closed */
    guard guard;
} ops;

/* ---- Opening and closing ----------------------------------------------------------------------------------------- */

static int ops_traverse(PyObject *self, visitproc visit, void *arg) {
    const ops *const o = (ops *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(o->delta.file.object);
    Py_VISIT(o->delta.read);
    Py_VISIT(o->delta.view.obj);
    return 0;
}

static int ops_clear(PyObject *self) {
    ops *const o = (ops *)self;
    o->stats.size = sizeof o->stats;
    if (o->ops)
        (void)rd_ops_stats(o->ops, &o->stats);
    rd_ops_close(o->ops);
    o->ops = NULL;
    o->over = true;
    source_close(&o->delta);
    return 0;
}

static void ops_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)ops_clear(self);
    guard_close(&((ops *)self)->guard);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* Opens a zeroed object. False, with an exception set, on failure. */
static bool ops_open(ops *o, const module_state *state, PyObject *delta, settings *given) {
    rd_error error = {0};
    given->options.error = &error;
    if (!guard_open(&o->guard) || !source_open(&o->delta, delta, NULL, false))
        return false;
    source_release_reads(&o->delta);
    if (rd_ops_open(&o->ops, &o->delta.from, &given->options) == RD_OK)
        return true;
    (void)raise_failure(state, &error, given->names);
    return false;
}

/* (delta) */
PyObject *open_ops(PyObject *module, PyObject *arguments, PyObject *keywords) {
    const module_state *const state = PyModule_GetState(module);
    PyObject *delta;
    settings given;
    if (!PyArg_ParseTuple(arguments, "O", &delta) || !settings_read(&given, keywords))
        return NULL;
    allocfunc const allocate = (allocfunc)PyType_GetSlot(state->ops_type, Py_tp_alloc);
    PyObject *const made = allocate(state->ops_type, 0);
    if (made && ops_open((ops *)made, state, delta, &given))
        return made;
    Py_XDECREF(made);
    return NULL;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Sets the exception for the failure, unless Python code has raised one or the file was closed. */
static void ops_fail(ops *o, call *c, rd_result result, PyObject *names) {
    o->over = true;
    if (PyErr_Occurred() || !call_files_stayed_open(c))
        return;
    if (result == RD_E_MEMORY)
        PyErr_NoMemory();
    else
        (void)raise_failure(c->state, rd_ops_error(o->ops), names);
}

static PyObject *ops_tuple(const rd_op *op, uint64_t offset) {
    PyObject *const basis = number_or_none(op->kind == RD_COPY ? op->basis_offset : RD_UNKNOWN);
    PyObject *const place = basis ? number_or_none(op->kind == RD_LITERAL ? offset : RD_UNKNOWN) : NULL;
    if (place)
        return Py_BuildValue("KKNN", op->target_offset, op->length, basis, place);
    Py_XDECREF(basis);
    return NULL;
}

static PyObject *ops_next_locked(ops *o, module_state *state, PyObject *names) {
    call c;
    rd_op op;
    if (o->ended)
        return Py_NewRef(Py_None);
    if (o->over)
        return raise_state(state, RD_ROLE_DELTA, "there is nothing more to read: it ended, failed or was closed");
    call_begin(&c, state, true, Py_None);
    if (!source_use(&o->delta, &c))
        return NULL;
    const rd_result result = rd_ops_next(o->ops, &op);
    if ((result == RD_MORE || result == RD_OK) && !call_files_stayed_open(&c)) {
        o->over = true;
        return NULL;
    }
    if (result == RD_MORE)
        return ops_tuple(&op, rd_ops_literal_offset(o->ops));
    o->over = true;
    o->ended = result == RD_OK;
    if (o->ended)
        return Py_NewRef(Py_None);
    ops_fail(o, &c, result, names);
    return NULL;
}

/*
 * (names). Returns (target, length, basis or None, offset in the delta or None) of the next command, or None if there
 * are no more.
 */
static PyObject *ops_next(PyObject *self, PyObject *names) {
    ops *const o = (ops *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    if (!guard_enter(&o->guard, state, RD_ROLE_DELTA))
        return NULL;
    PyObject *const result = ops_next_locked(o, state, names);
    guard_leave(&o->guard);
    return result;
}

static rd_result ops_gather(ops *o, call *c, sink *to, size_t most) {
    rd_result result = RD_OK;
    size_t room;
    while (result == RD_OK && (room = sink_room(to, most)) > 0) {
        size_t got = 0;
        if (!sink_reserve(to, room))
            return RD_E_MEMORY;
        result = rd_ops_read(o->ops, to->data + to->size, room, &got);
        to->size += got;
        if (got < room)
            break;
        if (!call_on_progress(c, to->size, RD_UNKNOWN))
            return RD_E_CANCELLED;
    }
    return result;
}

static PyObject *ops_read_locked(ops *o, module_state *state, size_t most, PyObject *names) {
    call c;
    sink to = {0};
    PyObject *bytes = NULL;
    if (o->over)
        return raise_state(state, RD_ROLE_DELTA, "there is nothing more to read: it ended, failed or was closed");
    call_begin(&c, state, true, Py_None);
    if (!source_use(&o->delta, &c) || !sink_open(&to, Py_None, &c))
        return NULL;
    const rd_result result = ops_gather(o, &c, &to, most);
    if (result == RD_OK && call_files_stayed_open(&c))
        bytes = sink_take(&to);
    else
        ops_fail(o, &c, result, names);
    sink_close(&to);
    return bytes;
}

/* (size, names): the next bytes of the current literal, all that are left if the size is negative. */
static PyObject *ops_read(PyObject *self, PyObject *arguments) {
    ops *const o = (ops *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    Py_ssize_t size;
    PyObject *names;
    if (!PyArg_ParseTuple(arguments, "nO", &size, &names) || !guard_enter(&o->guard, state, RD_ROLE_DELTA))
        return NULL;
    PyObject *const result = ops_read_locked(o, state, size < 0 ? (size_t)PY_SSIZE_T_MAX : (size_t)size, names);
    guard_leave(&o->guard);
    return result;
}

static PyObject *ops_get_stats(PyObject *self, PyObject *unused) {
    (void)unused;
    ops *const o = (ops *)self;
    if (!guard_enter(&o->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_DELTA))
        return NULL;
    rd_stats stats = o->stats;
    stats.size = sizeof stats;
    if (o->ops)
        (void)rd_ops_stats(o->ops, &stats);
    guard_leave(&o->guard);
    return stats_tuple(&stats);
}

static PyObject *ops_close(PyObject *self, PyObject *unused) {
    (void)unused;
    ops *const o = (ops *)self;
    if (!guard_enter(&o->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_DELTA))
        return NULL;
    (void)ops_clear(self);
    guard_leave(&o->guard);
    return Py_NewRef(Py_None);
}

static PyMethodDef ops_methods[] = {
    {"next", ops_next, METH_O, NULL},
    {"read", ops_read, METH_VARARGS, NULL},
    {"stats", ops_get_stats, METH_NOARGS, NULL},
    {"close", ops_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot ops_slots[] = {
    {Py_tp_dealloc, ops_deallocate},
    {Py_tp_traverse, ops_traverse},
    {Py_tp_clear, ops_clear},
    {Py_tp_methods, ops_methods},
    {0, NULL},
};

static PyType_Spec ops_spec = {
    .name = "redelta._core.Ops",
    .basicsize = sizeof(ops),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = ops_slots,
};

PyTypeObject *ops_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &ops_spec, NULL);
}
