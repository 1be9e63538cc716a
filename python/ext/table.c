/* See table.h. */
#include "table.h"

#include "column.h"

PyObject *table_new(const module_state *state, rd_signature *signature, uint64_t memory_max) {
    table *const t = PyObject_New(table, state->table_type);
    if (t) {
        t->signature = signature;
        t->memory_max = memory_max;
    } else {
        rd_signature_free(signature);
    }
    return (PyObject *)t;
}

static void table_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    rd_signature_free(((table *)self)->signature);
    PyObject_Free(self);
    Py_DECREF(type);
}

static rd_params table_params_of(const table *t) {
    rd_params params;
    rd_signature_params(t->signature, &params);
    return params;
}

static PyObject *table_get_params(PyObject *self, PyObject *unused) {
    (void)unused;
    const rd_params params = table_params_of((table *)self);
    return Py_BuildValue("iiIi", (int)params.weak, (int)params.strong, params.block_len, params.strong_len);
}

static PyObject *table_get_origin(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromUnsignedLongLong(rd_signature_origin(((table *)self)->signature));
}

/* The weak sums: a column of 32 bits. */
static PyObject *table_get_weak(PyObject *self, PyObject *unused) {
    (void)unused;
    const rd_signature *const signature = ((table *)self)->signature;
    const column_shape shape = {.format = "I", .item = 4, .rows = (Py_ssize_t)rd_signature_count(signature)};
    return column_new(PyType_GetModuleState(Py_TYPE(self)), self, rd_signature_weak_sums(signature), shape);
}

/* The strong sums: a row of bytes for each block. */
static PyObject *table_get_strong(PyObject *self, PyObject *unused) {
    (void)unused;
    const table *const t = (table *)self;
    const column_shape shape = {.format = "B",
                                .item = 1,
                                .rows = (Py_ssize_t)rd_signature_count(t->signature),
                                .width = table_params_of(t).strong_len};
    const uint8_t *const sums = shape.rows > 0 ? rd_signature_strong(t->signature, 0) : NULL;
    return column_new(PyType_GetModuleState(Py_TYPE(self)), self, sums, shape);
}

static Py_ssize_t table_get_length(PyObject *self) {
    return (Py_ssize_t)rd_signature_count(((table *)self)->signature);
}

static PyObject *table_get_item(PyObject *self, Py_ssize_t index) {
    const table *const t = (table *)self;
    if (index < 0 || index >= table_get_length(self)) {
        PyErr_SetString(PyExc_IndexError, "the signature has no such block");
        return NULL;
    }
    const uint64_t block = (uint64_t)index;
    return Py_BuildValue("Iy#", rd_signature_weak(t->signature, block), rd_signature_strong(t->signature, block),
                         (Py_ssize_t)table_params_of(t).strong_len);
}

static PyMethodDef table_methods[] = {
    {"params", table_get_params, METH_NOARGS, NULL},
    {"origin", table_get_origin, METH_NOARGS, NULL},
    {"weak", table_get_weak, METH_NOARGS, NULL},
    {"strong", table_get_strong, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot table_slots[] = {
    {Py_tp_dealloc, table_deallocate},
    {Py_tp_methods, table_methods},
    {Py_sq_length, table_get_length},
    {Py_sq_item, table_get_item},
    {0, NULL},
};

static PyType_Spec table_spec = {
    .name = "redelta._core.Table",
    .basicsize = sizeof(table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = table_slots,
};

PyTypeObject *table_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &table_spec, NULL);
}
