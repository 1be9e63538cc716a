/* What the files of the extension share: the state of a module object. Each interpreter has its own. */
#ifndef REDELTA_EXT_MODULE_H
#define REDELTA_EXT_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdatomic.h>

#include "redelta.h"

/*
 * Work on fewer bytes than this keeps the GIL, because releasing it and taking it again can take longer than the work.
 */
#define WORK_SMALL ((size_t)64 * 1024)

typedef struct module_state {
    PyObject *failure; /* redelta._errors.failure, which makes exceptions */
    PyTypeObject *table_type;
    PyTypeObject *column_type;
    PyTypeObject *stream_type;
    PyTypeObject *context_type;
    PyTypeObject *ops_type;
    PyTypeObject *writer_type;
    PyTypeObject *session_type;
    PyTypeObject *patched_type;
    atomic_bool closing; /* the interpreter ends: only its main thread may enter it from now on */
    atomic_int inside;   /* calls that are in Python code, or about to be */
} module_state;

/* The types of the module's objects; NULL with an exception set on failure. */
PyTypeObject *table_make_type(PyObject *module);
PyTypeObject *column_make_type(PyObject *module);
PyTypeObject *stream_make_type(PyObject *module);
PyTypeObject *context_make_type(PyObject *module);
PyTypeObject *ops_make_type(PyObject *module);
PyTypeObject *writer_make_type(PyObject *module);
PyTypeObject *session_make_type(PyObject *module);
PyTypeObject *patched_make_type(PyObject *module);

/* The functions that make objects, and the whole operations: methods of the module. */
PyObject *new_context(PyObject *module, PyObject *unused);
PyObject *open_ops(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *open_patched(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *open_writer(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *session_sender(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *session_receiver(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *signature_stream(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *delta_stream(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *patch_stream(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *make_signature(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *load_signature(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *make_delta(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *make_diff(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *merge_deltas(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *reverse_delta(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *expand_delta(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *apply_patch(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *build_signature(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *build_part(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *load_part(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *join_parts(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *write_signature(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *verify_delta(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *make_digest(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *make_digest_part(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *inspect_digest_part(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *join_digest(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *delta_part_grid(PyObject *module, PyObject *signature);
PyObject *make_delta_part(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *inspect_delta_part(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *join_delta(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *inspect(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *split_ops(PyObject *module, PyObject *ops);
PyObject *sign_files(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *patch_files(PyObject *module, PyObject *arguments, PyObject *keywords);
PyObject *sync_file_system(PyObject *module, PyObject *arguments);

/* A method that takes keywords, for a table of methods. */
#define TAKES_KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS

/*
 * A new tuple of the fields of rd_stats, for Stats in the package: ten numbers, the digest or None, whether the files
 * are identical, the bytes of holes, the size and the digest or None of the basis, and the role of a file that changed.
 */
PyObject *stats_tuple(const rd_stats *stats);

/* A new int, or None for RD_UNKNOWN. */
PyObject *number_or_none(uint64_t number);

/*
 * Sets the exception for the error, and returns NULL. `names` is passed to the function that makes the exception; NULL
 * is allowed.
 */
PyObject *raise_failure(const module_state *state, const rd_error *error, PyObject *names);
/* Likewise for a call that is not allowed now. */
PyObject *raise_state(const module_state *state, rd_role role, const char *reason);

#endif
