/*
 * The whole operations. All have one course: take the arguments, give the GIL away, open the destination, work, give
 * the destination its name, take the GIL back, and tell what came of it.
 *
 * The files come by position, everything else by keywords (settings.h).
 */
#include "call.h"
#include "context.h"
#include "settings.h"
#include "sink.h"
#include "source.h"
#include "table.h"

#include <stdlib.h>

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
    PyObject *context;             /* that is in use */
    const rd_signature *signature; /* that a delta is made with, or that is written */
    rd_signature *made;            /* that was made or loaded */
    uint64_t offset, length;       /* of a part */
    const rd_signature **parts;    /* to be joined */
    size_t part_count;
    uint8_t digest[RD_DIGEST_LEN];
    rd_kind kind; /* of what is inspected */
    bool compressed;
} operation;

typedef rd_result work_fn(operation *o);

/* False, with an exception set: what is to be done was not said rightly. */
static bool begin(operation *o, PyObject *module, PyObject *keywords) {
    settings given;
    module_state *const state = PyModule_GetState(module);
    rd_context *kept;
    if (!settings_read(&given, keywords) || !context_enter(state, given.context, &kept))
        return false;
    call_begin(&o->call, state, given.main != 0, given.progress);
    o->context = given.context;
    o->names = given.names;
    o->options = given.options;
    o->options.context = kept;
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
    context_leave(o->context);
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

/* Runs an operation that makes a signature in memory. Returns (table, statistics). */
static PyObject *run_to_table(operation *o, work_fn *work) {
    note_small(o);
    run(o, work);
    if (succeeded(o)) {
        PyObject *const made = table_new(o->call.state, o->made, o->options.limits.memory);
        return made ? Py_BuildValue("NN", made, stats_tuple(&o->stats)) : NULL;
    }
    rd_signature_free(o->made);
    return NULL;
}

static rd_result work_load_signature(operation *o) {
    return rd_signature_load(&o->made, &o->sources[0].from, &o->options);
}

/* (source). Returns (table, statistics). */
PyObject *load_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &from) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, from, false))
        result = run_to_table(&o, work_load_signature);
    end(&o);
    return result;
}

static rd_result work_load_part(operation *o) {
    return rd_signature_load_part(&o->made, &o->sources[0].from, o->offset, &o->options);
}

/* (source, offset). Returns (table, statistics). */
PyObject *load_part(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *result = NULL;
    unsigned long long offset;
    if (!PyArg_ParseTuple(arguments, "OK", &from, &offset) || !begin(&o, module, keywords))
        return NULL;
    o.offset = offset;
    if (add_source(&o, from, false))
        result = run_to_table(&o, work_load_part);
    end(&o);
    return result;
}

static rd_result work_build_signature(operation *o) {
    return rd_signature_build(&o->made, &o->sources[0].from, &o->options);
}

/* (basis). Returns (table, statistics). */
PyObject *build_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *basis, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &basis) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, basis, false))
        result = run_to_table(&o, work_build_signature);
    end(&o);
    return result;
}

static rd_result work_build_part(operation *o) {
    return rd_signature_build_part(&o->made, &o->sources[0].from, o->offset, o->length, &o->options);
}

/* (basis, offset, length or None). Returns (table, statistics). */
PyObject *build_part(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *basis, *length, *result = NULL;
    unsigned long long offset;
    if (!PyArg_ParseTuple(arguments, "OKO", &basis, &offset, &length) || !begin(&o, module, keywords))
        return NULL;
    o.offset = offset;
    o.length = length == Py_None ? RD_UNKNOWN : PyLong_AsUnsignedLongLong(length);
    if (!PyErr_Occurred() && add_source(&o, basis, true))
        result = run_to_table(&o, work_build_part);
    end(&o);
    return result;
}

static rd_result work_join_parts(operation *o) {
    return rd_signature_join(&o->made, o->parts, o->part_count, &o->options);
}

/* The signatures of a tuple of tables. False, with an exception set, on failure. */
static bool add_parts(operation *o, PyObject *tables) {
    o->part_count = (size_t)PyTuple_Size(tables);
    o->parts = calloc(o->part_count + 1, sizeof *o->parts);
    if (!o->parts) {
        PyErr_NoMemory();
        return false;
    }
    for (size_t i = 0; i < o->part_count; i++) {
        PyObject *const part = PyTuple_GetItem(tables, (Py_ssize_t)i);
        if (!PyObject_TypeCheck(part, o->call.state->table_type)) {
            PyErr_SetString(PyExc_TypeError, "a part is not a table");
            return false;
        }
        o->parts[i] = ((table *)part)->signature;
    }
    return true;
}

