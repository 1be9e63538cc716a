/*
 * jobs.c: the three verbs. Checks are made in the order of librsync's rdiff, because the first that fails gives the
 * exit status: the inputs, the output, then the number of names, the values of options, the work. But an output gets
 * its name only after success, and a failure leaves nothing.
 */
#define _POSIX_C_SOURCE 200809L

#include "jobs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/base/files.h"
#include "cli/base/interrupt.h"
#include "report.h"
#include "signature.h"
#include "statistics.h"

enum { INPUTS_MAX = 2 };

typedef struct job {
    const rdiff_options *options;
    cli_input inputs[INPUTS_MAX];
    int open_inputs;
    cli_output output;
    rd_params params;
    cli_failure failure;
} job;

typedef struct job_recipe {
    int inputs;
    rd_role roles[INPUTS_MAX];
    const char *usage;  /* NULL: no name is required */
    rd_replace replace; /* if the user lets an output be replaced */
    rd_result (*work)(job *);
} job_recipe;

static int64_t job_now(void) {
    struct timespec time = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/*
 * As in librsync, a delta ends with its END, bytes after that are ignored, nothing is compressed, and no attention is
 * paid to files that change.
 */
static rd_options job_library_options(job *j, rd_stats *stats) {
    return (rd_options){
        .size = sizeof(rd_options),
        .params = j->params,
        .progress = interrupt_progress,
        .stats = stats,
        .error = &j->failure.error,
        .verify = RD_VERIFY_NEVER,
        .compression = RD_COMPRESSION_NEVER,
        .changed = RD_CHANGED_ACCEPT,
    };
}

/* ---- Inputs that cannot be read --------------------------------------------------------------------------------- */

/* *context is the errno. */
static rd_result job_refuse_to_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    (void)offset;
    (void)data;
    (void)size;
    *got = 0;
    errno = *(const int *)context;
    return RD_E_IO;
}

/* A directory can be opened, which does not matter as long as nothing is read from it. */
static rd_source job_source(const cli_input *in) {
    static int is_directory = EISDIR;
    struct stat status;
    if (fstat(in->fd, &status) == 0 && S_ISDIR(status.st_mode))
        return rd_source_callback(job_refuse_to_read, &is_directory, RD_UNKNOWN, true);
    return rd_source_fd(in->fd);
}

/* Likewise the basis of a patch may be a pipe, if the delta copies nothing. */
static rd_source job_basis(const cli_input *in) {
    static int is_pipe = ESPIPE;
    const rd_source source = job_source(in);
    return source.seekable ? source : rd_source_callback(job_refuse_to_read, &is_pipe, RD_UNKNOWN, true);
}

/* ---- The work of each verb -------------------------------------------------------------------------------------- */

static rd_result job_make_signature(job *j) {
    const rd_source source = job_source(&j->inputs[0]);
    rd_stats stats = {.size = sizeof stats};
    const int64_t start = job_now();
    const rd_options library = job_library_options(j, &stats);
    const rd_result result = rd_signature_make(&source, &j->output.sink, &library);
    if (j->options->statistics)
        statistics_of_signature("signature", &stats, j->params.block_len, job_now() - start);
    return result;
}

/* If both inputs are standard input, the new file is what follows the signature there: it is empty. */
static rd_result job_make_delta(job *j) {
    rd_signature *signature;
    rd_stats stats = {.size = sizeof stats};
    int64_t start = job_now();
    rd_result result = signature_load(&signature, &j->inputs[0], &stats, &j->failure);
    if (result != RD_OK)
        return result;
    rd_signature_params(signature, &j->params);
    if (j->options->statistics)
        statistics_of_signature("loadsig", &stats, j->params.block_len, job_now() - start);
    start = job_now();
    const rd_source new_file = job_source(&j->inputs[1]);
    const rd_options library = job_library_options(j, &stats);
    result = rd_delta_make(signature, &new_file, &j->output.sink, &library);
    rd_signature_free(signature);
    if (j->options->statistics)
        statistics_of_delta("delta", &stats, job_now() - start);
    return result;
}

static rd_result job_apply_patch(job *j) {
    const rd_source basis = job_basis(&j->inputs[0]);
    const rd_source delta = job_source(&j->inputs[1]);
    rd_stats stats = {.size = sizeof stats};
    const int64_t start = job_now();
    const rd_options library = job_library_options(j, &stats);
    const rd_result result = rd_patch_apply(&basis, &delta, &j->output.sink, &library);
    if (j->options->statistics)
        statistics_of_delta("patch", &stats, job_now() - start);
    return result;
}

