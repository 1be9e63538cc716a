/*
 * signature.c: the verb signature.
 */
#include <inttypes.h>

#include "cli/report/numbers.h"
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/verbs.h"

static const char signature_help[] = "Usage: redelta signature [OPTION]... [BASIS [SIGNATURE]]\n"
                                     "\n"
                                     "Make the signature of BASIS, the old file: a weak sum and a strong sum of each\n"
                                     "of its blocks. A missing name, or -, is standard input or output.\n"
                                     "\n"
                                     "  -b, --block-size SIZE  bytes per block; 0 (default): chosen to fit the basis\n"
                                     "  -S, --sum-size SIZE    bytes of each strong sum; 0 (default): all of them;\n"
                                     "                         -1: the shortest that makes accidental collisions\n"
                                     "                         unlikely\n"
                                     "  -H, --hash NAME        strong sum: blake2 (default) or md4 (insecure)\n"
                                     "  -R, --rollsum NAME     weak sum: rabinkarp (default) or rollsum\n"
                                     "                         (for librsync before 2.2)\n"
                                     "  -z[N], --compress[=N]  compress with zstd at level N, 1 to 22 (default: 3)\n"
                                     "      --max-output SIZE  write at most SIZE bytes\n" HELP_COMMON_AND_FORCE "\n"
                                     "SIZE takes the suffixes K, M and G (powers of 1024). Larger blocks make the\n"
                                     "signature smaller and, as a rule, the delta larger.\n"
                                     "\n"
                                     "Example:\n"
                                     "  redelta signature old.tar old.sig\n";

static rd_result signature_work(cli_job *job) {
    const rd_source *const basis = &job->inputs[0].source;
    const rd_result result = job_settle_params(job, basis->size);
    if (result != RD_OK)
        return result;
    if (job->request->verbose)
        (void)fprintf(
            stderr, "redelta: signature: basis of %s bytes; blocks of %s bytes, sums %s and %s of %" PRId32 " bytes\n",
            size_or_unknown(basis->size).text, grouped(job->params.block_len).text, rd_weak_name(job->params.weak),
            rd_strong_name(job->params.strong), job->params.strong_len);
    const rd_options options = job_options(job, &job->stats);
    return job_keep_changed(job, rd_signature_make(basis, &job->output.sink, &options));
}

static void signature_print_stats(const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    table_size(stderr, "basis", stats->in_bytes);
    table_share(stderr, "signature", stats->out_bytes, stats->in_bytes, "basis");
    if (job->request->compression > 0)
        table_share(stderr, "uncompressed", rd_signature_size(&job->params, job->stats.blocks), stats->in_bytes,
                    "basis");
    table_blocks(stderr, stats->blocks, &job->params);
    table_sums(stderr, &job->params);
    table_time(stderr, job->seconds, stats->in_bytes);
}

static void signature_put_result(json_writer *record, const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    json_object(record, "files");
    record_file(record, "basis", job->request->inputs[0], stats->in_bytes);
    record_file(record, "signature", job->request->output, stats->out_bytes);
    json_end(record);
    job_put_uncompressed(record, job, rd_signature_size(&job->params, job->stats.blocks));
    job_put_blocks(record, job, stats->blocks);
    record_time(record, job->seconds, stats->in_bytes);
}

/* A signature can be made again, so it is replaced without waiting for the disk. */
const cli_verb verb_signature = {
    .name = "signature",
    .operands = "[BASIS [SIGNATURE]]",
    .summary = "old side: sums of the old file's blocks",
    .is_step = true,
    .help = signature_help,
    .options = OPTION_BIT(BLOCK_SIZE) | OPTION_BIT(SUM_SIZE) | OPTION_BIT(HASH) | OPTION_BIT(ROLLSUM) |
               OPTION_BIT(COMPRESS) | OPTION_BIT(FORCE) | OPTION_BIT(MAX_OUTPUT),
    .inputs = 1,
    .outputs = 1,
    .least = 0,
    .missing = "a basis",
    .roles = {RD_ROLE_BASIS},
    .replace = RD_REPLACE_FAST,
    .work = signature_work,
    .print_stats = signature_print_stats,
    .put_result = signature_put_result,
};
