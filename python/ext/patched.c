/*
 * The new file that a delta makes of a basis, read at any offset (rd_filter_patched_new), as a Python object. Reads
 * release the GIL.
 */
#include "call.h"
#include "guard.h"
#include "settings.h"
#include "source.h"

typedef struct patched {
    PyObject_HEAD
    rd_filter *filter; /* NULL: closed */
    rd_source from;
    source basis;
    source delta;
    call call; /* the latest one: the filter has its progress */
    guard guard;
} patched;

/* ---- Opening and closing ----------------------------------------------------------------------------------------- */

static int patched_traverse(PyObject *self, visitproc visit, void *arg) {
    const patched *const p = (patched *)self;
    const source *const sources[] = {&p->basis, &p->delta};
    Py_VISIT(Py_TYPE(self));
    for (int i = 0; i < 2; i++) {
        Py_VISIT(sources[i]->file.object);
        Py_VISIT(sources[i]->read);
        Py_VISIT(sources[i]->view.obj);
    }
    return 0;
}

static int patched_clear(PyObject *self) {
    patched *const p = (patched *)self;
    rd_filter_free(p->filter);
    p->filter = NULL;
    source_close(&p->basis);
    source_close(&p->delta);
    return 0;
}

static void patched_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)patched_clear(self);
    guard_close(&((patched *)self)->guard);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* The beginning of every call. False, with an exception set, if a file is closed. */
static bool patched_begin(patched *p, module_state *state) {
    call_begin(&p->call, state, true, Py_None);
    return source_use(&p->basis, &p->call) && source_use(&p->delta, &p->call);
}

/* The end: false, with an exception set, if it has failed, or Python code has. */
static bool patched_succeeded(patched *p, rd_result result, const rd_error *error, PyObject *names) {
    if (PyErr_Occurred() || !call_files_stayed_open(&p->call))
        return false;
    if (result != RD_OK)
        (void)raise_failure(p->call.state, error, names);
    return result == RD_OK;
}

/* Opens a zeroed object. False, with an exception set, on failure. */
static bool patched_open(patched *p, module_state *state, PyObject *basis, PyObject *delta, settings *given) {
    rd_error error = {0};
    if (!guard_open(&p->guard) || !source_open(&p->basis, basis, NULL, true) ||
        !source_open(&p->delta, delta, NULL, true) || !patched_begin(p, state))
        return false;
    given->options.error = &error;
    given->options.progress = call_on_progress;
    given->options.progress_context = &p->call;
    call_release(&p->call);
    const rd_result result = rd_filter_patched_new(&p->filter, &p->basis.from, &p->delta.from, &given->options);
    call_resume(&p->call);
    if (p->filter)
        p->from = rd_filter_source(p->filter);
    return patched_succeeded(p, result, &error, given->names);
}

/* (basis, delta) */
PyObject *open_patched(PyObject *module, PyObject *arguments, PyObject *keywords) {
    module_state *const state = PyModule_GetState(module);
    PyObject *basis, *delta;
    settings given;
    if (!PyArg_ParseTuple(arguments, "OO", &basis, &delta) || !settings_read(&given, keywords))
        return NULL;
    allocfunc const allocate = (allocfunc)PyType_GetSlot(state->patched_type, Py_tp_alloc);
    PyObject *const made = allocate(state->patched_type, 0);
    if (made && patched_open((patched *)made, state, basis, delta, &given))
        return made;
    Py_XDECREF(made);
    return NULL;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Enters the object. False, with an exception set, if it is in use or closed. */
static bool patched_enter(patched *p, module_state *state) {
    if (!guard_enter(&p->guard, state, RD_ROLE_NEW))
        return false;
    if (p->filter)
        return true;
    guard_leave(&p->guard);
    (void)raise_state(state, RD_ROLE_NEW, "it is closed");
    return false;
}

static PyObject *patched_read_locked(patched *p, module_state *state, uint64_t offset, size_t size, PyObject *names) {
    rd_error error = {0};
    size_t got = 0;
    const uint64_t left = offset < p->from.size ? p->from.size - offset : 0;
    const size_t wanted = left < size ? (size_t)left : size;
    PyObject *const bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)wanted);
    if (!bytes || !patched_begin(p, state)) {
        Py_XDECREF(bytes);
        return NULL;
    }
    char *const data = PyBytes_AsString(bytes);
    call_release(&p->call);
    const rd_result result = rd_source_read(&p->from, offset, data, wanted, &got, &error);
    call_resume(&p->call);
    if (patched_succeeded(p, result, &error, names))
        return bytes;
    Py_DECREF(bytes);
    return NULL;
}

