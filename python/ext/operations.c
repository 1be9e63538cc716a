/*
 * The whole operations. All have the same steps: parse the arguments, release the GIL, open the destination, work, give
 * the destination its name, take the GIL again, and make the result or the exception.
 *
 * The files are passed by position, everything else by keyword (settings.h).
 */
#include "operation.h"

#include "context.h"
#include "settings.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

bool operation_begin(operation *o, PyObject *module, PyObject *keywords) {
    settings given;
    module_state *const state = PyModule_GetState(module);
    rd_context *kept;
    if (!settings_read(&given, keywords) || !context_enter(state, given.context, &kept))
        return false;
    call_begin(&o->call, state, given.main != 0, given.progress);
    o->sources = o->usual;
    o->context = given.context;
    o->names = given.names;
    o->replace = given.flush ? RD_REPLACE_SAFELY : RD_REPLACE_FAST;
    o->options = given.options;
    o->options.context = kept;
    o->options.progress = call_on_progress;
    o->options.progress_context = &o->call;
    o->stats.size = sizeof o->stats;
    o->options.stats = &o->stats;
    o->options.error = &o->error;
    return true;
}

bool operation_add_source(operation *o, PyObject *object, bool seekable) {
    return source_open(&o->sources[o->source_count++], object, &o->call, seekable);
}

bool operation_add_sources(operation *o, PyObject *objects) {
    const Py_ssize_t count = PyTuple_Size(objects);
    bool good = true;
    o->sources = calloc((size_t)count + 1, sizeof *o->sources);
    if (!o->sources) {
        o->sources = o->usual;
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count && good; i++)
        good = operation_add_source(o, PyTuple_GetItem(objects, i), false);
    return good;
}

void operation_note_small(operation *o) {
    o->small = o->source_count > 0 && !o->sink.path && !o->sink.file.object;
    for (int i = 0; i < o->source_count; i++)
        o->small = o->small && source_is_small(&o->sources[i]);
    if (o->small)
        o->options.threads = 1;
}

void operation_run(operation *o, work_fn *work) {
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

bool operation_succeeded(operation *o) {
    if (PyErr_Occurred())
        return false;
    if (o->error.result == RD_OK)
        return true;
    if (o->names_of_deltas && o->stats.delta_index < PyTuple_Size(o->names_of_deltas))
        o->names = PyTuple_GetItem(o->names_of_deltas, o->stats.delta_index);
    if (call_files_stayed_open(&o->call))
        (void)raise_failure(o->call.state, &o->error, o->names);
    return false;
}

void operation_end(operation *o) {
    for (int i = 0; i < o->source_count; i++)
        source_close(&o->sources[i]);
    if (o->sources != o->usual)
        free(o->sources);
    sink_close(&o->sink);
    context_leave(o->context);
}

/* The line that called the package, from here: `_patch` and `write_patch`, or their like, are in between. */
enum { CALLER = 3 };

PyObject *operation_run_to_sink(operation *o, work_fn *work) {
    PyObject *result = NULL;
    operation_run(o, work);
    if (operation_succeeded(o) && sink_warn(&o->sink, CALLER)) {
        PyObject *const made = sink_take(&o->sink);
        result = made ? Py_BuildValue("NN", made, stats_tuple(&o->stats)) : NULL;
    }
    return result;
}

/* ---- Signatures -------------------------------------------------------------------------------------------------- */

static rd_result work_make_signature(operation *o) {
    return rd_signature_make(&o->sources[0].from, &o->sink.to, &o->options);
}

/* The size of the signature, or 0 if it is not known. It may change if the file changes meanwhile. */
static uint64_t operation_signature_size(const operation *o) {
    const uint64_t size = o->sources[0].from.size;
    rd_params params = o->options.params;
    if (o->options.compression > 0 || size == RD_UNKNOWN || rd_params_resolve(&params, size) != RD_OK)
        return 0;
    return rd_signature_size(&params, rd_block_count(&params, size));
}

/* (basis, destination) */
PyObject *make_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *basis, *destination, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OO", &basis, &destination) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, basis, false) && sink_open(&o.sink, destination, &o.call)) {
        if (o.sink.expects)
            sink_expect(&o.sink, operation_signature_size(&o));
        operation_note_small(&o);
        result = operation_run_to_sink(&o, work_make_signature);
    }
    operation_end(&o);
    return result;
}

