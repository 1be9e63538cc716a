/*
 * Parts of the work on a file, as records in bytes: those of digests and of deltas. The functions are like those in
 * operations.c.
 */
#include "operation.h"

#include "table.h"

#include <stdlib.h>

/* An offset, and a length or None. False, with an exception set, if they are no numbers. */
static bool parts_set_range(operation *o, unsigned long long offset, PyObject *length) {
    o->offset = offset;
    o->length = length == Py_None ? RD_UNKNOWN : PyLong_AsUnsignedLongLong(length);
    return !PyErr_Occurred();
}

/* Runs an operation that inspects a record. Returns (offset, length, does the file end with it?). */
static PyObject *parts_inspect(PyObject *module, PyObject *arguments, PyObject *keywords, work_fn *work) {
    operation o = {0};
    PyObject *record, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &record) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, record, false)) {
        operation_note_small(&o);
        operation_run(&o, work);
        if (operation_succeeded(&o))
            result = Py_BuildValue("KKN", o.part.offset, o.part.length, PyBool_FromLong(o.part.last));
    }
    operation_end(&o);
    return result;
}

/* ---- Digests ----------------------------------------------------------------------------------------------------- */

static rd_result work_make_digest_part(operation *o) {
    return rd_digest_part_make(&o->sources[0].from, o->offset, o->length, &o->sink.to, &o->options);
}

/* (source, offset, length or None). Returns (record, statistics). */
PyObject *make_digest_part(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *length, *result = NULL;
    unsigned long long offset;
    if (!PyArg_ParseTuple(arguments, "OKO", &from, &offset, &length) || !operation_begin(&o, module, keywords))
        return NULL;
    if (parts_set_range(&o, offset, length) && operation_add_source(&o, from, true) &&
        sink_open(&o.sink, Py_None, &o.call)) {
        operation_note_small(&o);
        result = operation_run_to_sink(&o, work_make_digest_part);
    }
    operation_end(&o);
    return result;
}

static rd_result work_inspect_digest_part(operation *o) {
    return rd_digest_part_inspect(&o->sources[0].from, &o->part, &o->options);
}

/* (record). Returns (offset, length, does the file end with it?). */
PyObject *inspect_digest_part(PyObject *module, PyObject *arguments, PyObject *keywords) {
    return parts_inspect(module, arguments, keywords, work_inspect_digest_part);
}

static rd_result work_join_digest(operation *o) {
    const size_t count = (size_t)o->source_count;
    rd_source *const records = operation_first_sources(o, count);
    if (!records)
        return RD_E_MEMORY;
    const rd_result result = rd_digest_join(records, count, o->digest, &o->options);
    free(records);
    return result;
}

/* (a tuple of records). Its `names` are a tuple, too. Returns the digest. */
PyObject *join_digest(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *records, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O!", &PyTuple_Type, &records) || !operation_begin(&o, module, keywords))
        return NULL;
    o.names_of_deltas = o.names;
    if (operation_add_sources(&o, records)) {
        operation_note_small(&o);
        operation_run(&o, work_join_digest);
        if (operation_succeeded(&o))
            result = PyBytes_FromStringAndSize((const char *)o.digest, sizeof o.digest);
    }
    operation_end(&o);
    return result;
}

/* ---- Deltas ------------------------------------------------------------------------------------------------------ */

/* (table). Returns a number. */
PyObject *delta_part_grid(PyObject *module, PyObject *signature) {
    const module_state *const state = PyModule_GetState(module);
    if (!PyObject_TypeCheck(signature, state->table_type)) {
        PyErr_SetString(PyExc_TypeError, "a table is needed");
        return NULL;
    }
    return PyLong_FromUnsignedLongLong(rd_delta_part_grid(((table *)signature)->signature));
}

static rd_result work_make_delta_part(operation *o) {
    return rd_delta_part_make(o->signature, &o->sources[0].from, o->offset, o->length, &o->sink.to, &o->options);
}

/* (table, new, offset, length or None). Returns (record, statistics). */
PyObject *make_delta_part(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *signature, *new_file, *length, *result = NULL;
    unsigned long long offset;
    const module_state *const state = PyModule_GetState(module);
    if (!PyArg_ParseTuple(arguments, "O!OKO", state->table_type, &signature, &new_file, &offset, &length) ||
        !operation_begin(&o, module, keywords))
        return NULL;
    o.signature = ((table *)signature)->signature;
    o.options.limits.memory = ((table *)signature)->memory_max;
    if (parts_set_range(&o, offset, length) && operation_add_source(&o, new_file, true) &&
        sink_open(&o.sink, Py_None, &o.call)) {
        operation_note_small(&o);
        result = operation_run_to_sink(&o, work_make_delta_part);
    }
    operation_end(&o);
    return result;
}

static rd_result work_inspect_delta_part(operation *o) {
    return rd_delta_part_inspect(&o->sources[0].from, &o->part, &o->options);
}

/* (record). Returns (offset, length, does the file end with it?). */
PyObject *inspect_delta_part(PyObject *module, PyObject *arguments, PyObject *keywords) {
    return parts_inspect(module, arguments, keywords, work_inspect_delta_part);
}

/* The last source is the new file. */
static rd_result work_join_delta(operation *o) {
    const size_t count = (size_t)o->source_count - 1;
    rd_source *const records = operation_first_sources(o, count);
    if (!records)
        return RD_E_MEMORY;
    const rd_result result =
        rd_delta_join(o->signature, records, count, &o->sources[count].from, &o->sink.to, &o->options);
    free(records);
    return result;
}

/*
 * (table, a tuple of records, new, destination). Its `names` are a tuple, too, of one more than there are records: of
 * each of them, and in any case of the files. Returns (bytes or None, statistics).
 */
PyObject *join_delta(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {.replace = RD_REPLACE_FAST};
    PyObject *signature, *records, *new_file, *destination, *result = NULL;
    const module_state *const state = PyModule_GetState(module);
    if (!PyArg_ParseTuple(arguments, "O!O!OO", state->table_type, &signature, &PyTuple_Type, &records, &new_file,
                          &destination) ||
        !operation_begin(&o, module, keywords))
        return NULL;
    o.signature = ((table *)signature)->signature;
    o.options.limits.memory = ((table *)signature)->memory_max;
    o.names_of_deltas = o.names;
    if (operation_add_sources(&o, records) && operation_add_source(&o, new_file, true) &&
        sink_open(&o.sink, destination, &o.call))
        result = operation_run_to_sink(&o, work_join_delta);
    operation_end(&o);
    return result;
}
