/*
 * merge.c: the verb merge: any number of deltas, each from the file that the one before it makes, become one. All of
 * its operands are inputs, so it is the only verb whose output is named by an option.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char merge_help[] =
    "Usage: redelta merge [OPTION]... DELTA...\n"
    "\n"
    "Merge deltas that follow each other, from one version of a file to the next,\n"
    "into one that leads from the first version to the last. None of the versions is\n"
    "needed. One DELTA may be -, standard input. The result goes to standard output.\n"
    "\n"
    "  -o, --output OUT       write the result to OUT\n"
    "      --basis FILE       the first version: dense deltas need it\n"
    "  -z[N], --compress[=N]  compress with zstd at level N, 1 to 22 (default: 3)\n"
    "      --no-verify        omit the digest that patch uses to verify its result\n"
    "      --max-output SIZE  write at most SIZE bytes\n"
    "      --max-memory SIZE  refuse deltas that need more memory (default: 1G)\n" HELP_COMMON_AND_FORCE "\n"
    "A DELTA may be compressed, and may be one of rdiff. What a DELTA says of the\n"
    "version that it is for must be what the one before it makes. SIZE takes the\n"
    "suffixes K, M and G (powers of 1024).\n"
    "\n"
    "Example:\n"
    "  redelta merge -o week.delta monday.delta tuesday.delta wednesday.delta\n";

static unsigned merge_delta_count(const cli_request *request) {
    return request->input_count - request->has_basis;
}

static rd_result merge_work(cli_job *job) {
    const unsigned count = merge_delta_count(job->request);
    const rd_source *const basis = job->request->has_basis ? &job->inputs[count].source : NULL;
    rd_source *const deltas = malloc(count * sizeof *deltas);
    if (deltas == NULL)
        return job->failure.error.result = RD_E_MEMORY;
    for (unsigned i = 0; i < count; i++)
        deltas[i] = job->inputs[i].source;
    if (job->request->verbose)
        (void)fprintf(stderr, "redelta: merge: %u deltas\n", count);
    const rd_options options = job_options(job, &job->stats);
    const rd_result result = rd_delta_merge(deltas, count, basis, &job->output.sink, &options);
    free(deltas);
    if (job->stats.delta_index < count)
        job->blamed = &job->inputs[job->stats.delta_index];
    job->identical = job->stats.identical;
    return result;
}

/* The bytes of the new file that the result makes. */
static uint64_t merge_new_size(const cli_job *job) {
    return job->stats.copy_bytes + job->stats.literal_bytes;
}

static void merge_print_stats(const cli_job *job) {
    table_number(stderr, "deltas", merge_delta_count(job->request));
    table_size(stderr, "read", job->stats.in_bytes);
    table_size(stderr, "new file", merge_new_size(job));
    job_print_delta(job, merge_new_size(job));
    job_print_commands(&job->stats);
    table_time(stderr, job->seconds, job->stats.in_bytes);
}

static void merge_put_result(json_writer *record, const cli_job *job) {
    const cli_request *const request = job->request;
    const rd_stats *const stats = &job->stats;
    json_object(record, "files");
    json_array(record, "deltas");
    for (unsigned i = 0; i < merge_delta_count(request); i++)
        record_file(record, NULL, request->inputs[i], job->inputs[i].source.size);
    json_end(record);
    if (request->has_basis)
        record_file(record, "basis", request->inputs[merge_delta_count(request)],
                    job->inputs[merge_delta_count(request)].source.size);
    record_file(record, "delta", request->output, stats->out_bytes);
    json_end(record);
    job_put_uncompressed(record, job, rd_stats_delta_size(stats));
    job_put_commands(record, job, merge_new_size(job), stats->out_bytes);
    record_digest(record, stats);
    record_basis(record, stats);
    record_time(record, job->seconds, stats->in_bytes);
}

/* Two deltas do not fit each other: it is the order, if it is not the wrong file. */
static const char *merge_advice_on_order(const cli_job *job) {
    static char advice[96];
    (void)snprintf(advice, sizeof advice,
                   "give the deltas in the order of their versions; this is number %" PRIu32 " of %u",
                   job->stats.delta_index + 1, merge_delta_count(job->request));
    return advice;
}

/*
 * Whoever is used to the other verbs names the output by the last operand, which here is a delta that does not exist.
 * A level of -z that was taken for an operand has an advice of its own.
 */
static bool merge_took_output_for_delta(const cli_job *job) {
    const cli_request *const request = job->request;
    const unsigned count = merge_delta_count(request);
    return job->failure.error.system_error == ENOENT && request->output == NULL && count > 1 &&
           job->blamed == &job->inputs[count - 1] && job->blamed->name != request->detached_level;
}

static const char *merge_advice(const cli_job *job) {
    const rd_error *const error = &job->failure.error;
    if (error->role != RD_ROLE_DELTA)
        return NULL;
    if (merge_took_output_for_delta(job))
        return "check the name; an output is named by -o";
    if (error->result == RD_E_PARAMETER)
        return job->request->has_basis ? "save it to a file first" : "give the first version by --basis";
    return error->result == RD_E_MISMATCH && strstr(error->reason, "does not fit") != NULL ? merge_advice_on_order(job)
                                                                                           : NULL;
}

/* A delta can be made again, so it is replaced without waiting for the disk. */
const cli_verb verb_merge = {
    .name = "merge",
    .operands = "DELTA...",
    .summary = "make one delta of several in a row",
    .help = merge_help,
    .options = OPTION_BIT(OUTPUT) | OPTION_BIT(BASIS) | OPTION_BIT(COMPRESS) | OPTION_BIT(FORCE) |
               OPTION_BIT(NO_VERIFY) | OPTION_BIT(MAX_OUTPUT) | OPTION_BIT(MAX_MEMORY),
    .outputs = 1,
    .many = true,
    .least = 1,
    .missing = "a delta",
    .roles = {RD_ROLE_DELTA, RD_ROLE_BASIS},
    .replace = RD_REPLACE_FAST,
    .work = merge_work,
    .print_stats = merge_print_stats,
    .put_result = merge_put_result,
    .advice = merge_advice,
};
