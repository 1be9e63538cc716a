/* See table.h. */
#include "table.h"

#include <string.h>

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

static void deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    rd_signature_free(((table *)self)->signature);
    PyObject_Free(self);
    Py_DECREF(type);
}

static rd_params params_of(const table *t) {
    rd_params params;
    rd_signature_params(t->signature, &params);
    return params;
}

static PyObject *get_params(PyObject *self, PyObject *unused) {
    (void)unused;
    const rd_params params = params_of((table *)self);
    return Py_BuildValue("iiIi", (int)params.weak, (int)params.strong, params.block_len, params.strong_len);
}

static Py_ssize_t get_length(PyObject *self) {
    return (Py_ssize_t)rd_signature_count(((table *)self)->signature);
}

static PyObject *get_item(PyObject *self, Py_ssize_t index) {
    const table *const t = (table *)self;
    if (index < 0 || index >= get_length(self)) {
        PyErr_SetString(PyExc_IndexError, "the signature has no such block");
        return NULL;
    }
    const uint64_t block = (uint64_t)index;
    return Py_BuildValue("Iy#", rd_signature_weak(t->signature, block), rd_signature_strong(t->signature, block),
                         (Py_ssize_t)params_of(t).strong_len);
}

static void put_entries(const rd_signature *signature, size_t strong_len, uint8_t *to) {
    const uint64_t count = rd_signature_count(signature);
    for (uint64_t block = 0; block < count; block++) {
        const uint32_t weak = rd_signature_weak(signature, block);
        for (int shift = 24; shift >= 0; shift -= 8)
            *to++ = (uint8_t)(weak >> shift);
        memcpy(to, rd_signature_strong(signature, block), strong_len);
        to += strong_len;
    }
}

/* The header of a signature is the whole signature of an empty basis. */
static PyObject *encode(PyObject *self, PyObject *unused) {
    (void)unused;
    const table *const t = (table *)self;
    rd_memory header = {0};
    const rd_source nothing = rd_source_memory(NULL, 0);
    const rd_sink to_header = rd_sink_memory(&header);
    const rd_options options = {.size = sizeof options, .params = params_of(t), .threads = 1};
    const size_t strong_len = (size_t)options.params.strong_len;
    if (rd_signature_make(&nothing, &to_header, &options) != RD_OK)
        return PyErr_NoMemory();
    const size_t size = header.size + (size_t)get_length(self) * (4 + strong_len);
    PyObject *const bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes) {
        uint8_t *const to = (uint8_t *)PyBytes_AsString(bytes);
        memcpy(to, header.data, header.size);
        Py_BEGIN_ALLOW_THREADS
        put_entries(t->signature, strong_len, to + header.size);
        Py_END_ALLOW_THREADS
    }
    rd_memory_free(&header);
    return bytes;
}

static PyMethodDef methods[] = {
    {"params", get_params, METH_NOARGS, NULL},
    {"encode", encode, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, deallocate},
    {Py_tp_methods, methods},
    {Py_sq_length, get_length},
    {Py_sq_item, get_item},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "redelta._core.Table",
    .basicsize = sizeof(table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

PyTypeObject *table_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
