/*
 * inspect.c: the verb inspect: finds out what a file is, and all about it, in one pass and in constant memory.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <stdlib.h>
#include <unistd.h>

#include "cli/base/interrupt.h"
#include "cli/base/system.h"
#include "cli/report/numbers.h"
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/inspect/page.h"
#include "cli/verbs/inspect/record.h"
#include "cli/verbs/inspect/text.h"
#include "cli/verbs/looks.h"
#include "cli/verbs/verbs.h"

static const char inspect_help[] =
    "Usage: redelta inspect [OPTION]... [FILE]\n"
    "\n"
    "Show whether FILE is a signature or a delta, and what is in it. For a delta:\n"
    "how much is copied and how much is literal, the lengths and positions of the\n"
    "pieces, and the digest. A missing name, or -, is standard input. Exit status is\n"
    "3 if FILE is neither.\n"
    "\n"
    "      --ops              list the commands of a delta instead, one per line\n"
    "      --html OUT         write a page with a map of the delta to OUT instead\n"
    "      --max-memory SIZE  refuse a FILE that needs more memory than SIZE\n"
    "      --max-blocks N     refuse a signature of more than N blocks\n" HELP_COMMON_AND_FORCE "\n"
    "The page is self-contained and works offline.\n"
    "\n"
    "Examples:\n"
    "  redelta inspect new.delta\n"
    "  redelta inspect --html map.html new.delta\n";

/* ---- Each kind -------------------------------------------------------------------------------------------------- */

static rd_result inspect_signature(cli_job *job, cli_inspection *found) {
    rd_signature *signature;
    const rd_options library = job_options(job, &found->stats);
    const rd_result result = rd_signature_load(&signature, &job->inputs[0].source, &library);
    if (result != RD_OK)
        return result;
    rd_signature_params(signature, &found->params);
    found->blocks = rd_signature_count(signature);
    found->basis_most = found->blocks * found->params.block_len;
    found->basis_least = found->blocks == 0 ? 0 : found->basis_most - found->params.block_len + 1;
    found->distinct = rd_signature_distinct(signature);
    rd_signature_free(signature);
    return RD_OK;
}

static rd_result inspect_no_memory(cli_job *job) {
    job->failure.error =
        (rd_error){.result = RD_E_MEMORY, .offset = RD_UNKNOWN, .reason = rd_result_message(RD_E_MEMORY)};
    return RD_E_MEMORY;
}

/* Calls `each` for all commands; *found gets the statistics. */
static rd_result inspect_walk(cli_job *job, cli_inspection *found, rd_op_fn *each, void *context) {
    const rd_options library = job_options(job, &found->stats);
    return rd_delta_each_op(&job->inputs[0].source, each, context, &library);
}

/* ---- Output ----------------------------------------------------------------------------------------------------- */

static rd_result inspect_list_commands(cli_job *job, cli_inspection *found) {
    const bool prints = job_prints(job);
    if (prints)
        inspect_print_head(stdout);
    const rd_result result = inspect_walk(job, found, prints ? inspect_print_op : inspect_send_op, stdout);
    job->stats = found->stats;
    return ferror(stdout) != 0 || result == RD_OK ? output_check_printed(&job->failure) : result;
}

static rd_result inspect_report(cli_job *job, const cli_inspection *found) {
    rd_stats *const stats = &job->stats;
    *stats = found->stats;
    if (job->request->makes_output)
        return page_write(&job->output.sink, found, &stats->out_bytes, &job->failure);
    if (!job_prints(job))
        return RD_OK;
    progress_clear(&job->progress);
    inspect_print(stdout, found, system_terminal_width(STDOUT_FILENO));
    return output_check_printed(&job->failure);
}

/* ---- The verb --------------------------------------------------------------------------------------------------- */

/* The start of an input. */
typedef struct cli_peek {
    uint8_t start[LOOKS_START];
    size_t size; /* less than LOOKS_START only if that is all of the file */
} cli_peek;

/* A compressed file is identified by the first bytes that come out of it; a pipe gives its bytes only once. */
static rd_result inspect_identify(cli_job *job, const cli_peek *peek, cli_inspection *found) {
    const rd_source start = rd_source_memory(peek->start, peek->size);
    const bool only_start = !job->inputs[0].source.seekable;
    rd_options library = job_options(job, NULL);
    library.progress = interrupt_progress;
    const rd_result result =
        rd_source_identify(only_start ? &start : &job->inputs[0].source, &found->kind, &found->compressed, &library);
    found->dense = result == RD_OK && found->kind == RD_KIND_DENSE;
    if (found->dense)
        found->kind = RD_KIND_DELTA;
    if (result != RD_E_TRUNCATED || !only_start || peek->size < LOOKS_START)
        return result;
    return failure_input(&job->failure, RD_ROLE_NONE,
                         "too many empty zstd frames come first for a pipe to be recognised", "name a file");
}

