/*
 * Operations on many files in one call: the GIL is released once for all of them. Paths are bytes, and directories
 * descriptors; what is known of the files comes back as the array of records that it is in C (rd_file_record), which
 * the package takes apart when it is asked for it.
 */
#include "call.h"
#include "context.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct many {
    call call;
    PyObject *context; /* that is in use */
    PyObject *names;
    PyObject *records; /* bytes */
    rd_file_record *each;
    rd_options options;
    rd_stats stats;
    rd_error error;
} many;

/* Sets up a zeroed call about `count` files, after which many_end must follow. False, with an exception set. */
static bool many_begin(many *m, PyObject *module, PyObject *keywords, size_t count) {
    settings given;
    module_state *const state = PyModule_GetState(module);
    rd_context *kept;
    if (!settings_read(&given, keywords) || !context_enter(state, given.context, &kept))
        return false;
    call_begin(&m->call, state, given.main != 0, given.progress);
    m->context = given.context;
    m->names = given.names;
    m->options = given.options;
    m->options.context = kept;
    m->options.progress = call_on_progress;
    m->options.progress_context = &m->call;
    m->stats.size = sizeof m->stats;
    m->options.stats = &m->stats;
    m->options.error = &m->error;
    m->records = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof *m->each));
    m->each = m->records ? (rd_file_record *)(void *)PyBytes_AsString(m->records) : NULL;
    if (!m->each)
        context_leave(m->context);
    return m->each != NULL;
}

/* After the work: false with an exception set, that of Python code or of the library's error. */
static bool many_succeeded(many *m, rd_result result) {
    if (result == RD_OK && !call_tell_end(&m->call))
        result = RD_E_CANCELLED;
    call_resume(&m->call);
    if (result != RD_OK && !PyErr_Occurred()) {
        m->error.result = result;
        (void)raise_failure(m->call.state, &m->error, m->names);
    }
    return result == RD_OK && !PyErr_Occurred();
}

static void many_end(many *m) {
    Py_XDECREF(m->records);
    context_leave(m->context);
}

/* ---- Signatures and digests -------------------------------------------------------------------------------------- */

/* The bytes of a tuple of paths, to be freed, or NULL with an exception set. */
static const char **paths_of(PyObject *tuple, size_t count) {
    const char **const paths = calloc(count + 1, sizeof *paths);
    if (!paths)
        PyErr_NoMemory();
    for (size_t i = 0; paths && i < count; i++) {
        paths[i] = PyBytes_AsString(PyTuple_GetItem(tuple, (Py_ssize_t)i));
        if (!paths[i]) {
            free((void *)paths);
            return NULL;
        }
    }
    return paths;
}

/* (directory or -1, a tuple of paths, what). Returns (records, signatures, statistics). */
PyObject *sign_files(PyObject *module, PyObject *arguments, PyObject *keywords) {
    many m = {0};
    int directory;
    unsigned what;
    PyObject *tuple, *made = NULL;
    rd_memory signatures = {0};
    if (!PyArg_ParseTuple(arguments, "iO!I", &directory, &PyTuple_Type, &tuple, &what))
        return NULL;
    const size_t count = (size_t)PyTuple_Size(tuple);
    const char **const paths = paths_of(tuple, count);
    if (paths && many_begin(&m, module, keywords, count)) {
        call_release(&m.call);
        const rd_result result = rd_sign_files(directory, paths, count, what, m.each, &signatures, &m.options);
        if (many_succeeded(&m, result))
            made = Py_BuildValue("Oy#N", m.records, signatures.data ? (const char *)signatures.data : "",
                                 (Py_ssize_t)signatures.size, stats_tuple(&m.stats));
        many_end(&m);
    }
    rd_memory_free(&signatures);
    free((void *)paths);
    return made;
}

/* ---- Patches ----------------------------------------------------------------------------------------------------- */

typedef struct patch_list {
    rd_patch_item *items;
    Py_buffer *deltas;
    size_t count;
    size_t held; /* deltas that are held */
} patch_list;

