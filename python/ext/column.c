/* See column.h. */
#include "column.h"

typedef struct column {
    PyObject_HEAD
    PyObject *owner;
    const void *data;
    const char *format;
    Py_ssize_t item;
    int dimensions;
    Py_ssize_t shape[2];
    Py_ssize_t strides[2];
} column;

PyObject *column_new(const module_state *state, PyObject *owner, const void *data, column_shape shape) {
    static const uint8_t nothing[8];
    column *const c = PyObject_New(column, state->column_type);
    if (!c)
        return NULL;
    const Py_ssize_t width = shape.width > 0 ? shape.width : 1;
    c->owner = Py_NewRef(owner);
    c->data = data ? data : nothing;
    c->format = shape.format;
    c->item = shape.item;
    c->dimensions = shape.width > 0 ? 2 : 1;
    c->shape[0] = shape.rows;
    c->shape[1] = width;
    c->strides[0] = width * shape.item;
    c->strides[1] = shape.item;
    return (PyObject *)c;
}

static void column_deallocate(PyObject *self) {
    PyTypeObject *const type = Py_TYPE(self);
    Py_DECREF(((column *)self)->owner);
    PyObject_Free(self);
    Py_DECREF(type);
}

static bool asks_for(int flags, int what) {
    return (flags & what) == what;
}

static int column_get_buffer(PyObject *self, Py_buffer *view, int flags) {
    column *const c = (column *)self;
    view->obj = NULL;
    if (asks_for(flags, PyBUF_WRITABLE) || (c->dimensions > 1 && asks_for(flags, PyBUF_F_CONTIGUOUS))) {
        PyErr_SetString(PyExc_BufferError, "it is read-only, row by row");
        return -1;
    }
    *view = (Py_buffer){
        .buf = (void *)c->data,
        .obj = Py_NewRef(self),
        .len = c->shape[0] * c->strides[0],
        .itemsize = c->item,
        .readonly = 1,
        .ndim = c->dimensions,
        .format = asks_for(flags, PyBUF_FORMAT) ? (char *)c->format : NULL,
        .shape = asks_for(flags, PyBUF_ND) ? c->shape : NULL,
        .strides = asks_for(flags, PyBUF_STRIDES) ? c->strides : NULL,
    };
    return 0;
}

static PyType_Slot column_slots[] = {
    {Py_tp_dealloc, column_deallocate},
    {Py_bf_getbuffer, column_get_buffer},
    {0, NULL},
};

static PyType_Spec column_spec = {
    .name = "redelta._core.Column",
    .basicsize = sizeof(column),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = column_slots,
};

PyTypeObject *column_make_type(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &column_spec, NULL);
}