/* Runs an operation that makes a signature in memory. Returns (table, statistics). */
static PyObject *operation_run_to_table(operation *o, work_fn *work) {
    operation_note_small(o);
    operation_run(o, work);
    if (operation_succeeded(o)) {
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
    if (!PyArg_ParseTuple(arguments, "O", &from) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, from, false))
        result = operation_run_to_table(&o, work_load_signature);
    operation_end(&o);
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
    if (!PyArg_ParseTuple(arguments, "OK", &from, &offset) || !operation_begin(&o, module, keywords))
        return NULL;
    o.offset = offset;
    if (operation_add_source(&o, from, false))
        result = operation_run_to_table(&o, work_load_part);
    operation_end(&o);
    return result;
}

static rd_result work_build_signature(operation *o) {
    return rd_signature_build(&o->made, &o->sources[0].from, &o->options);
}

/* (basis). Returns (table, statistics). */
PyObject *build_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *basis, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &basis) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, basis, false))
        result = operation_run_to_table(&o, work_build_signature);
    operation_end(&o);
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
    if (!PyArg_ParseTuple(arguments, "OKO", &basis, &offset, &length) || !operation_begin(&o, module, keywords))
        return NULL;
    o.offset = offset;
    o.length = length == Py_None ? RD_UNKNOWN : PyLong_AsUnsignedLongLong(length);
    if (!PyErr_Occurred() && operation_add_source(&o, basis, true))
        result = operation_run_to_table(&o, work_build_part);
    operation_end(&o);
    return result;
}

static rd_result work_join_parts(operation *o) {
    return rd_signature_join(&o->made, o->parts, o->part_count, &o->options);
}

/* The signatures of a tuple of tables. False, with an exception set, on failure. */
static bool operation_add_parts(operation *o, PyObject *tables) {
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
    if (!PyArg_ParseTuple(arguments, "O!", &PyTuple_Type, &tables) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_parts(&o, tables))
        result = operation_run_to_table(&o, work_join_parts);
    free(o.parts);
    operation_end(&o);
    return result;
}

static rd_result work_write_signature(operation *o) {
    return rd_signature_write(o->signature, &o->sink.to, &o->options);
}

/* (table, destination) */
PyObject *write_signature(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *signature, *destination, *result = NULL;
    const module_state *const state = PyModule_GetState(module);
    if (!PyArg_ParseTuple(arguments, "O!O", state->table_type, &signature, &destination) ||
        !operation_begin(&o, module, keywords))
        return NULL;
    o.signature = ((table *)signature)->signature;
    if (sink_open(&o.sink, destination, &o.call)) {
        rd_params params;
        rd_signature_params(o.signature, &params);
        if (o.sink.expects && o.options.compression == 0)
            sink_expect(&o.sink, rd_signature_size(&params, rd_signature_count(o.signature)));
        result = operation_run_to_sink(&o, work_write_signature);
    }
    operation_end(&o);
    return result;
}

/* ---- Deltas ------------------------------------------------------------------------------------------------------ */

static rd_result work_make_delta(operation *o) {
    return rd_delta_make(o->signature, &o->sources[0].from, &o->sink.to, &o->options);
}

/* (table, new, destination) */
PyObject *make_delta(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *signature, *new_file, *destination, *result = NULL;
    module_state *const state = PyModule_GetState(module);
    if (!PyArg_ParseTuple(arguments, "O!OO", state->table_type, &signature, &new_file, &destination) ||
        !operation_begin(&o, module, keywords))
        return NULL;
    o.signature = ((table *)signature)->signature;
    o.options.limits.memory = ((table *)signature)->memory_max;
    if (operation_add_source(&o, new_file, false) && sink_open(&o.sink, destination, &o.call)) {
        operation_note_small(&o);
        result = operation_run_to_sink(&o, work_make_delta);
    }
    operation_end(&o);
    return result;
}

static rd_result work_make_diff(operation *o) {
    return rd_diff_make(&o->sources[0].from, &o->sources[1].from, &o->sink.to, &o->options);
}