/* (basis or None, delta, output, mode or None, mtime or None) */
static bool patch_list_add(patch_list *list, PyObject *tuple) {
    rd_patch_item *const item = &list->items[list->held];
    Py_buffer *const buffer = &list->deltas[list->held];
    PyObject *basis, *delta, *output, *mode, *mtime;
    *item = (rd_patch_item){.mode = RD_MODE_OF_BASIS, .mtime_ns = RD_TIME_NOW};
    if (!PyArg_ParseTuple(tuple, "OOOOO", &basis, &delta, &output, &mode, &mtime))
        return false;
    item->basis = basis == Py_None ? NULL : PyBytes_AsString(basis);
    item->output = PyBytes_AsString(output);
    if (mode != Py_None)
        item->mode = (uint32_t)PyLong_AsUnsignedLong(mode);
    if (mtime != Py_None)
        item->mtime_ns = PyLong_AsLongLong(mtime);
    if (PyErr_Occurred() || PyObject_GetBuffer(delta, buffer, PyBUF_SIMPLE) != 0)
        return false;
    item->delta = buffer->buf;
    item->delta_size = (size_t)buffer->len;
    list->held++;
    return true;
}

static bool patch_list_fill(patch_list *list, PyObject *tuple) {
    list->count = (size_t)PyTuple_Size(tuple);
    list->items = calloc(list->count + 1, sizeof *list->items);
    list->deltas = calloc(list->count + 1, sizeof *list->deltas);
    if (!list->items || !list->deltas) {
        PyErr_NoMemory();
        return false;
    }
    while (list->held < list->count) {
        if (!patch_list_add(list, PyTuple_GetItem(tuple, (Py_ssize_t)list->held)))
            return false;
    }
    return true;
}

static void patch_list_free(patch_list *list) {
    while (list->held > 0)
        PyBuffer_Release(&list->deltas[--list->held]);
    free(list->deltas);
    free(list->items);
}

/* All is made, but Python code has raised when it was told: the outputs go, as if it had been told before. */
static void patch_list_remove(const patch_list *list, const rd_file_record *records, int outputs) {
    for (size_t i = 0; i < list->count; i++) {
        if (records[i].result == RD_OK)
            (void)unlinkat(outputs == RD_CURRENT_DIRECTORY ? AT_FDCWD : outputs, list->items[i].output, 0);
    }
}

/* (directory of the bases, directory of the outputs, a tuple of items, what). Returns (records, statistics). */
PyObject *patch_files(PyObject *module, PyObject *arguments, PyObject *keywords) {
    many m = {0};
    int bases, outputs;
    unsigned what;
    PyObject *tuple, *made = NULL;
    patch_list list = {0};
    if (!PyArg_ParseTuple(arguments, "iiO!I", &bases, &outputs, &PyTuple_Type, &tuple, &what))
        return NULL;
    if (patch_list_fill(&list, tuple) && many_begin(&m, module, keywords, list.count)) {
        call_release(&m.call);
        const rd_result result = rd_patch_files(bases, outputs, list.items, list.count, what, m.each, &m.options);
        if (many_succeeded(&m, result))
            made = Py_BuildValue("ON", m.records, stats_tuple(&m.stats));
        else if (result == RD_OK)
            patch_list_remove(&list, m.each, outputs);
        many_end(&m);
    }
    patch_list_free(&list);
    return made;
}

/* ---- The disk ---------------------------------------------------------------------------------------------------- */

/* Where the system cannot flush one file system, it flushes all. */
static int flush_file_system(int fd) {
#if defined(__linux__)
    return syncfs(fd);
#else
    (void)fd;
    sync();
    return 0;
#endif
}

/* (descriptor): flushes the file system of the file to the disk. */
PyObject *sync_file_system(PyObject *module, PyObject *arguments) {
    int fd;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "i", &fd))
        return NULL;
    int failure = 0;
    Py_BEGIN_ALLOW_THREADS
    if (flush_file_system(fd) != 0)
        failure = errno;
    Py_END_ALLOW_THREADS
    errno = failure;
    return failure == 0 ? Py_NewRef(Py_None) : PyErr_SetFromErrno(PyExc_OSError);
}
