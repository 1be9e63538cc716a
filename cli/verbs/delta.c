/*
 * delta.c: the verb delta.
 */
#include <inttypes.h>

#include "cli/report/numbers.h"
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char delta_help[] = "Usage: redelta delta [OPTION]... SIGNATURE [NEWFILE [DELTA]]\n"
                                 "\n"
                                 "Make the delta that turns the basis of SIGNATURE into NEWFILE: data found in\n"
                                 "the basis is copied from it; only the rest is stored. A missing name, or -, is\n"
                                 "standard input or output; only one input can be standard input.\n"
                                 "\n"
                                 "  -z[N], --compress[=N]  compress with zstd at level N, 1 to 22 (default: 3)\n"
                                 "      --no-verify        omit the digest that patch uses to verify its result\n"
                                 "      --max-output SIZE  write at most SIZE bytes\n"
                                 "      --max-memory SIZE  refuse a SIGNATURE that needs more memory than SIZE\n"
                                 "      --max-blocks N     refuse a SIGNATURE of more than N blocks\n"
                                 "      --exit-code        exit with status 5, not 0, if NEWFILE is identical\n"
                                 "                         to the basis\n" HELP_COMMON_AND_FORCE "\n"
                                 "The signature is held in memory while the delta is made. If you do not trust\n"
                                 "the files, set limits; SIZE takes the suffixes K, M and G (powers of 1024).\n"
                                 "\n"
                                 "Example:\n"
                                 "  redelta delta --stats old.sig new.tar new.delta\n";

static rd_result delta_load(cli_job *job, rd_signature **signature) {
    rd_stats stats = {0};
    progress_step(&job->progress, "signature");
    const rd_options options = job_options(job, &stats);
    const rd_result result = rd_signature_load(signature, &job->inputs[0].source, &options);
    job_note_changed(job, &stats);
    if (result != RD_OK)
        return result;
    rd_signature_params(*signature, &job->params);
    job->signature_bytes = stats.in_bytes;
    job->signature_blocks = rd_signature_count(*signature);
    progress_clear(&job->progress);
    if (job->request->verbose)
        (void)fprintf(stderr,
                      "redelta: delta: signature of %s blocks of %s bytes, sums %s and %s of %" PRId32 " bytes\n"
                      "redelta: delta: new file of %s bytes\n",
                      grouped(job->signature_blocks).text, grouped(job->params.block_len).text,
                      rd_weak_name(job->params.weak), rd_strong_name(job->params.strong), job->params.strong_len,
                      size_or_unknown(job->inputs[1].source.size).text);
    return RD_OK;
}

static rd_result delta_work(cli_job *job) {
    rd_signature *signature;
    rd_result result = delta_load(job, &signature);
    if (result != RD_OK)
        return result;
    const rd_options options = job_options(job, &job->stats);
    progress_step(&job->progress, "delta");
    result = job_keep_changed(job, rd_delta_make(signature, &job->inputs[1].source, &job->output.sink, &options));
    rd_signature_free(signature);
    job->identical = job->stats.identical;
    return result;
}

static void delta_print_stats(const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    table_size(stderr, "signature", job->signature_bytes);
    table_blocks(stderr, job->signature_blocks, &job->params);
    table_sums(stderr, &job->params);
    table_size(stderr, "new file", stats->in_bytes);
    job_print_delta(job, stats->in_bytes);
    job_print_commands(stats);
    table_number(stderr, "false matches", stats->false_matches);
    table_time(stderr, job->seconds, stats->in_bytes);
}

static void delta_put_result(json_writer *record, const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    json_object(record, "files");
    record_file(record, "signature", job->request->inputs[0], job->signature_bytes);
    record_file(record, "new", job->request->inputs[1], stats->in_bytes);
    record_file(record, "delta", job->request->output, stats->out_bytes);
    json_end(record);
    job_put_uncompressed(record, job, rd_stats_delta_size(stats));
    job_put_blocks(record, job, job->signature_blocks);
    job_put_commands(record, job, stats->in_bytes, stats->out_bytes);
    json_number(record, "false_matches", stats->false_matches);
    record_digest(record, stats);
    record_time(record, job->seconds, stats->in_bytes);
}

/* The memory that it needs grows with the blocks of the signature. */
static const char *delta_advice(const cli_job *job) {
    return job->failure.error.result == RD_E_MEMORY ? "free some memory, or make the signature with a larger block size"
                                                    : NULL;
}

/* A delta can be made again, so it is replaced without waiting for the disk. */
const cli_verb verb_delta = {
    .name = "delta",
    .operands = "SIGNATURE [NEWFILE [DELTA]]",
    .summary = "new side: what is new in the new file",
    .is_step = true,
    .help = delta_help,
    .options = OPTION_BIT(COMPRESS) | OPTION_BIT(FORCE) | OPTION_BIT(EXIT_CODE) | OPTION_BIT(NO_VERIFY) |
               OPTION_BIT(MAX_OUTPUT) | OPTION_BIT(MAX_MEMORY) | OPTION_BIT(MAX_BLOCKS),
    .inputs = 2,
    .outputs = 1,
    .least = 1,
    .missing = "a signature",
    .roles = {RD_ROLE_SIGNATURE, RD_ROLE_NEW},
    .replace = RD_REPLACE_FAST,
    .work = delta_work,
    .print_stats = delta_print_stats,
    .put_result = delta_put_result,
    .advice = delta_advice,
};