/*
 * Makes a delta of two files, of which the first is read at any offset. The GIL is released if the second is a delta,
 * because a short one can take long.
 */
static PyObject *operation_run_on_two(PyObject *module, PyObject *arguments, PyObject *keywords, work_fn *work) {
    operation o = {0};
    PyObject *old, *other, *destination, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOO", &old, &other, &destination) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, old, true) && operation_add_source(&o, other, false) &&
        sink_open(&o.sink, destination, &o.call)) {
        if (work == work_make_diff)
            operation_note_small(&o);
        result = operation_run_to_sink(&o, work);
    }
    operation_end(&o);
    return result;
}

/* (old, new, destination) */
PyObject *make_diff(PyObject *module, PyObject *arguments, PyObject *keywords) {
    return operation_run_on_two(module, arguments, keywords, work_make_diff);
}

static rd_result work_reverse_delta(operation *o) {
    return rd_delta_reverse(&o->sources[0].from, &o->sources[1].from, &o->sink.to, &o->options);
}

/* (old, delta, destination) */
PyObject *reverse_delta(PyObject *module, PyObject *arguments, PyObject *keywords) {
    return operation_run_on_two(module, arguments, keywords, work_reverse_delta);
}

static rd_result work_expand_delta(operation *o) {
    return rd_delta_expand(&o->sources[0].from, &o->sources[1].from, &o->sink.to, &o->options);
}

/* (old, dense, destination) */
PyObject *expand_delta(PyObject *module, PyObject *arguments, PyObject *keywords) {
    return operation_run_on_two(module, arguments, keywords, work_expand_delta);
}

rd_source *operation_first_sources(operation *o, size_t count) {
    rd_source *const sources = malloc((count + 1) * sizeof *sources);
    if (!sources)
        o->error = (rd_error){.reason = rd_result_message(RD_E_MEMORY), .offset = RD_UNKNOWN};
    for (size_t i = 0; sources && i < count; i++)
        sources[i] = o->sources[i].from;
    return sources;
}

static rd_result work_merge_deltas(operation *o) {
    const size_t count = (size_t)o->source_count - o->has_basis;
    rd_source *const deltas = operation_first_sources(o, count);
    if (!deltas)
        return RD_E_MEMORY;
    const rd_result result =
        rd_delta_merge(deltas, count, o->has_basis ? &o->sources[count].from : NULL, &o->sink.to, &o->options);
    free(deltas);
    return result;
}

/* The deltas, and the basis unless it is None, as sources. */
static bool operation_add_deltas(operation *o, PyObject *deltas, PyObject *basis) {
    o->has_basis = basis != Py_None;
    return operation_add_sources(o, deltas) && (!o->has_basis || operation_add_source(o, basis, true));
}

/*
 * (a tuple of deltas, basis or None, destination). Its `names` are a tuple, too: those of the delta that an error is
 * about are passed on. Returns ((bytes or None, statistics), the number of a delta that changed). The GIL is always
 * released, because a few short deltas can take long.
 */
PyObject *merge_deltas(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *deltas, *basis, *destination, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O!OO", &PyTuple_Type, &deltas, &basis, &destination) ||
        !operation_begin(&o, module, keywords))
        return NULL;
    o.names_of_deltas = o.names;
    if (operation_add_deltas(&o, deltas, basis) && sink_open(&o.sink, destination, &o.call)) {
        PyObject *const made = operation_run_to_sink(&o, work_merge_deltas);
        result = made ? Py_BuildValue("NI", made, (unsigned)o.stats.delta_index) : NULL;
    }
    operation_end(&o);
    return result;
}

static rd_result work_apply_patch(operation *o) {
    const rd_result result =
        o->sink.destination ? rd_destination_guard(o->sink.destination, &o->sources[0].from, &o->error) : RD_OK;
    if (result != RD_OK)
        return result;
    return rd_patch_apply(&o->sources[0].from, &o->sources[1].from, &o->sink.to, &o->options);
}

typedef struct measure {
    uint64_t basis_size;
    uint64_t limit;
    uint64_t made;
} measure;

