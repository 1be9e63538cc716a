/*
 * reverse.c: the verb reverse: from the old file and the delta to the new one, the delta back. The new file need not be
 * there, and is not made.
 */
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char reverse_help[] = "Usage: redelta reverse [OPTION]... OLD DELTA [REVERSED]\n"
                                   "\n"
                                   "Make the delta that leads back: that makes OLD from the file that DELTA makes\n"
                                   "of OLD. That file is not needed. A missing REVERSED, or -, is standard output;\n"
                                   "DELTA may be -, standard input.\n"
                                   "\n"
                                   "  -z[N], --compress[=N]  compress with zstd at level N, 1 to 22 (default: 3)\n"
                                   "      --dense            a smaller delta for redelta only; -z sets its level,\n"
                                   "                         19 by default\n"
                                   "      --no-verify        omit the digests that patch uses to verify its result\n"
                                   "      --max-output SIZE  write at most SIZE bytes\n"
                                   "      --max-memory SIZE  of the index (default: 256M), and once more of what is\n"
                                   "                         kept of DELTA (default: 1G)\n" HELP_COMMON_AND_FORCE "\n"
                                   "OLD must be seekable: a file, not a pipe. SIZE takes the suffixes K, M and G\n"
                                   "(powers of 1024).\n"
                                   "\n"
                                   "Example:\n"
                                   "  redelta reverse old.tar new.delta back.delta\n";

enum { OLD = 0, DELTA = 1 };

static rd_result reverse_work(cli_job *job) {
    if (job->request->verbose)
        job_announce(job, "old file", "delta");
    const rd_options options = job_options(job, &job->stats);
    const rd_result result =
        rd_delta_reverse(&job->inputs[OLD].source, &job->inputs[DELTA].source, &job->output.sink, &options);
    job->identical = job->stats.identical;
    return result;
}

static void reverse_print_stats(const cli_job *job) {
    const uint64_t old_size = job->inputs[OLD].source.size;
    table_size(stderr, "old file", old_size);
    table_size(stderr, "delta", job->inputs[DELTA].source.size);
    table_share(stderr, "reversed", job->stats.out_bytes, old_size, "old file");
    job_print_commands(&job->stats);
    table_time(stderr, job->seconds, old_size);
}

static void reverse_put_result(json_writer *record, const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    const uint64_t old_size = job->inputs[OLD].source.size;
    json_object(record, "files");
    record_file(record, "basis", job->request->inputs[OLD], old_size);
    record_file(record, "delta", job->request->inputs[DELTA], job->inputs[DELTA].source.size);
    record_file(record, "reversed", job->request->output, stats->out_bytes);
    json_end(record);
    job_put_uncompressed(record, job, rd_stats_delta_size(stats));
    job_put_commands(record, job, stats->copy_bytes + stats->literal_bytes, stats->out_bytes);
    record_digest(record, stats);
    record_basis(record, stats);
    json_bool(record, "dense", job->request->form == RD_FORM_DENSE);
    record_time(record, job->seconds, stats->copy_bytes + stats->literal_bytes);
}

static const char *reverse_advice(const cli_job *job) {
    return job->failure.error.result == RD_E_MEMORY ? "free some memory, or lower --max-memory" : NULL;
}

/* A delta can be made again, so it is replaced without waiting for the disk. */
const cli_verb verb_reverse = {
    .name = "reverse",
    .operands = "OLD DELTA [REVERSED]",
    .summary = "make the delta that leads back to OLD",
    .help = reverse_help,
    .options = OPTION_BIT(COMPRESS) | OPTION_BIT(DENSE) | OPTION_BIT(FORCE) | OPTION_BIT(NO_VERIFY) |
               OPTION_BIT(MAX_OUTPUT) | OPTION_BIT(MAX_MEMORY),
    .inputs = 2,
    .outputs = 1,
    .least = 2,
    .missing = "an old file and a delta",
    .roles = {RD_ROLE_BASIS, RD_ROLE_DELTA},
    .replace = RD_REPLACE_FAST,
    .work = reverse_work,
    .print_stats = reverse_print_stats,
    .put_result = reverse_put_result,
    .advice = reverse_advice,
};
