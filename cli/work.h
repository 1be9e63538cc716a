/*
 * work.h: an operation on its way, and the work of each verb: what lies between opening the inputs and the output,
 * which verbs.c does before, and giving the output its name and telling what came out, which it does after.
 */
#ifndef REDELTA_CLI_WORK_H
#define REDELTA_CLI_WORK_H

#include "files.h"
#include "options.h"
#include "progress.h"
#include "stats.h"

typedef struct cli_job {
    const cli_options *options;
    cli_input inputs[INPUTS_MAX];
    cli_output output;
    cli_failure failure;
    cli_summary summary;
    cli_progress progress;
    struct cli_inspection *inspection; /* what these verbs found out; or NULL */
    struct cli_estimate *estimate;
} cli_job;

/* Whether standard output is for people: there may be records instead. */
bool job_prints(const cli_job *job);

/* For a call of the library that fills *stats: what the user asked for, and where a failure is to be told. */
rd_options job_options(cli_job *job, rd_stats *stats);

/* Each fills the summary, or after a failure job->failure. */
rd_result work_signature(cli_job *job);
rd_result work_delta(cli_job *job);
rd_result work_patch(cli_job *job);
rd_result work_verify(cli_job *job);
rd_result work_inspect(cli_job *job);
rd_result work_estimate(cli_job *job);

/*
 * The new file is the basis, as far as a signature tells: one copy, with no literal, that begins with the first block
 * and ends with the last. How long that is a signature does not say; but the last block is found only as a whole.
 */
bool work_is_basis(const rd_stats *stats, const rd_params *params, uint64_t blocks);

#endif