/* False if the delta will fail, because it copies from beyond the end of the basis or makes more than is allowed. */
static bool add_length(void *context, const rd_op *op) {
    measure *const m = context;
    m->made = op->target_offset + op->length;
    return m->made <= m->limit &&
           (op->kind == RD_LITERAL || (op->length <= m->basis_size && op->basis_offset <= m->basis_size - op->length));
}

/*
 * The size of the new file, or 0 if the delta fails or is compressed: decompressing it twice would take too long.
 */
static uint64_t operation_patched_size(const operation *o, call *c) {
    const rd_options options = {.size = sizeof options,
                                .verify = o->options.verify,
                                .compression = RD_COMPRESSION_NEVER,
                                .progress = call_on_progress,
                                .progress_context = c};
    const uint64_t limit = o->options.limits.output;
    measure m = {.basis_size = o->sources[0].from.size, .limit = limit > 0 ? limit : UINT64_MAX};
    return rd_delta_each_op(&o->sources[1].from, add_length, &m, &options) == RD_OK ? m.made : 0;
}

/*
 * Measuring is not reported as progress, but signals are handled. False, with an exception set, if Python code raised.
 */
static bool operation_expect_patched(operation *o) {
    if (!o->sink.expects || !o->sources[1].from.memory || o->sources[0].from.size == RD_UNKNOWN)
        return true;
    call c;
    call_begin(&c, o->call.state, o->call.main, Py_None);
    if (!source_is_small(&o->sources[1]))
        call_release(&c);
    const uint64_t size = operation_patched_size(o, &c);
    call_resume(&c);
    if (!c.failed)
        sink_expect(&o->sink, size);
    return !c.failed;
}

/* (basis, delta, destination). The GIL is always released, because a short delta can take long. */
PyObject *apply_patch(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *basis, *delta, *destination, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OOO", &basis, &delta, &destination) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, basis, true) && operation_add_source(&o, delta, false) &&
        sink_open(&o.sink, destination, &o.call)) {
        result = operation_expect_patched(&o) ? operation_run_to_sink(&o, work_apply_patch) : NULL;
    }
    operation_end(&o);
    return result;
}

/* ---- Verification ------------------------------------------------------------------------------------------------ */

static rd_result work_verify_delta(operation *o) {
    return rd_delta_verify(&o->sources[0].from, &o->sources[1].from, &o->options);
}

/* (delta, file). Returns the statistics. The GIL is always released, because a short delta can take long. */
PyObject *verify_delta(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *delta, *file, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OO", &delta, &file) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, delta, false) && operation_add_source(&o, file, false)) {
        operation_run(&o, work_verify_delta);
        if (operation_succeeded(&o))
            result = stats_tuple(&o.stats);
    }
    operation_end(&o);
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
    if (!PyArg_ParseTuple(arguments, "O", &from) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, from, false)) {
        operation_note_small(&o);
        operation_run(&o, work_digest);
        if (operation_succeeded(&o))
            result = Py_BuildValue("y#N", (const char *)o.digest, (Py_ssize_t)sizeof o.digest, stats_tuple(&o.stats));
    }
    operation_end(&o);
    return result;
}

/* ---- Inspection -------------------------------------------------------------------------------------------------- */

/*
 * How many bytes are kept of a source that cannot be read twice, until its kind is known: more than the first block of
 * a zstd frame takes.
 */
#define PEEK_SIZE ((size_t)1 << 20)

/*
 * A file that cannot be identified is read as a delta, because that error says why. This is not reported as progress,
 * but signals are handled.
 */
static void operation_identify(operation *o, const rd_source *from) {
    PyObject *const progress = o->call.progress;
    o->call.progress = NULL;
    if (rd_source_identify(from, &o->kind, &o->compressed, &o->options) != RD_OK)
        o->kind = RD_KIND_DELTA;
    else if (!from->seekable && o->stats.in_bytes > PEEK_SIZE)
        o->kind = RD_KIND_OTHER;
    o->call.progress = progress;
}

/* Numbers of an op: its offset in the new file, its length, and its offset in the basis (RD_UNKNOWN for a literal). */
enum { OP_TARGET, OP_LENGTH, OP_BASIS, OP_NUMBERS };

