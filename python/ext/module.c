/*
 * The module redelta._core: the library's public header for the Python of the package, and for nobody else. It knows
 * buffers, descriptors and callables; what a path or a file object is, which values are allowed, and what an exception
 * is called, is said in Python.
 *
 * It keeps to the Limited API of 3.11, so that one build serves every later version, and has no state but that of its
 * module objects, so that every interpreter can have one.
 */
#include "module.h"

#include <time.h>

/* ---- Common ------------------------------------------------------------------------------------------------------ */

PyObject *stats_tuple(const rd_stats *s) {
    const char *const digest = s->has_digest ? (const char *)s->digest : NULL; /* NULL gives None */
    return Py_BuildValue("KKKKKKKKKKy#", s->in_bytes, s->out_bytes, s->blocks, s->literal_commands, s->literal_bytes,
                         s->literal_command_bytes, s->copy_commands, s->copy_bytes, s->copy_command_bytes,
                         s->false_matches, digest, (Py_ssize_t)sizeof s->digest);
}

PyObject *raise_failure(const module_state *state, const rd_error *error, PyObject *names) {
    PyObject *const offset =
        error->offset == RD_UNKNOWN ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(error->offset);
    if (!offset)
        return NULL;
    const char *const reason = error->reason ? error->reason : rd_result_message(error->result);
    PyObject *const exception = PyObject_CallFunction(state->failure, "iiiNsO", (int)error->result, (int)error->role,
                                                      error->system_error, offset, reason, names ? names : Py_None);
    if (exception)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    return NULL;
}

/* ---- Functions --------------------------------------------------------------------------------------------------- */

/*
 * The interpreter ends. Keeps other threads out of it from now on, and waits a while for those that are in it to leave;
 * one that reads from what never answers is not waited for.
 */
static PyObject *close_module(PyObject *module, PyObject *unused) {
    (void)unused;
    static const struct timespec pause = {.tv_nsec = 1000000};
    enum { PAUSES = 1000 };
    module_state *const state = PyModule_GetState(module);
    atomic_store(&state->closing, true);
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < PAUSES && atomic_load(&state->inside) > 0; i++)
        (void)nanosleep(&pause, NULL);
    Py_END_ALLOW_THREADS
    return Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"identify", TAKES_KEYWORDS(identify), NULL},
    {"signature_stream", TAKES_KEYWORDS(signature_stream), NULL},
    {"delta_stream", TAKES_KEYWORDS(delta_stream), NULL},
    {"patch_stream", TAKES_KEYWORDS(patch_stream), NULL},
    {"make_signature", TAKES_KEYWORDS(make_signature), NULL},
    {"load_signature", TAKES_KEYWORDS(load_signature), NULL},
    {"make_delta", TAKES_KEYWORDS(make_delta), NULL},
    {"apply_patch", TAKES_KEYWORDS(apply_patch), NULL},
    {"list_ops", TAKES_KEYWORDS(list_ops), NULL},
    {"close", close_module, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* ---- The module -------------------------------------------------------------------------------------------------- */

/* module.ATTRIBUTE, of a module that is imported for it. */
static PyObject *import_from(const char *module, const char *attribute) {
    PyObject *const imported = PyImport_ImportModule(module);
    PyObject *const found = imported ? PyObject_GetAttrString(imported, attribute) : NULL;
    Py_XDECREF(imported);
    return found;
}

/* Has close_module called before the interpreter ends. */
static bool register_close(PyObject *module) {
    PyObject *const with_exit = import_from("atexit", "register");
    PyObject *const close = PyObject_GetAttrString(module, "close");
    PyObject *const result = with_exit && close ? PyObject_CallFunctionObjArgs(with_exit, close, NULL) : NULL;
    Py_XDECREF(with_exit);
    Py_XDECREF(close);
    Py_XDECREF(result);
    return result != NULL;
}

static int execute(PyObject *module) {
    module_state *const state = PyModule_GetState(module);
    atomic_init(&state->closing, false);
    atomic_init(&state->inside, 0);
    state->failure = import_from("redelta._errors", "failure");
    state->table_type = table_make_type(module);
    state->stream_type = stream_make_type(module);
    if (!state->failure || !state->table_type || !state->stream_type)
        return -1;
    if (PyModule_AddType(module, state->table_type) != 0 || PyModule_AddType(module, state->stream_type) != 0 ||
        PyModule_AddStringConstant(module, "VERSION", rd_version()) != 0 ||
        PyModule_AddIntConstant(module, "COMPRESSION_MAX", rd_compression_max()) != 0)
        return -1;
    return register_close(module) ? 0 : -1;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    const module_state *const state = PyModule_GetState(module);
    Py_VISIT(state->failure);
    Py_VISIT(state->table_type);
    Py_VISIT(state->stream_type);
    return 0;
}

static int clear(PyObject *module) {
    module_state *const state = PyModule_GetState(module);
    Py_CLEAR(state->failure);
    Py_CLEAR(state->table_type);
    Py_CLEAR(state->stream_type);
    return 0;
}

static void release(void *module) {
    (void)clear(module);
}

/*
 * What a later Python wants to be told: that every interpreter may have its own GIL (3.12), and that no GIL is needed
 * (3.13). An earlier one refuses slots that it does not know, and the Limited API has no names for them.
 */
enum { SLOT_INTERPRETERS = 3, SLOT_GIL = 4 };

#define INTERPRETERS_OWN_GIL ((void *)2)
#define GIL_NOT_USED ((void *)1)

static PyModuleDef_Slot slots_311[] = {{Py_mod_exec, execute}, {0, NULL}};
static PyModuleDef_Slot slots_312[] = {{Py_mod_exec, execute}, {SLOT_INTERPRETERS, INTERPRETERS_OWN_GIL}, {0, NULL}};
static PyModuleDef_Slot slots_313[] = {
    {Py_mod_exec, execute}, {SLOT_INTERPRETERS, INTERPRETERS_OWN_GIL}, {SLOT_GIL, GIL_NOT_USED}, {0, NULL}};

#define DEFINITION(slots)                                                                                              \
    {                                                                                                                  \
        .m_base = PyModuleDef_HEAD_INIT, .m_name = "redelta._core", .m_size = sizeof(module_state),                    \
        .m_methods = methods, .m_slots = (slots), .m_traverse = traverse, .m_clear = clear, .m_free = release          \
    }

static PyModuleDef definition_311 = DEFINITION(slots_311);
static PyModuleDef definition_312 = DEFINITION(slots_312);
static PyModuleDef definition_313 = DEFINITION(slots_313);

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(Py_Version >= 0x030d0000   ? &definition_313
                            : Py_Version >= 0x030c0000 ? &definition_312
                                                       : &definition_311);
}
