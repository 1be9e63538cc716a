/*
 * The module redelta._core: the library's public header, for the Python code of the package only. It knows buffers,
 * descriptors and callables; the Python code decides what a path or a file object is, which values are allowed, and
 * which exceptions are raised.
 *
 * It keeps to the Limited API of 3.11, so that one build serves every later version, and has no state outside its
 * module objects, so that every interpreter can have one.
 */
#include "module.h"

#include <string.h>
#include <time.h>

/* ---- Common ------------------------------------------------------------------------------------------------------ */

PyObject *stats_tuple(const rd_stats *s) {
    const char *const digest = s->has_digest ? (const char *)s->digest : NULL; /* NULL gives None */
    const char *const basis_digest = s->has_basis_digest ? (const char *)s->basis_digest : NULL;
    return Py_BuildValue("KKKKKKKKKKy#OKNy#i", s->in_bytes, s->out_bytes, s->blocks, s->literal_commands,
                         s->literal_bytes, s->literal_command_bytes, s->copy_commands, s->copy_bytes,
                         s->copy_command_bytes, s->false_matches, digest, (Py_ssize_t)sizeof s->digest,
                         s->identical ? Py_True : Py_False, s->hole_bytes,
                         number_or_none(s->has_basis_digest ? s->basis_size : RD_UNKNOWN), basis_digest,
                         (Py_ssize_t)sizeof s->basis_digest, (int)s->changed);
}

PyObject *number_or_none(uint64_t number) {
    return number == RD_UNKNOWN ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(number);
}

