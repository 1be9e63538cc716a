/*
 * patch.c: the verb patch.
 */
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char patch_help[] =
    "Usage: redelta patch [OPTION]... BASIS [DELTA [NEWFILE]]\n"
    "\n"
    "Make NEWFILE from BASIS, the old file, and DELTA. BASIS must be the file that\n"
    "the signature was made from. A missing name, or -, is standard input or output;\n"
    "only one input can be standard input.\n"
    "\n"
    "      --no-verify        do not verify the result\n"
    "      --always-verify    refuse a DELTA without a digest\n"
    "      --max-output SIZE  refuse a DELTA that makes more than SIZE bytes\n"
    "      --max-memory SIZE  refuse a DELTA that needs more memory than SIZE\n"
    "      --backup[=SUFFIX]  keep a file that is replaced, with SUFFIX (default ~)\n"
    "  -t, --times            give NEWFILE the modification time of DELTA\n"
    "      --follow           if NEWFILE is a symbolic link, replace its target\n"
    "      --sparse WHEN      make holes of zeros: auto (default), always or never\n" HELP_COMMON_AND_FORCE "\n"
    "BASIS must be seekable: a file, not a pipe. NEWFILE may be BASIS itself: it is\n"
    "replaced only once the new file is complete. SIZE takes the suffixes K, M and G\n"
    "(powers of 1024).\n"
    "\n"
    "Examples:\n"
    "  redelta patch old.tar new.delta new.tar\n"
    "  redelta patch --force data.tar new.delta data.tar\n";

static rd_result patch_work(cli_job *job) {
    if (job->request->verbose)
        job_announce(job, "basis", "delta");
    const rd_options options = job_options(job, &job->stats);
    const rd_result result =
        rd_patch_apply(&job->inputs[0].source, &job->inputs[1].source, &job->output.sink, &options);
    job->identical = job->stats.identical;
    return result;
}

static void patch_print_stats(const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    table_share(stderr, "delta", stats->in_bytes, stats->out_bytes, "new file");
    table_size(stderr, "new file", stats->out_bytes);
    job_print_holes(stats);
    job_print_commands(stats);
    table_time(stderr, job->seconds, stats->out_bytes);
}

static void patch_put_result(json_writer *record, const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    json_object(record, "files");
    record_file(record, "basis", job->request->inputs[0], job->inputs[0].source.size);
    record_file(record, "delta", job->request->inputs[1], stats->in_bytes);
    record_file(record, "new", job->request->output, stats->out_bytes);
    json_end(record);
    job_put_commands(record, job, stats->out_bytes, stats->in_bytes);
    json_number(record, "holes", stats->hole_bytes);
    json_bool(record, "verified", stats->has_digest);
    record_notes(record, job->output.notes);
    record_digest(record, stats);
    record_time(record, job->seconds, stats->out_bytes);
}

/* What a patch replaces is often the only copy of the basis. */
const cli_verb verb_patch = {
    .name = "patch",
    .operands = "BASIS [DELTA [NEWFILE]]",
    .summary = "old side: make the new file",
    .is_step = true,
    .help = patch_help,
    .options = OPTION_BIT(FORCE) | OPTION_BIT(BACKUP) | OPTION_BIT(TIMES) | OPTION_BIT(FOLLOW) | OPTION_BIT(NO_VERIFY) |
               OPTION_BIT(ALWAYS_VERIFY) | OPTION_BIT(MAX_OUTPUT) | OPTION_BIT(MAX_MEMORY) | OPTION_BIT(SPARSE),
    .inputs = 2,
    .outputs = 1,
    .least = 1,
    .missing = "a basis",
    .roles = {RD_ROLE_BASIS, RD_ROLE_DELTA},
    .replace = RD_REPLACE_SAFELY,
    .work = patch_work,
    .print_stats = patch_print_stats,
    .put_result = patch_put_result,
};
