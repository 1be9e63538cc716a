/*
 * inspect.c: the verb inspect: finds out what a file is, and all about it, in one pass and in constant memory.
 */
#define _POSIX_C_SOURCE 200809L

#include "inspect.h"

#include <stdlib.h>
#include <unistd.h>

#include "interrupt.h"
#include "looks.h"
#include "page.h"
#include "peek.h"
#include "system.h"

/* ---- Each kind -------------------------------------------------------------------------------------------------- */

static rd_result inspect_signature(cli_job *job, cli_inspection *found) {
    rd_signature *signature;
    const rd_options library = job_options(job, &found->stats);
    const rd_result result = rd_signature_load(&signature, &job->inputs[0].source, &library);
    if (result != RD_OK)
        return result;
    rd_signature_params(signature, &found->params);
    found->blocks = rd_signature_count(signature);
    found->distinct = rd_signature_distinct(signature);
    rd_signature_free(signature);
    return RD_OK;
}

static rd_result no_memory(cli_job *job) {
    job->failure.error =
        (rd_error){.result = RD_E_MEMORY, .offset = RD_UNKNOWN, .reason = rd_result_message(RD_E_MEMORY)};
    return RD_E_MEMORY;
}

/* Reads all commands with `each`; *found gets what the library tells on the way. */
static rd_result walk(cli_job *job, cli_inspection *found, rd_op_fn *each, void *context) {
    const rd_options library = job_options(job, &found->stats);
    return rd_delta_each_op(&job->inputs[0].source, each, context, &library);
}

static rd_result inspect_delta(cli_job *job, cli_inspection *found) {
    if (!survey_begin(&found->survey))
        return no_memory(job);
    const rd_result result = walk(job, found, survey_take, &found->survey);
    if (result == RD_OK)
        survey_end(&found->survey);
    return result;
}

/* ---- Telling ---------------------------------------------------------------------------------------------------- */

static rd_result list_commands(cli_job *job, cli_inspection *found) {
    const bool prints = job_prints(job);
    if (prints)
        inspect_print_head(stdout);
    const rd_result result = walk(job, found, prints ? inspect_print_op : inspect_send_op, stdout);
    job->summary.stats = found->stats;
    return ferror(stdout) != 0 || result == RD_OK ? output_check_printed(&job->failure) : result;
}

static rd_result tell_findings(cli_job *job, const cli_inspection *found) {
    rd_stats *const stats = &job->summary.stats;
    *stats = found->stats;
    if (job->options->makes_output)
        return page_write(&job->output.sink, found, &stats->out_bytes, &job->failure);
    if (!job_prints(job))
        return RD_OK;
    progress_clear(&job->progress);
    inspect_print(stdout, found, system_terminal_width(STDOUT_FILENO));
    return output_check_printed(&job->failure);
}

/* ---- The verb --------------------------------------------------------------------------------------------------- */

/* What is not for this kind of file. */
static rd_result check_wishes(cli_job *job, rd_kind kind) {
    if (kind == RD_KIND_DELTA || (!job->options->ops && !job->options->makes_output))
        return RD_OK;
    return failure_input(&job->failure, RD_ROLE_DELTA, "this is a signature, which has no commands",
                         "give a delta, or leave out --ops and --html");
}

static rd_result refuse_other(cli_job *job, const cli_peek *peek) {
    static char reason[160];
    const cli_looks looks = looks_of(peek->begin, peek->size);
    (void)snprintf(reason, sizeof reason, "this is neither a signature nor a delta, but looks like %s", looks.what);
    return failure_input(&job->failure, RD_ROLE_NONE, reason, "give what 'redelta signature' or 'delta' made");
}

/* What a compressed file is, its first bytes tell that come out of it. A pipe gives them only once. */
static rd_result identify(cli_job *job, const cli_peek *peek, cli_inspection *found) {
    const rd_source begin = rd_source_memory(peek->begin, peek->size);
    const bool only_begin = !job->inputs[0].source.seekable;
    rd_options library = job_options(job, NULL);
    library.progress = interrupt_progress;
    const rd_result result =
        rd_source_identify(only_begin ? &begin : &job->inputs[0].source, &found->kind, &found->compressed, &library);
    if (result != RD_E_TRUNCATED || !only_begin || peek->size < PEEK_SIZE)
        return result;
    return failure_input(&job->failure, RD_ROLE_NONE,
                         "so many empty frames of zstd come first that a pipe cannot be recognised", "name a file");
}

static rd_result inspect(cli_job *job, cli_inspection *found) {
    static cli_peek peek;
    if (job->options->verbose)
        stats_announce_inspect(job->inputs[0].source.size);
    rd_result result = peek_open(&peek, &job->inputs[0], &job->failure);
    if (result == RD_OK)
        result = identify(job, &peek, found);
    if (result != RD_OK)
        return result;
    found->name = job->inputs[0].name;
    if (found->kind == RD_KIND_OTHER)
        return refuse_other(job, &peek);
    result = check_wishes(job, found->kind);
    if (result != RD_OK)
        return result;
    if (job->options->ops)
        return list_commands(job, found);
    result = found->kind == RD_KIND_DELTA ? inspect_delta(job, found) : inspect_signature(job, found);
    return result == RD_OK ? tell_findings(job, found) : result;
}

void inspection_free(cli_inspection *found) {
    if (found != NULL)
        survey_free(&found->survey);
    free(found);
}

rd_result work_inspect(cli_job *job) {
    job->inspection = calloc(1, sizeof *job->inspection);
    return job->inspection != NULL ? inspect(job, job->inspection) : no_memory(job);
}
