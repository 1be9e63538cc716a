/*
 * diff.c: the verb diff: the delta between two files at hand. Without a signature between them the old file itself is
 * searched, so copies begin and end at any byte, and the delta knows its basis.
 */
#include "cli/report/numbers.h"
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char diff_help[] =
    "Usage: redelta diff [OPTION]... OLD NEW [DELTA]\n"
    "\n"
    "Make the delta that turns OLD into NEW, with both at hand. It is much smaller\n"
    "than one made from a signature; patch applies it, and so does rdiff. A missing\n"
    "DELTA, or -, is standard output; NEW may be -, standard input.\n"
    "\n"
    "  -z[N], --compress[=N]  compress with zstd at level N, 1 to 22 (default: 3)\n"
    "      --dense            a smaller delta for redelta only; -z sets its level,\n"
    "                         19 by default\n"
    "      --no-verify        omit the digests that patch uses to verify its result\n"
    "      --max-output SIZE  write at most SIZE bytes\n"
    "      --max-memory SIZE  of the index of OLD (default: 256M); a smaller\n"
    "                         one finds fewer short copies\n"
    "      --exit-code        exit with status 5, not 0, if the files are identical\n" HELP_COMMON_AND_FORCE "\n"
    "OLD must be seekable: a file, not a pipe. SIZE takes the suffixes K, M and G\n"
    "(powers of 1024).\n"
    "\n"
    "Example:\n"
    "  redelta diff -z old.tar new.tar new.delta\n";

enum { OLD = 0, NEW = 1 };

static rd_result diff_work(cli_job *job) {
    if (job->request->verbose)
        job_announce(job, "old file", "new file");
    const rd_options options = job_options(job, &job->stats);
    const rd_result result =
        rd_diff_make(&job->inputs[OLD].source, &job->inputs[NEW].source, &job->output.sink, &options);
    job->identical = job->stats.identical;
    return job_keep_changed(job, result);
}

static void diff_print_stats(const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    table_size(stderr, "old file", job->inputs[OLD].source.size);
    table_size(stderr, "new file", stats->in_bytes);
    job_print_delta(job, stats->in_bytes);
    job_print_commands(stats);
    table_time(stderr, job->seconds, stats->in_bytes);
}

static void diff_put_result(json_writer *record, const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    json_object(record, "files");
    record_file(record, "basis", job->request->inputs[OLD], job->inputs[OLD].source.size);
    record_file(record, "new", job->request->inputs[NEW], stats->in_bytes);
    record_file(record, "delta", job->request->output, stats->out_bytes);
    json_end(record);
    job_put_uncompressed(record, job, rd_stats_delta_size(stats));
    job_put_commands(record, job, stats->in_bytes, stats->out_bytes);
    record_digest(record, stats);
    record_basis(record, stats);
    json_bool(record, "dense", job->request->form == RD_FORM_DENSE);
    record_time(record, job->seconds, stats->in_bytes);
}

static const char *diff_advice(const cli_job *job) {
    const rd_error *const error = &job->failure.error;
    if (error->result == RD_E_IO && error->role == RD_ROLE_BASIS && error->system_error == 0)
        return "give the old file as a file, not a pipe";
    return error->result == RD_E_MEMORY ? "free some memory, or lower --max-memory" : NULL;
}

/* A delta can be made again, so it is replaced without waiting for the disk. */
const cli_verb verb_diff = {
    .name = "diff",
    .operands = "OLD NEW [DELTA]",
    .summary = "with both files at hand: a smaller delta",
    .help = diff_help,
    .options = OPTION_BIT(COMPRESS) | OPTION_BIT(DENSE) | OPTION_BIT(FORCE) | OPTION_BIT(EXIT_CODE) |
               OPTION_BIT(NO_VERIFY) | OPTION_BIT(MAX_OUTPUT) | OPTION_BIT(MAX_MEMORY),
    .inputs = 2,
    .outputs = 1,
    .least = 2,
    .missing = "an old and a new file",
    .roles = {RD_ROLE_BASIS, RD_ROLE_NEW},
    .replace = RD_REPLACE_FAST,
    .work = diff_work,
    .print_stats = diff_print_stats,
    .put_result = diff_put_result,
    .advice = diff_advice,
};
