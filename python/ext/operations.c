/*
 * The whole operations. All have one course: take the arguments, give the GIL away, open the destination, work, give
 * the destination its name, take the GIL back, and tell what came of it.
 *
 * The files come by position, everything else by keywords (settings.h).
 */
#include "call.h"
#include "settings.h"
#include "sink.h"
#include "source.h"
#include "table.h"

enum { SOURCES_MAX = 2 };

typedef struct operation {
    call call;
    source sources[SOURCES_MAX];
    int source_count;
    sink sink;
    rd_replace replace;
    bool small; /* so that the GIL is kept */
    rd_options options;
    rd_stats stats;
    rd_error error;
    PyObject *names;
    const rd_signature *signature; /* of a delta */
    rd_signature *loaded;
    rd_kind kind; /* of what is identified */
    bool compressed;
} operation;

typedef rd_result work_fn(operation *o);

/* False, with an exception set: what is to be done was not said rightly. */
static bool begin(operation *o, PyObject *module, PyObject *keywords) {
    settings given;
    if (!settings_read(&given, keywords))
        return false;
    call_begin(&o->call, PyModule_GetState(module), given.main != 0, given.progress);
    o->names = given.names;
    o->options = given.options;
    o->options.progress = call_on_progress;
    o->options.progress_context = &o->call;
    o->stats.size = sizeof o->stats;
    o->options.stats = &o->stats;
    o->options.error = &o->error;
    return true;
}

static bool add_source(operation *o, PyObject *object, bool seekable) {
    return source_open(&o->sources[o->source_count++], object, &o->call, seekable);
}

/* Few bytes in memory are neither worth a thread nor worth giving the GIL away. */
static void note_small(operation *o) {
    o->small = !o->sink.path && !o->sink.waits && source_is_small(&o->sources[0]);
    if (o->small)
        o->options.threads = 1;
}

static void run(operation *o, work_fn *work) {
    if (!o->small)
        call_release(&o->call);
    rd_result result = sink_start(&o->sink, o->replace, &o->error);
    if (result == RD_OK)
        result = work(o);
    if (result == RD_OK && !call_tell_end(&o->call))
        result = RD_E_CANCELLED;
    o->error.result = sink_finish(&o->sink, result, &o->error);
    call_resume(&o->call);
}

/* Did it go well? Else the exception is set: the one that Python code raised, or that of the library's error. */
static bool succeeded(operation *o) {
    if (PyErr_Occurred())
        return false;
    if (o->error.result == RD_OK)
        return true;
    (void)raise_failure(o->call.state, &o->error, o->names);
    return false;
}

static void end(operation *o) {
    for (int i = 0; i < o->source_count; i++)
        source_close(&o->sources[i]);
    sink_close(&o->sink);
}

/* Runs an operation with a sink. Returns (bytes or None, statistics). */
static PyObject *run_to_sink(operation *o, work_fn *work) {
    PyObject *result = NULL;
    run(o, work);
    if (succeeded(o)) {
        PyObject *const made = sink_take(&o->sink);
        result = made ? Py_BuildValue("NN", made, stats_tuple(&o->stats)) : NULL;
    }
    return result;
}

/* ---- What a file is ---------------------------------------------------------------------------------------------- */

static rd_result work_identify(operation *o) {
    return rd_source_identify(&o->sources[0].from, &o->kind, &o->compressed, &o->options);
}

/*
 * (source), which is read in part if it is read in order. Returns (rd_kind, is it compressed?); -1 if it cannot be
 * told, and who reads the source is told why.
 */
PyObject *identify(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &from) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, from, false)) {
        note_small(&o);
        run(&o, work_identify);
        if (!PyErr_Occurred())
            result = Py_BuildValue("iO", o.error.result == RD_OK ? (int)o.kind : -1, o.compressed ? Py_True : Py_False);
    }
    end(&o);
    return result;
}

/* ---- Signatures -------------------------------------------------------------------------------------------------- */

static rd_result work_make_signature(operation *o) {
    return rd_signature_make(&o->sources[0].from, &o->sink.to, &o->options);
}

/* Of the signature. A file that is written to meanwhile may make another. */
static uint64_t signature_size(const operation *o) {
    const uint64_t size = o->sources[0].from.size;
    rd_params params = o->options.params;
    if (o->options.compression > 0 || size == RD_UNKNOWN || rd_params_resolve(&params, size) != RD_OK)
        return 0;
    return rd_signature_size(&params, rd_block_count(&params, size));
}

/* (basis, destination) */
PyObject *make_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {.replace = RD_REPLACE_FAST};
    PyObject *basis, *destination, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OO", &basis, &destination) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, basis, false) && sink_open(&o.sink, destination, &o.call)) {
        if (o.sink.expects)
            sink_expect(&o.sink, signature_size(&o));
        note_small(&o);
        result = run_to_sink(&o, work_make_signature);
    }
    end(&o);
    return result;
}

