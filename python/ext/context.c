/*
 * See context.h.
 *
 * The threads of a context do not survive a fork, and a child that waited for them would wait forever. So a child
 * cannot use its parent's contexts, and does not free them.
 */
#include "context.h"

#include "guard.h"

#include <unistd.h>

typedef struct context {
    PyObject_HEAD
    rd_context *kept; /* NULL: closed */
    guard guard;
    pid_t process; /* that made it */
} context;

PyObject *new_context(PyObject *module, PyObject *unused) {
    (void)unused;
    const module_state *const state = PyModule_GetState(module);
    context *const c = PyObject_New(context, state->context_type);
    if (!c)
        return NULL;
    c->kept = NULL;
    c->guard = (guard){0};
    c->process = getpid();
    const bool good = guard_open(&c->guard);
    if (good && rd_context_new(&c->kept) == RD_OK)
        return (PyObject *)c;
    Py_DECREF(c);
    return good ? PyErr_NoMemory() : NULL;
}

static void context_free(context *c) {
    if (c->process == getpid())
        rd_context_free(c->kept);
    c->kept = NULL;
}

static void context_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    context_free((context *)self);
    guard_close(&((context *)self)->guard);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* False, with an exception set: it is in use, or cannot be used. */
static bool context_lock(const module_state *state, context *c) {
    if (c->process != getpid()) {
        (void)raise_state(state, RD_ROLE_NONE, "the context was made before a fork: each process must make its own");
        return false;
    }
    if (guard_try(&c->guard))
        return true;
    (void)raise_state(state, RD_ROLE_NONE,
                      "the context is in use: one operation at a time may use it, so each thread must make its own");
    return false;
}

bool context_enter(const module_state *state, PyObject *object, rd_context **kept) {
    *kept = NULL;
    if (object == Py_None)
        return true;
    if (!PyObject_TypeCheck(object, state->context_type)) {
        PyErr_SetString(PyExc_TypeError, "context is not a context");
        return false;
    }
    context *const c = (context *)object;
    if (!context_lock(state, c))
        return false;
    *kept = c->kept;
    if (*kept)
        return true;
    guard_leave(&c->guard);
    (void)raise_state(state, RD_ROLE_NONE, "the context is closed");
    return false;
}

void context_leave(PyObject *object) {
    if (object && object != Py_None)
        guard_leave(&((context *)object)->guard);
}

static PyObject *context_close(PyObject *self, PyObject *unused) {
    (void)unused;
    context *const c = (context *)self;
    if (!context_lock(PyType_GetModuleState(Py_TYPE(self)), c))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    context_free(c);
    Py_END_ALLOW_THREADS
    guard_leave(&c->guard);
    return Py_NewRef(Py_None);
}

static PyMethodDef context_methods[] = {
    {"close", context_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot context_slots[] = {{Py_tp_dealloc, context_deallocate}, {Py_tp_methods, context_methods}, {0, NULL}};

static PyType_Spec context_spec = {
    .name = "redelta._core.Context",
    .basicsize = sizeof(context),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = context_slots,
};

PyTypeObject *context_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &context_spec, NULL);
}