static bool append_op(void *context, const rd_op *op) {
    operation *const o = context;
    const bool copies = op->kind == RD_COPY;
    const uint64_t numbers[OP_NUMBERS] = {op->target_offset, op->length, copies ? op->basis_offset : RD_UNKNOWN};
    if (copies && op->basis_offset + op->length > o->basis_least)
        o->basis_least = op->basis_offset + op->length;
    return sink_append(&o->sink, numbers, sizeof numbers) == RD_OK;
}

static rd_result work_inspect(operation *o) {
    rd_filter *peek;
    rd_result result = rd_filter_peek_new(&peek, &o->sources[0].from, PEEK_SIZE, &o->options);
    if (result != RD_OK)
        return result;
    const rd_source from = rd_filter_source(peek);
    operation_identify(o, &from);
    if (o->kind == RD_KIND_DELTA || o->kind == RD_KIND_DENSE)
        result = rd_delta_each_op(&from, append_op, o, &o->options);
    else if (o->kind == RD_KIND_SIGNATURE)
        result = rd_signature_load(&o->made, &from, &o->options);
    rd_filter_free(peek);
    return result;
}

/*
 * (source). Returns (rd_kind, is it compressed?, a table of a signature or the ops of a delta as numbers of 64 bits,
 * the end of the basis's last byte that is copied, statistics).
 */
PyObject *inspect(PyObject *module, PyObject *arguments, PyObject *keywords) {
    operation o = {0};
    PyObject *from, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O", &from) || !operation_begin(&o, module, keywords))
        return NULL;
    if (operation_add_source(&o, from, false) && sink_open(&o.sink, Py_None, &o.call)) {
        operation_note_small(&o);
        operation_run(&o, work_inspect);
        if (operation_succeeded(&o)) {
            PyObject *const found = o.made ? table_new(o.call.state, o.made, 0) : sink_take(&o.sink);
            if (found)
                result = Py_BuildValue("iONKN", (int)o.kind, o.compressed ? Py_True : Py_False, found, o.basis_least,
                                       stats_tuple(&o.stats));
        } else {
            rd_signature_free(o.made);
        }
    }
    operation_end(&o);
    return result;
}

/* The numbers of the ops, column by column: bytes of a new object for each, and one for the kinds. */
static bool split_into(PyObject *columns[OP_NUMBERS], PyObject *kinds, const uint64_t *numbers, size_t count) {
    uint64_t *to[OP_NUMBERS];
    for (int n = 0; n < OP_NUMBERS; n++) {
        columns[n] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof *numbers));
        if (!columns[n])
            return false;
        to[n] = (uint64_t *)(void *)PyBytes_AsString(columns[n]);
    }
    char *const kind = PyBytes_AsString(kinds);
    for (size_t i = 0; i < count; i++) {
        const uint64_t *const op = numbers + i * OP_NUMBERS;
        kind[i] = (char)(op[OP_BASIS] == RD_UNKNOWN ? RD_LITERAL : RD_COPY);
        for (int n = 0; n < OP_NUMBERS; n++)
            memcpy(to[n] + i, op + n, sizeof *op);
    }
    return true;
}

/*
 * (the numbers that `inspect` gave). Returns them as columns: (kinds in a byte each, offsets in the new file, lengths,
 * offsets in the basis).
 */
PyObject *split_ops(PyObject *module, PyObject *ops) {
    PyObject *columns[OP_NUMBERS] = {NULL}, *result = NULL;
    char *numbers;
    Py_ssize_t size;
    (void)module;
    if (PyBytes_AsStringAndSize(ops, &numbers, &size) != 0)
        return NULL;
    const size_t count = (size_t)size / (OP_NUMBERS * sizeof(uint64_t));
    PyObject *const kinds = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)count);
    if (kinds && split_into(columns, kinds, (const uint64_t *)(void *)numbers, count))
        result = PyTuple_Pack(1 + OP_NUMBERS, kinds, columns[OP_TARGET], columns[OP_LENGTH], columns[OP_BASIS]);
    Py_XDECREF(kinds);
    for (int n = 0; n < OP_NUMBERS; n++)
        Py_XDECREF(columns[n]);
    return result;
}