static rd_result work_load_signature(operation *o) {
    return rd_signature_load(&o->loaded, &o->sources[0].from, &o->options);
}

/* (source). Returns (table, statistics). */
PyObject *load_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &from) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, from, false)) {
        note_small(&o);
        run(&o, work_load_signature);
        if (succeeded(&o)) {
            PyObject *const loaded = table_new(o.call.state, o.loaded, o.options.limits.memory);
            result = loaded ? Py_BuildValue("NN", loaded, stats_tuple(&o.stats)) : NULL;
        } else {
            rd_signature_free(o.loaded);
        }
    }
    end(&o);
    return result;
}

/* ---- Deltas ------------------------------------------------------------------------------------------------------ */

static rd_result work_make_delta(operation *o) {
    return rd_delta_make(o->signature, &o->sources[0].from, &o->sink.to, &o->options);
}

/* (table, new, destination) */
PyObject *make_delta(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {.replace = RD_REPLACE_FAST};
    PyObject *signature, *new_file, *destination, *result = NULL;
    module_state *const state = PyModule_GetState(module);
    if (!PyArg_ParseTuple(arguments, "O!OO", state->table_type, &signature, &new_file, &destination) ||
        !begin(&o, module, keywords))
        return NULL;
    o.signature = ((table *)signature)->signature;
    o.options.limits.memory = ((table *)signature)->memory_max;
    if (add_source(&o, new_file, false) && sink_open(&o.sink, destination, &o.call)) {
        note_small(&o);
        result = run_to_sink(&o, work_make_delta);
    }
    end(&o);
    return result;
}

static rd_result work_apply_patch(operation *o) {
    return rd_patch_apply(&o->sources[0].from, &o->sources[1].from, &o->sink.to, &o->options);
}

typedef struct measure {
    uint64_t basis_size;
    uint64_t limit;
    uint64_t made;
} measure;

/* False: nothing will come of the delta, which copies from behind the end of the basis or makes more than is allowed.
 */
static bool add_length(void *context, const rd_op *op) {
    measure *const m = context;
    m->made = op->target_offset + op->length;
    return m->made <= m->limit &&
           (op->kind == RD_LITERAL || (op->length <= m->basis_size && op->basis_offset <= m->basis_size - op->length));
}

/* Of the new file, if a delta in memory tells it and is allowed it; else 0. One that is compressed would take its time.
 */
static uint64_t patched_size(const operation *o, call *c) {
    const rd_options options = {.size = sizeof options,
                                .verify = o->options.verify,
                                .compression = RD_COMPRESSION_NEVER,
                                .progress = call_on_progress,
                                .progress_context = c};
    const uint64_t limit = o->options.limits.output;
    measure m = {.basis_size = o->sources[0].from.size, .limit = limit > 0 ? limit : UINT64_MAX};
    return rd_delta_each_op(&o->sources[1].from, add_length, &m, &options) == RD_OK ? m.made : 0;
}

/* To measure is no progress yet, but signals are heeded. False, with an exception set, if Python code raised. */
static bool expect_patched(operation *o) {
    if (!o->sink.expects || !o->sources[1].from.memory || o->sources[0].from.size == RD_UNKNOWN)
        return true;
    call c;
    call_begin(&c, o->call.state, o->call.main, Py_None);
    if (!source_is_small(&o->sources[1]))
        call_release(&c);
    const uint64_t size = patched_size(o, &c);
    call_resume(&c);
    if (!c.failed)
        sink_expect(&o->sink, size);
    return !c.failed;
}

/* (basis, delta, destination). The GIL is always released: a few bytes can ask for much work. */
PyObject *apply_patch(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {.replace = RD_REPLACE_SAFELY};
    PyObject *basis, *delta, *destination, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOO", &basis, &delta, &destination) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, basis, true) && add_source(&o, delta, false) && sink_open(&o.sink, destination, &o.call)) {
        result = expect_patched(&o) ? run_to_sink(&o, work_apply_patch) : NULL;
    }
    end(&o);
    return result;
}

/* Three numbers an op: where it begins in the new file, its length, and where in the basis; RD_UNKNOWN for a literal.
 */
static bool append_op(void *context, const rd_op *op) {
    const uint64_t numbers[] = {op->target_offset, op->length, op->kind == RD_COPY ? op->basis_offset : RD_UNKNOWN};
    return sink_append(context, numbers, sizeof numbers) == RD_OK;
}

static rd_result work_list_ops(operation *o) {
    return rd_delta_each_op(&o->sources[0].from, append_op, &o->sink, &o->options);
}

/* (delta). Returns (the ops as numbers of 64 bits, statistics). */
PyObject *list_ops(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *delta, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &delta) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, delta, false) && sink_open(&o.sink, Py_None, &o.call)) {
        note_small(&o);
        result = run_to_sink(&o, work_list_ops);
    }
    end(&o);
    return result;
}
