/*
 * expand.c: the verb expand: a dense delta in librsync's form, which every reader of deltas knows. It needs the old
 * file, since the dense form leaves out what the old file tells.
 */
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char expand_help[] =
    "Usage: redelta expand [OPTION]... OLD DENSE [DELTA]\n"
    "\n"
    "Turn DENSE, a delta made by 'redelta diff --dense', into librsync's form, which\n"
    "rdiff applies too. OLD is the old file that it was made for. A missing DELTA,\n"
    "or -, is standard output; DENSE may be -, standard input.\n"
    "\n"
    "  -z[N], --compress[=N]  compress with zstd at level N, 1 to 22 (default: 3)\n"
    "      --max-output SIZE  write at most SIZE bytes\n"
    "      --max-memory SIZE  refuse a DENSE that needs more memory than SIZE\n" HELP_COMMON_AND_FORCE "\n"
    "OLD must be seekable: a file, not a pipe. Everything in redelta reads DENSE as\n"
    "it is. SIZE takes the suffixes K, M and G (powers of 1024).\n"
    "\n"
    "Example:\n"
    "  redelta expand old.tar dense.delta new.delta\n";

enum { OLD = 0, DENSE = 1 };

static rd_result expand_work(cli_job *job) {
    if (job->request->verbose)
        job_announce(job, "old file", "dense delta");
    const rd_options options = job_options(job, &job->stats);
    const rd_result result =
        rd_delta_expand(&job->inputs[OLD].source, &job->inputs[DENSE].source, &job->output.sink, &options);
    job->identical = job->stats.identical;
    return result;
}

/* The bytes of the new file that it makes. */
static uint64_t expand_new_size(const cli_job *job) {
    return job->stats.copy_bytes + job->stats.literal_bytes;
}

static void expand_print_stats(const cli_job *job) {
    table_share(stderr, "dense delta", job->stats.in_bytes, expand_new_size(job), "new file");
    job_print_delta(job, expand_new_size(job));
    table_size(stderr, "new file", expand_new_size(job));
    job_print_commands(&job->stats);
    table_time(stderr, job->seconds, job->stats.out_bytes);
}

static void expand_put_result(json_writer *record, const cli_job *job) {
    const cli_request *const request = job->request;
    const rd_stats *const stats = &job->stats;
    json_object(record, "files");
    record_file(record, "basis", request->inputs[OLD], job->inputs[OLD].source.size);
    record_file(record, "dense", request->inputs[DENSE], stats->in_bytes);
    record_file(record, "delta", request->output, stats->out_bytes);
    json_end(record);
    job_put_uncompressed(record, job, rd_stats_delta_size(stats));
    job_put_commands(record, job, expand_new_size(job), stats->out_bytes);
    record_digest(record, stats);
    record_basis(record, stats);
    record_time(record, job->seconds, stats->out_bytes);
}

static const char *expand_advice(const cli_job *job) {
    const rd_error *const error = &job->failure.error;
    if (error->result == RD_E_MAGIC)
        return "give a file made by 'redelta diff --dense'";
    if (error->result == RD_E_MISMATCH && error->role == RD_ROLE_BASIS)
        return "give the old file that the dense delta was made for";
    return NULL;
}

/* A delta can be made again, so it is replaced without waiting for the disk. */
const cli_verb verb_expand = {
    .name = "expand",
    .operands = "OLD DENSE [DELTA]",
    .summary = "turn a dense delta into librsync's form",
    .help = expand_help,
    .options = OPTION_BIT(COMPRESS) | OPTION_BIT(FORCE) | OPTION_BIT(MAX_OUTPUT) | OPTION_BIT(MAX_MEMORY),
    .inputs = 2,
    .outputs = 1,
    .least = 2,
    .missing = "an old file and a dense delta",
    .roles = {RD_ROLE_BASIS, RD_ROLE_DELTA},
    .replace = RD_REPLACE_FAST,
    .work = expand_work,
    .print_stats = expand_print_stats,
    .put_result = expand_put_result,
    .advice = expand_advice,
};
