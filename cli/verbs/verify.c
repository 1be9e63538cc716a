/*
 * verify.c: the verb verify.
 */
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char verify_help[] =
    "Usage: redelta verify [OPTION]... DELTA [FILE]\n"
    "\n"
    "Check FILE against the digest stored in DELTA; the basis is not needed. A\n"
    "missing name, or -, is standard input; only one input can be standard input.\n"
    "Exit status is 0 if it matches, 4 if it does not or DELTA has no digest, which\n"
    "is so if it was made with --no-verify or by rdiff.\n"
    "\n"
    "      --max-memory SIZE  refuse a DELTA that needs more memory than SIZE\n" HELP_COMMON "\n"
    "Example:\n"
    "  redelta verify new.delta new.tar\n";

static rd_result verify_work(cli_job *job) {
    if (job->request->verbose)
        job_announce(job, "delta", "file");
    const rd_options options = job_options(job, &job->stats);
    return rd_delta_verify(&job->inputs[0].source, &job->inputs[1].source, &options);
}

static void verify_print_stats(const cli_job *job) {
    table_size(stderr, "verified file", job->stats.in_bytes);
    table_time(stderr, job->seconds, job->stats.in_bytes);
}

static void verify_put_result(json_writer *record, const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    json_object(record, "files");
    record_file(record, "delta", job->request->inputs[0], job->inputs[0].source.size);
    record_file(record, "new", job->request->inputs[1], stats->in_bytes);
    json_end(record);
    json_bool(record, "verified", stats->has_digest);
    record_digest(record, stats);
    record_time(record, job->seconds, stats->in_bytes);
}

static const char *verify_advice(const cli_job *job) {
    const rd_error *const error = &job->failure.error;
    if (error->result == RD_E_CHANGED)
        return "run it again";
    if (error->result != RD_E_MISMATCH)
        return NULL;
    return error->role == RD_ROLE_DELTA ? "make or fetch the delta again" : "patch the basis again";
}

const cli_verb verb_verify = {
    .name = "verify",
    .operands = "DELTA [FILE]",
    .summary = "check FILE against the digest in DELTA",
    .help = verify_help,
    .options = OPTION_BIT(MAX_MEMORY),
    .inputs = 2,
    .outputs = 0,
    .least = 1,
    .missing = "a delta",
    .roles = {RD_ROLE_DELTA, RD_ROLE_NEW},
    .work = verify_work,
    .print_stats = verify_print_stats,
    .put_result = verify_put_result,
    .advice = verify_advice,
};