/* (offset, size, names): as many bytes, fewer only at the end. */
static PyObject *patched_read(PyObject *self, PyObject *arguments) {
    patched *const p = (patched *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    unsigned long long offset;
    Py_ssize_t size;
    PyObject *names;
    if (!PyArg_ParseTuple(arguments, "KnO", &offset, &size, &names) || !patched_enter(p, state))
        return NULL;
    PyObject *const result = patched_read_locked(p, state, offset, size < 0 ? 0 : (size_t)size, names);
    guard_leave(&p->guard);
    return result;
}

/* (names): did basis and delta stay as they were? */
static PyObject *patched_check(PyObject *self, PyObject *names) {
    patched *const p = (patched *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    if (!patched_enter(p, state))
        return NULL;
    bool good = patched_begin(p, state);
    if (good) {
        const rd_result result = rd_filter_finish(p->filter);
        good = patched_succeeded(p, result, rd_filter_error(p->filter), names);
    }
    guard_leave(&p->guard);
    return good ? Py_NewRef(Py_None) : NULL;
}

/* (names): is it the file that the delta is to make? All of it is read. */
static PyObject *patched_verify(PyObject *self, PyObject *names) {
    patched *const p = (patched *)self;
    module_state *const state = PyType_GetModuleState(Py_TYPE(self));
    rd_error error = {0};
    if (!patched_enter(p, state))
        return NULL;
    bool good = patched_begin(p, state);
    if (good) {
        const rd_options options = {
            .size = sizeof options, .error = &error, .progress = call_on_progress, .progress_context = &p->call};
        call_release(&p->call);
        const rd_result result = rd_delta_verify(&p->delta.from, &p->from, &options);
        call_resume(&p->call);
        good = patched_succeeded(p, result, &error, names);
    }
    guard_leave(&p->guard);
    return good ? Py_NewRef(Py_None) : NULL;
}

static PyObject *patched_get_size(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromUnsignedLongLong(((patched *)self)->from.size);
}

static PyObject *patched_close(PyObject *self, PyObject *unused) {
    (void)unused;
    patched *const p = (patched *)self;
    if (!guard_enter(&p->guard, PyType_GetModuleState(Py_TYPE(self)), RD_ROLE_NEW))
        return NULL;
    (void)patched_clear(self);
    guard_leave(&p->guard);
    return Py_NewRef(Py_None);
}

static PyMethodDef patched_methods[] = {
    {"read", patched_read, METH_VARARGS, NULL},  {"check", patched_check, METH_O, NULL},
    {"verify", patched_verify, METH_O, NULL},    {"size", patched_get_size, METH_NOARGS, NULL},
    {"close", patched_close, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL},
};

static PyType_Slot patched_slots[] = {
    {Py_tp_dealloc, patched_deallocate},
    {Py_tp_traverse, patched_traverse},
    {Py_tp_clear, patched_clear},
    {Py_tp_methods, patched_methods},
    {0, NULL},
};

static PyType_Spec patched_spec = {
    .name = "redelta._core.Patched",
    .basicsize = sizeof(patched),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = patched_slots,
};

PyTypeObject *patched_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &patched_spec, NULL);
}
