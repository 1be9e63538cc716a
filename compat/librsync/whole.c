/*
 * The jobs from file to file: redelta's whole operations, with all processors. Loading a signature is the exception: it
 * is the job, fed from the file, because redelta's own loading is stricter than librsync's.
 */
#include "base/pipeline.h"
#include "file/patch.h"
#include "job.h"
#include "params.h"
#include "results.h"
#include "signature.h"
#include "stats.h"
#include "stdio_io.h"
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char cannot_write[] = "cannot write the output";

enum { LOAD_CHUNK = 256 * 1024 };

/* One operation: what it is, and what redelta reports about it. */
typedef struct whole_operation {
    const char *function;
    rs_stats_t stats;
    rd_stats counts;
    rd_error error;
    rd_options options;
} whole_operation;

static void whole_start(whole_operation *o, const char *function, const char *name) {
    *o = (whole_operation){
        .function = function, .stats = {.op = name, .start = time(NULL)}, .counts.size = sizeof o->counts};
    o->options = (rd_options){.size = sizeof o->options,
                              .stats = &o->counts,
                              .error = &o->error,
                              .verify = RD_VERIFY_NEVER,
                              .sparse = RD_SPARSE_NEVER,
                              .compression = RD_COMPRESSION_NEVER,
                              .changed = RD_CHANGED_ACCEPT};
}

static rs_result whole_fail(const char *function, const char *reason, int error, rs_result result) {
    rs__log(RS_LOG_ERR, function, "%s%s%s", reason, error ? ": " : "", error ? strerror(error) : "");
    return result;
}

/* Redelta does not know that the files are files, nor that its caller is not the program. */
static const char *whole_reason(const rd_error *error) {
    if (error->result != RD_E_IO)
        return error->reason;
    return error->role == RD_ROLE_OUTPUT ? cannot_write : "cannot read the input";
}

/* Ends the operation: leaves the files where they belong, and fills *stats. */
static rs_result whole_end(whole_operation *o, rd_result made, rs__input *input, rs__output *output,
                           rs_stats_t *stats) {
    rs__input_close(input, o->counts.in_bytes);
    const bool written = rs__output_close(output);
    const int error = errno;
    rs__stats_set(&o->stats, &o->counts);
    o->stats.in_bytes = (rs_long_t)o->counts.in_bytes;
    o->stats.out_bytes = (rs_long_t)o->counts.out_bytes;
    o->stats.end = time(NULL);
    if (stats)
        *stats = o->stats;
    if (made != RD_OK)
        return whole_fail(o->function, whole_reason(&o->error), o->error.system_error, rs__result(made));
    return written ? RS_DONE : whole_fail(o->function, cannot_write, error, RS_IO_ERROR);
}

/* RS_DONE: the output may be written while the inputs are read. */
static rs_result whole_check(const char *function, FILE *input, FILE *other_input, FILE *output) {
    if (!input || !other_input || !output)
        return whole_fail(function, "there is no file", 0, RS_PARAM_ERROR);
    if (rs__same_file(input, output) || rs__same_file(other_input, output))
        return whole_fail(function, "the output is one of the inputs", 0, RS_PARAM_ERROR);
    return RS_DONE;
}

rs_result rs_sig_file(FILE *old_file, FILE *sig_file, size_t block_len, size_t strong_len, rs_magic_number sig_magic,
                      rs_stats_t *stats) {
    whole_operation o;
    rs__input input;
    rs__output output;
    rs_result result = whole_check(__func__, old_file, old_file, sig_file);
    if (result == RS_DONE)
        result = rs_sig_args(rs_file_size(old_file), &sig_magic, &block_len, &strong_len);
    if (result != RS_DONE)
        return result;
    whole_start(&o, __func__, "signature");
    o.options.params = rs__params(sig_magic, block_len, strong_len);
    o.stats.block_len = block_len;
    rs__input_open(&input, old_file);
    rs__output_open(&output, sig_file);
    return whole_end(&o, rd_signature_make(&input.source, &output.sink, &o.options), &input, &output, stats);
}

rs_result rs_delta_file(rs_signature_t *sig, FILE *new_file, FILE *delta_file, rs_stats_t *stats) {
    whole_operation o;
    rs__input input;
    rs__output output;
    const rs_result result = whole_check(__func__, new_file, new_file, delta_file);
    if (result != RS_DONE)
        return result;
    whole_start(&o, __func__, "delta");
    rs__input_open(&input, new_file);
    rs__output_open(&output, delta_file);
    const rd_signature *const loaded = sig ? sig->loaded : NULL;
    const rd_result made = rd_delta_make(loaded, &input.source, &output.sink, &o.options);
    if (loaded)
        rs__signature_count(sig, &o.counts);
    o.counts.blocks = 0; /* librsync counts those of a signature made or loaded only */
    return whole_end(&o, made, &input, &output, stats);
}

rs_result rs_patch_file(FILE *basis_file, FILE *delta_file, FILE *new_file, rs_stats_t *stats) {
    whole_operation o;
    rs__input basis;
    rs__input delta;
    uint64_t reached = RD_UNKNOWN;
    rs__output output;
    const rs_result result = whole_check(__func__, basis_file, delta_file, new_file);
    if (result != RS_DONE)
        return result;
    whole_start(&o, __func__, "patch");
    rs__input_open_basis(&basis, basis_file);
    rs__input_open(&delta, delta_file);
    rs__output_open(&output, new_file);
    const rd_result made = rd__patch_apply(&basis.source, &delta.source, &output.sink, &o.options, &reached);
    rs__input_close_basis(&basis, reached, made == RD_E_TRUNCATED && o.error.role == RD_ROLE_BASIS);
    return whole_end(&o, made, &delta, &output, stats);
}

/* Feeds the job from the file. */
static rs_result whole_load(rs_job_t *job, FILE *file, char *chunk) {
    rs_buffers_t buffers = {0};
    rs_result result = RS_BLOCKED;
    while (result == RS_BLOCKED) {
        buffers.next_in = chunk;
        buffers.avail_in = fread(chunk, 1, LOAD_CHUNK, file);
        if (buffers.avail_in < LOAD_CHUNK && ferror(file))
            return whole_fail("rs_loadsig_file", "cannot read the signature", errno, RS_IO_ERROR);
        buffers.eof_in = feof(file);
        job->stats.in_bytes += (rs_long_t)buffers.avail_in;
        result = rs_job_iter(job, &buffers);
    }
    return result;
}

/* The bytes that the file may still have, or RD_UNKNOWN. */
static uint64_t whole_expected_bytes(FILE *file) {
    const rs_long_t size = rs_file_size(file);
    const long at = ftell(file);
    return size >= 0 && at >= 0 && at <= size ? (uint64_t)(size - at) : RD_UNKNOWN;
}

rs_result rs_loadsig_file(FILE *sig_file, rs_signature_t **sumset, rs_stats_t *stats) {
    if (!sig_file || !sumset)
        return whole_fail(__func__, "there is no file", 0, RS_PARAM_ERROR);
    rs_job_t *const job = rs__loadsig_begin(sumset, whole_expected_bytes(sig_file), rd__processor_count());
    char *const chunk = malloc(LOAD_CHUNK);
    const rs_result result = job && chunk ? whole_load(job, sig_file, chunk) : RS_MEM_ERROR;
    if (job && stats)
        *stats = job->stats;
    free(chunk);
    rs_job_free(job);
    return result;
}