/* A signature or delta can be made again; what a patch replaces is often the only copy of the basis. */
static const job_recipe job_recipes[] = {
    [VERB_SIGNATURE] = {1, {RD_ROLE_BASIS, RD_ROLE_NONE}, NULL, RD_REPLACE_FAST, job_make_signature},
    [VERB_DELTA] = {2,
                    {RD_ROLE_SIGNATURE, RD_ROLE_NEW},
                    "Usage for delta: rdiff [OPTIONS] delta SIGNATURE [NEWFILE [DELTA]]",
                    RD_REPLACE_FAST,
                    job_make_delta},
    [VERB_PATCH] = {2,
                    {RD_ROLE_BASIS, RD_ROLE_DELTA},
                    "Usage for patch: rdiff [OPTIONS] patch BASIS [DELTA [NEW]]",
                    RD_REPLACE_SAFELY,
                    job_apply_patch},
};

/* ---- Parameters ------------------------------------------------------------------------------------------------- */

/* *choice becomes 0 or 1, by the name given; no name is 0. */
static int job_choose(const char *what, const char *name, const char *const names[2], int *choice) {
    *choice = name != NULL && strcmp(name, names[1]) == 0;
    if (name == NULL || strcmp(name, names[*choice]) == 0)
        return RS_DONE;
    return report_usage(what, name, "'.");
}

/*
 * The size that librsync uses: that of the whole file, even if reading starts inside it; none for a device or a pipe.
 */
static uint64_t job_basis_size(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : RD_UNKNOWN;
}

/* Strong sums shorter than is safe are made, with a warning. */
static void job_warn_of_short_sums(const rd_params *params, uint64_t basis_size) {
    rd_params least = *params;
    least.strong_len = RD_STRONG_LEN_LEAST;
    if (basis_size == RD_UNKNOWN || rd_params_resolve(&least, basis_size) != RD_OK ||
        params->strong_len >= least.strong_len)
        return;
    (void)fprintf(stderr,
                  "librsync: Warning: (signature) strong sums of %d bytes may be equal by chance: use at least %d\n",
                  (int)params->strong_len, (int)least.strong_len);
}

static int job_settle_params(job *j) {
    const char *const hashes[] = {[RD_BLAKE2] = rd_strong_name(RD_BLAKE2), [RD_MD4] = rd_strong_name(RD_MD4)};
    const char *const rollsums[] = {
        [RD_RABINKARP] = rd_weak_name(RD_RABINKARP), [RD_ROLLSUM] = rd_weak_name(RD_ROLLSUM)};
    const rdiff_options *options = j->options;
    int strong;
    int weak;
    int status = job_choose("Unknown hash algorithm '", options->hash, hashes, &strong);
    if (status == RS_DONE)
        status = job_choose("Unknown rollsum algorithm '", options->rollsum, rollsums, &weak);
    if (status != RS_DONE)
        return status;
    j->params =
        (rd_params){(rd_weak)weak, (rd_strong)strong,
                    options->block_size > 0 ? (uint32_t)options->block_size : RD_BLOCK_LEN_AUTO, options->sum_size};
    const uint64_t size = job_basis_size(j->inputs[0].fd);
    if (rd_params_resolve(&j->params, size) != RD_OK) {
        (void)failure_refusal(&j->failure, RD_ROLE_NONE, "the strong sum length is out of range", NULL);
        return report_failure(options->verb, NULL, &j->failure);
    }
    if (options->block_size < 0)
        return report_usage("a block cannot have a negative size", "", "");
    job_warn_of_short_sums(&j->params, size);
    return RS_DONE;
}

static int job_check_buffers(const rdiff_options *options) {
    if (options->input_size < 0 || options->output_size < 0)
        return report_usage("a buffer cannot have a negative size", "", "");
    return RS_DONE;
}

/* ---- What they have in common ----------------------------------------------------------------------------------- */

static int job_open_inputs(job *j) {
    const job_recipe *r = &job_recipes[j->options->verb];
    for (int i = 0; i < r->inputs; i++) {
        const char *name = options_file(j->options, i);
        cli_input *in = &j->inputs[i];
        const rd_result result = input_open(in, name, r->roles[i], &j->failure);
        j->open_inputs = i + 1;
        if (result != RD_OK && in->fd == -1)
            return report_open_failure(&j->failure, in->name, "read");
    }
    return RS_DONE;
}