PyObject *raise_failure(const module_state *state, const rd_error *error, PyObject *names) {
    PyObject *const offset = number_or_none(error->offset);
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

PyObject *raise_state(const module_state *state, rd_role role, const char *reason) {
    const rd_error error = {.result = RD_E_STATE, .role = role, .offset = RD_UNKNOWN, .reason = reason};
    return raise_failure(state, &error, NULL);
}

/* (notes of a commit). A list of messages for people. */
static PyObject *note_messages(PyObject *module, PyObject *arguments) {
    unsigned notes;
    (void)module;
    PyObject *const messages = PyArg_ParseTuple(arguments, "I", &notes) ? PyList_New(0) : NULL;
    for (; messages && notes != 0; notes &= notes - 1) {
        PyObject *const message = PyUnicode_FromString(rd_note_message(notes & ~(notes - 1))); /* of the lowest bit */
        const bool good = message && PyList_Append(messages, message) == 0;
        Py_XDECREF(message);
        if (!good) {
            Py_DECREF(messages);
            return NULL;
        }
    }
    return messages;
}

/* (an rd_result). A message for people. */
static PyObject *result_message(PyObject *module, PyObject *arguments) {
    int result;
    (void)module;
    return PyArg_ParseTuple(arguments, "i", &result) ? PyUnicode_FromString(rd_result_message((rd_result)result))
                                                     : NULL;
}

/* ---- Functions --------------------------------------------------------------------------------------------------- */

/*
 * Called when the interpreter ends. Keeps other threads out of it from now on, and waits for those inside to leave, but
 * no longer than a second: one may read from a source that never answers.
 */
static PyObject *module_close(PyObject *module, PyObject *unused) {
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

static PyMethodDef module_methods[] = {
    {"new_context", new_context, METH_NOARGS, NULL},
    {"open_ops", TAKES_KEYWORDS(open_ops), NULL},
    {"open_patched", TAKES_KEYWORDS(open_patched), NULL},
    {"open_writer", TAKES_KEYWORDS(open_writer), NULL},
    {"session_sender", TAKES_KEYWORDS(session_sender), NULL},
    {"session_receiver", TAKES_KEYWORDS(session_receiver), NULL},
    {"signature_stream", TAKES_KEYWORDS(signature_stream), NULL},
    {"delta_stream", TAKES_KEYWORDS(delta_stream), NULL},
    {"patch_stream", TAKES_KEYWORDS(patch_stream), NULL},
    {"make_signature", TAKES_KEYWORDS(make_signature), NULL},
    {"load_signature", TAKES_KEYWORDS(load_signature), NULL},
    {"make_delta", TAKES_KEYWORDS(make_delta), NULL},
    {"make_diff", TAKES_KEYWORDS(make_diff), NULL},
    {"merge_deltas", TAKES_KEYWORDS(merge_deltas), NULL},
    {"reverse_delta", TAKES_KEYWORDS(reverse_delta), NULL},
    {"expand_delta", TAKES_KEYWORDS(expand_delta), NULL},
    {"apply_patch", TAKES_KEYWORDS(apply_patch), NULL},
    {"build_signature", TAKES_KEYWORDS(build_signature), NULL},
    {"build_part", TAKES_KEYWORDS(build_part), NULL},
    {"load_part", TAKES_KEYWORDS(load_part), NULL},
    {"join_parts", TAKES_KEYWORDS(join_parts), NULL},
    {"write_signature", TAKES_KEYWORDS(write_signature), NULL},
    {"verify_delta", TAKES_KEYWORDS(verify_delta), NULL},
    {"make_digest", TAKES_KEYWORDS(make_digest), NULL},
    {"make_digest_part", TAKES_KEYWORDS(make_digest_part), NULL},
    {"inspect_digest_part", TAKES_KEYWORDS(inspect_digest_part), NULL},
    {"join_digest", TAKES_KEYWORDS(join_digest), NULL},
    {"delta_part_grid", delta_part_grid, METH_O, NULL},
    {"make_delta_part", TAKES_KEYWORDS(make_delta_part), NULL},
    {"inspect_delta_part", TAKES_KEYWORDS(inspect_delta_part), NULL},
    {"join_delta", TAKES_KEYWORDS(join_delta), NULL},
    {"inspect", TAKES_KEYWORDS(inspect), NULL},
    {"split_ops", split_ops, METH_O, NULL},
    {"sign_files", TAKES_KEYWORDS(sign_files), NULL},
    {"patch_files", TAKES_KEYWORDS(patch_files), NULL},
    {"syncfs", sync_file_system, METH_VARARGS, NULL},
    {"result_message", result_message, METH_VARARGS, NULL},
    {"note_messages", note_messages, METH_VARARGS, NULL},
    {"close", module_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* ---- The module -------------------------------------------------------------------------------------------------- */

/* module.ATTRIBUTE, of a module that is imported for it. */
static PyObject *module_import_from(const char *module, const char *attribute) {
    PyObject *const imported = PyImport_ImportModule(module);
    PyObject *const found = imported ? PyObject_GetAttrString(imported, attribute) : NULL;
    Py_XDECREF(imported);
    return found;
}

/* Registers module_close to be called before the interpreter ends. */
static bool module_register_close(PyObject *module) {
    PyObject *const with_exit = module_import_from("atexit", "register");
    PyObject *const close = PyObject_GetAttrString(module, "close");
    PyObject *const result = with_exit && close ? PyObject_CallFunctionObjArgs(with_exit, close, NULL) : NULL;
    Py_XDECREF(with_exit);
    Py_XDECREF(close);
    Py_XDECREF(result);
    return result != NULL;
}

/* ---- Constants: the numbers and names of the header, for which Python has no others ------------------------------ */

typedef struct constant {
    const char *name;
    long value;
} constant;

static const constant module_constants[] = {
#define RESULT_CONSTANT(name, number, message) {#name, RD_##name},
    RD_RESULT_MAP(RESULT_CONSTANT)
#undef RESULT_CONSTANT
        {"ROLE_BASIS", RD_ROLE_BASIS},
    {"ROLE_SIGNATURE", RD_ROLE_SIGNATURE},
    {"ROLE_NEW", RD_ROLE_NEW},
    {"ROLE_DELTA", RD_ROLE_DELTA},
    {"ROLE_OUTPUT", RD_ROLE_OUTPUT},
    {"KIND_SIGNATURE", RD_KIND_SIGNATURE},
    {"KIND_DELTA", RD_KIND_DELTA},
    {"KIND_DENSE", RD_KIND_DENSE},
    {"CHANGED_FAIL", RD_CHANGED_FAIL},
    {"CHANGED_ACCEPT", RD_CHANGED_ACCEPT},
    {"VERIFY_DEFAULT", RD_VERIFY_DEFAULT},
    {"VERIFY_NEVER", RD_VERIFY_NEVER},
    {"VERIFY_ALWAYS", RD_VERIFY_ALWAYS},
    {"FORM_PLAIN", RD_FORM_PLAIN},
    {"FORM_DENSE", RD_FORM_DENSE},
    {"SPARSE_AUTO", RD_SPARSE_AUTO},
    {"SPARSE_ALWAYS", RD_SPARSE_ALWAYS},
    {"SPARSE_NEVER", RD_SPARSE_NEVER},
    {"BLOCK_LEN_AUTO", RD_BLOCK_LEN_AUTO},
    {"BLOCK_LEN_MAX", RD_BLOCK_LEN_MAX},
    {"STRONG_LEN_FULL", RD_STRONG_LEN_FULL},
    {"STRONG_LEN_LEAST", RD_STRONG_LEN_LEAST},
    {"DIGEST_LEN", RD_DIGEST_LEN},
    {"WANT_SIGNATURE", RD_WANT_SIGNATURE},
    {"WANT_DIGEST", RD_WANT_DIGEST},
    {"FOLLOW_LINKS", RD_FOLLOW_LINKS},
    {"CURRENT_DIRECTORY", RD_CURRENT_DIRECTORY},
    {"COMPRESSION_DEFAULT", RD_COMPRESSION_DEFAULT},
    {"COMPRESSION_NEVER", RD_COMPRESSION_NEVER},
};

/* The names of the weak sums, in the order of their numbers. */
static PyObject *module_weak_names(void) {
    PyObject *const names = PyList_New(0);
    for (int i = 0; names && strcmp(rd_weak_name((rd_weak)i), "?") != 0; i++) {
        PyObject *const name = PyUnicode_FromString(rd_weak_name((rd_weak)i));
        const bool good = name && PyList_Append(names, name) == 0;
        Py_XDECREF(name);
        if (!good) {
            Py_DECREF(names);
            return NULL;
        }
    }
    return names;
}

/* The names of the strong sums with their lengths in bytes, in the order of their numbers. */
static PyObject *module_strong_sums(void) {
    PyObject *const sums = PyList_New(0);
    for (int i = 0; sums && strcmp(rd_strong_name((rd_strong)i), "?") != 0; i++) {
        rd_params params = {.strong = (rd_strong)i, .strong_len = RD_STRONG_LEN_FULL};
        (void)rd_params_resolve(&params, RD_UNKNOWN);
        PyObject *const sum = Py_BuildValue("si", rd_strong_name(params.strong), (int)params.strong_len);
        const bool good = sum && PyList_Append(sums, sum) == 0;
        Py_XDECREF(sum);
        if (!good) {
            Py_DECREF(sums);
            return NULL;
        }
    }
    return sums;
}

/* Adds a tuple of the list's items, and takes ownership of the list. */
static bool module_add_tuple(PyObject *module, const char *name, PyObject *list) {
    PyObject *const tuple = list ? PyList_AsTuple(list) : NULL;
    const bool good = tuple && PyModule_AddObjectRef(module, name, tuple) == 0;
    Py_XDECREF(list);
    Py_XDECREF(tuple);
    return good;
}

static bool module_add_constants(PyObject *module) {
    for (size_t i = 0; i < sizeof module_constants / sizeof *module_constants; i++) {
        if (PyModule_AddIntConstant(module, module_constants[i].name, module_constants[i].value) != 0)
            return false;
    }
    return PyModule_AddStringConstant(module, "VERSION", rd_version()) == 0 &&
           PyModule_AddIntConstant(module, "COMPRESSION_MAX", rd_compression_max()) == 0 &&
           module_add_tuple(module, "WEAK_SUMS", module_weak_names()) &&
           module_add_tuple(module, "STRONG_SUMS", module_strong_sums());
}

static bool module_add_types(PyObject *module, module_state *state) {
    struct {
        PyTypeObject **type;
        PyTypeObject *(*make)(PyObject *module);
    } const types[] = {
        {&state->table_type, table_make_type},     {&state->stream_type, stream_make_type},
        {&state->context_type, context_make_type}, {&state->ops_type, ops_make_type},
        {&state->writer_type, writer_make_type},   {&state->session_type, session_make_type},
        {&state->column_type, column_make_type},   {&state->patched_type, patched_make_type},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        *types[i].type = types[i].make(module);
        if (!*types[i].type || PyModule_AddType(module, *types[i].type) != 0)
            return false;
    }
    return true;
}

/* The constants come first: redelta._errors, from which `failure` comes, imports them. */
static int module_execute(PyObject *module) {
    module_state *const state = PyModule_GetState(module);
    atomic_init(&state->closing, false);
    atomic_init(&state->inside, 0);
    if (!module_add_constants(module) || !module_add_types(module, state))
        return -1;
    state->failure = module_import_from("redelta._errors", "failure");
    return state->failure && module_register_close(module) ? 0 : -1;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    const module_state *const state = PyModule_GetState(module);
    Py_VISIT(state->failure);
    Py_VISIT(state->table_type);
    Py_VISIT(state->column_type);
    Py_VISIT(state->stream_type);
    Py_VISIT(state->context_type);
    Py_VISIT(state->ops_type);
    Py_VISIT(state->writer_type);
    Py_VISIT(state->session_type);
    Py_VISIT(state->patched_type);
    return 0;
}

static int module_clear(PyObject *module) {
    module_state *const state = PyModule_GetState(module);
    Py_CLEAR(state->failure);
    Py_CLEAR(state->table_type);
    Py_CLEAR(state->column_type);
    Py_CLEAR(state->stream_type);
    Py_CLEAR(state->context_type);
    Py_CLEAR(state->ops_type);
    Py_CLEAR(state->writer_type);
    Py_CLEAR(state->session_type);
    Py_CLEAR(state->patched_type);
    return 0;
}

static void module_release(void *module) {
    (void)module_clear(module);
}

/*
 * For later Pythons: every interpreter may have its own GIL (3.12), and no GIL is needed (3.13). Earlier ones refuse
 * slots that they do not know, and the Limited API has no names for them.
 */
enum { SLOT_INTERPRETERS = 3, SLOT_GIL = 4 };

#define INTERPRETERS_OWN_GIL ((void *)2)
#define GIL_NOT_USED ((void *)1)

static PyModuleDef_Slot slots_311[] = {{Py_mod_exec, module_execute}, {0, NULL}};
static PyModuleDef_Slot slots_312[] = {
    {Py_mod_exec, module_execute}, {SLOT_INTERPRETERS, INTERPRETERS_OWN_GIL}, {0, NULL}};
static PyModuleDef_Slot slots_313[] = {
    {Py_mod_exec, module_execute}, {SLOT_INTERPRETERS, INTERPRETERS_OWN_GIL}, {SLOT_GIL, GIL_NOT_USED}, {0, NULL}};

#define DEFINITION(slots)                                                                                              \
    {                                                                                                                  \
        .m_base = PyModuleDef_HEAD_INIT, .m_name = "redelta._core", .m_size = sizeof(module_state),                    \
        .m_methods = module_methods, .m_slots = (slots), .m_traverse = module_traverse, .m_clear = module_clear,       \
        .m_free = module_release                                                                                       \
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