/* (a tuple of tables). Returns (table, statistics). */
PyObject *join_parts(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *tables, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O!", &PyTuple_Type, &tables) || !begin(&o, module, keywords))
        return NULL;
    if (add_parts(&o, tables))
        result = run_to_table(&o, work_join_parts);
    free(o.parts);
    end(&o);
    return result;
}

static rd_result work_write_signature(operation *o) {
    return rd_signature_write(o->signature, &o->sink.to, &o->options);
}

/* (table, destination) */
PyObject *write_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {.replace = RD_REPLACE_FAST};
    PyObject *signature, *destination, *result = NULL;
    const module_state *const state = PyModule_GetState(module);
    if (!PyArg_ParseTuple(arguments, "O!O", state->table_type, &signature, &destination) ||
        !begin(&o, module, keywords))
        return NULL;
    o.signature = ((table *)signature)->signature;
    if (sink_open(&o.sink, destination, &o.call)) {
        rd_params params;
        rd_signature_params(o.signature, &params);
        if (o.sink.expects && o.options.compression == 0)
            sink_expect(&o.sink, rd_signature_size(&params, rd_signature_count(o.signature)));
        result = run_to_sink(&o, work_write_signature);
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

/* ---- Digests ----------------------------------------------------------------------------------------------------- */

static rd_result work_digest(operation *o) {
    return rd_digest(&o->sources[0].from, o->digest, &o->options);
}

/* (source). Returns (digest, statistics). */
PyObject *make_digest(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &from) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, from, false)) {
        note_small(&o);
        run(&o, work_digest);
        if (succeeded(&o))
            result = Py_BuildValue("y#N", (const char *)o.digest, (Py_ssize_t)sizeof o.digest, stats_tuple(&o.stats));
    }
    end(&o);
    return result;
}

/* ---- Inspection -------------------------------------------------------------------------------------------------- */

/*
 * Bytes of a source that cannot be read twice that are kept until it is known what it is: more than the first block of
 * a zstd frame takes.
 */
#define PEEK_SIZE ((size_t)1 << 20)

/*
 * What cannot be identified is taken for a delta: the error of reading it says why. This is no progress yet, but
 * signals are heeded.
 */
static void identify(operation *o, const rd_source *from) {
    PyObject *const progress = o->call.progress;
    o->call.progress = NULL;
    if (rd_source_identify(from, &o->kind, &o->compressed, &o->options) != RD_OK)
        o->kind = RD_KIND_DELTA;
    else if (!from->seekable && o->stats.in_bytes > PEEK_SIZE)
        o->kind = RD_KIND_OTHER;
    o->call.progress = progress;
}

/*
 * Three numbers an op: where it starts in the new file, its length, and where in the basis; RD_UNKNOWN for a literal.
 */
static bool append_op(void *context, const rd_op *op) {
    const uint64_t numbers[] = {op->target_offset, op->length, op->kind == RD_COPY ? op->basis_offset : RD_UNKNOWN};
    return sink_append(context, numbers, sizeof numbers) == RD_OK;
}

static rd_result work_inspect(operation *o) {
    rd_filter *peek;
    rd_result result = rd_filter_peek_new(&peek, &o->sources[0].from, PEEK_SIZE, &o->options);
    if (result != RD_OK)
        return result;
    const rd_source from = rd_filter_source(peek);
    identify(o, &from);
    if (o->kind == RD_KIND_DELTA)
        result = rd_delta_each_op(&from, append_op, &o->sink, &o->options);
    else if (o->kind == RD_KIND_SIGNATURE)
        result = rd_signature_load(&o->made, &from, &o->options);
    rd_filter_free(peek);
    return result;
}

/*
 * (source). Returns (rd_kind, is it compressed?, a table of a signature or the ops of a delta as numbers of 64 bits,
 * statistics).
 */
PyObject *inspect(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &from) || !begin(&o, module, keywords))
        return NULL;
    if (add_source(&o, from, false) && sink_open(&o.sink, Py_None, &o.call)) {
        note_small(&o);
        run(&o, work_inspect);
        if (succeeded(&o)) {
            PyObject *const found = o.made ? table_new(o.call.state, o.made, 0) : sink_take(&o.sink);
            if (found)
                result =
                    Py_BuildValue("iONN", (int)o.kind, o.compressed ? Py_True : Py_False, found, stats_tuple(&o.stats));
        } else {
            rd_signature_free(o.made);
        }
    }
    end(&o);
    return result;
}