/* Refuses an empty name and, without -f, the name of anything that exists, including a device. */
static rd_result job_check_output_name(job *j, const char *name) {
    struct stat status;
    if (name[0] == '\0') {
        errno = ENOENT;
        return failure_system(&j->failure, RD_ROLE_OUTPUT, "has no name");
    }
    if (j->options->force || stat(name, &status) != 0)
        return RD_OK;
    j->failure.error = (rd_error){.result = RD_E_EXISTS};
    return RD_E_EXISTS;
}

/* A file that exists without -f is refused again by the library, when the output gets its name. */
static int job_open_output(job *j) {
    const job_recipe *r = &job_recipes[j->options->verb];
    const char *name = options_file(j->options, r->inputs);
    rd_result result = name != NULL ? job_check_output_name(j, name) : RD_OK;
    /* With -f this means standard output, not the link in /dev, which would be replaced. */
    const bool standard = name == NULL || strcmp(name, "/dev/stdout") == 0;
    if (result == RD_OK && standard)
        result = output_open(&j->output, NULL, RD_REPLACE_FAST, &j->failure);
    else if (result == RD_OK)
        result = output_open(&j->output, name, j->options->force ? r->replace : RD_REPLACE_NEVER, &j->failure);
    return result == RD_OK ? RS_DONE : report_open_failure(&j->failure, output_name(name), "write");
}

/* What a message calls the file that the failure is about. */
static const char *job_file_name(const job *j, rd_role role) {
    for (int i = 0; i < j->open_inputs; i++)
        if (j->inputs[i].role == role)
            return j->inputs[i].name;
    return role == RD_ROLE_OUTPUT ? output_name(options_file(j->options, job_recipes[j->options->verb].inputs)) : NULL;
}

static rd_result job_work(job *j) {
    rd_result result = RD_OK;
    for (int i = 0; i < j->open_inputs && result == RD_OK; i++)
        result = output_check_apart(&j->output, &j->inputs[i], &j->failure);
    if (result != RD_OK)
        return j->failure.error.result = RD_E_IO;
    result = j->options->verb == VERB_PATCH && j->output.destination != NULL
                 ? rd_destination_guard(j->output.destination, &j->inputs[0].source, &j->failure.error)
                 : RD_OK;
    if (result == RD_OK)
        result = job_recipes[j->options->verb].work(j);
    return result == RD_OK && interrupt_caught() ? RD_E_CANCELLED : result;
}

/* The other checks of the command line, in librsync's order. */
static int job_check_words(job *j) {
    int status = RS_DONE;
    if (j->options->operand_count > job_recipes[j->options->verb].inputs + 1)
        status = report_usage("Too many arguments.", "", "");
    if (status == RS_DONE && j->options->verb == VERB_SIGNATURE)
        status = job_settle_params(j);
    return status == RS_DONE ? job_check_buffers(j->options) : status;
}

/* The output is open; afterwards it is not. */
static int job_work_and_commit(job *j) {
    rd_result result = job_work(j);
    if (result == RD_OK)
        result = output_commit(&j->output, &j->failure);
    else
        output_discard(&j->output);
    if (result == RD_OK) {
        unsigned notes = j->output.notes;
        for (unsigned note = output_next_note(&notes); note != 0; note = output_next_note(&notes))
            report_warning(j->options->verb, job_file_name(j, RD_ROLE_OUTPUT), rd_note_message(note));
        return RS_DONE;
    }
    const char *name = job_file_name(j, j->failure.error.role);
    if (result == RD_E_CHANGED) /* somebody else changed the output meanwhile */
        j->failure.error.result = RD_E_IO;
    if (result == RD_E_EXISTS) /* made by somebody else meanwhile */
        return report_open_failure(&j->failure, name, "write");
    if (j->output.written && j->output.start >= 0)
        report_warning(j->options->verb, job_file_name(j, RD_ROLE_OUTPUT), "do not use what was written to it");
    return report_failure(j->options->verb, name, &j->failure);
}

static int job_complete(job *j) {
    const int status = job_check_words(j);
    if (status == RS_DONE)
        return job_work_and_commit(j);
    output_discard(&j->output);
    return status;
}

int job_run(const rdiff_options *options) {
    job j = {.options = options};
    const job_recipe *r = &job_recipes[options->verb];
    if (r->usage != NULL && options->operand_count == 0)
        return report_usage(r->usage, "", "");
    int status = job_open_inputs(&j);
    if (status == RS_DONE)
        status = job_open_output(&j);
    if (status == RS_DONE)
        status = job_complete(&j);
    for (int i = 0; i < j.open_inputs; i++)
        input_close(&j.inputs[i]);
    return status;
}