/* By what the file was found to be. */
static rd_result inspect_kind(cli_job *job, const cli_peek *peek, cli_inspection *found) {
    if (found->kind == RD_KIND_OTHER) {
        static char reason[200];
        int length = snprintf(reason, sizeof reason, "this is neither a signature nor a delta, but looks like %s",
                              looks_of(peek->start, peek->size).what);
        if (found->holes > 0 && length > 0 && (size_t)length < sizeof reason)
            (void)snprintf(reason + length, sizeof reason - (size_t)length, ", with %s bytes in holes",
                           grouped(found->holes).text);
        return failure_input(&job->failure, RD_ROLE_NONE, reason,
                             "give a file made by 'redelta signature' or 'redelta delta'");
    }
    if (found->kind != RD_KIND_DELTA && (job->request->ops || job->request->makes_output))
        return failure_input(&job->failure, RD_ROLE_DELTA, "this is a signature, which has no commands",
                             "give a delta, or omit --ops and --html");
    if (job->request->ops)
        return inspect_list_commands(job, found);

    rd_result result;
    if (found->kind == RD_KIND_SIGNATURE) {
        result = inspect_signature(job, found);
    } else if (survey_start(&found->survey)) {
        result = inspect_walk(job, found, survey_take, &found->survey);
        survey_end(&found->survey);
    } else {
        result = inspect_no_memory(job);
    }
    return result == RD_OK ? inspect_report(job, found) : result;
}

/* The start of a pipe is looked at, and then read once more, by a filter. */
static rd_result inspect_file(cli_job *job, cli_inspection *found) {
    static cli_peek peek;
    cli_input *const input = &job->inputs[0];
    rd_options options = job_options(job, NULL);
    rd_filter *filter = NULL;
    options.progress = interrupt_progress;
    found->name = input->name;
    found->holes = rd_source_holes(&input->source);
    if (job->request->verbose)
        (void)fprintf(stderr, "redelta: inspect: file of %s bytes\n", size_or_unknown(input->source.size).text);
    rd_result result = rd_filter_peek_new(&filter, &input->source, LOOKS_START, &options);
    if (result != RD_OK)
        return result;
    input->source = rd_filter_source(filter);
    result = rd_source_read(&input->source, 0, peek.start, LOOKS_START, &peek.size, &job->failure.error);
    if (result != RD_OK)
        job->failure.error.role = input->role;
    else
        result = inspect_identify(job, &peek, found);
    if (result == RD_OK)
        result = inspect_kind(job, &peek, found);
    rd_filter_free(filter);
    return result;
}

static rd_result inspect_work(cli_job *job) {
    job->found = calloc(1, sizeof(cli_inspection));
    return job->found != NULL ? inspect_file(job, job->found) : inspect_no_memory(job);
}

static void inspect_print_stats(const cli_job *job) {
    table_size(stderr, "inspected file", job->stats.in_bytes);
    table_time(stderr, job->seconds, job->stats.in_bytes);
}

static void inspect_put_result(json_writer *record, const cli_job *job) {
    const cli_request *const request = job->request;
    json_object(record, "files");
    record_file(record, "inspected", request->inputs[0], job->stats.in_bytes);
    if (request->makes_output)
        record_file(record, "page", request->output, job->stats.out_bytes);
    json_end(record);
    if (!request->ops) { /* which has records of its own */
        json_object(record, "inspected");
        inspect_put(record, job->found);
        json_end(record);
    }
    record_time(record, job->seconds, job->stats.in_bytes);
}

static void inspect_release(cli_job *job) {
    cli_inspection *const found = job->found;
    if (found != NULL)
        survey_free(&found->survey);
    free(found);
}

const cli_verb verb_inspect = {
    .name = "inspect",
    .operands = "[FILE]",
    .summary = "show what is in a signature or a delta",
    .help = inspect_help,
    .options = OPTION_BIT(FORCE) | OPTION_BIT(MAX_MEMORY) | OPTION_BIT(MAX_BLOCKS) | OPTION_BIT(OPS) | OPTION_BIT(HTML),
    .inputs = 1,
    .outputs = 0,
    .least = 0,
    .missing = "a signature or a delta",
    .roles = {RD_ROLE_DELTA},
    .replace = RD_REPLACE_FAST,
    .work = inspect_work,
    .print_stats = inspect_print_stats,
    .put_result = inspect_put_result,
    .release = inspect_release,
};
