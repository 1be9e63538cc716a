/*
 * diffs.h: what diff would give in place of signature and delta, and how long it would take.
 */
#ifndef REDELTA_CLI_DIFFS_H
#define REDELTA_CLI_DIFFS_H

#include "cli/verbs/estimate/trials.h"

/* The name of a form in records, and the command that makes it. */
const char *diff_form_name(cli_diff_form form);
const char *diff_form_command(cli_diff_form form);

/* Makes the deltas; only their figures are kept, in *estimate, whose `new` and `old` are filled before. */
rd_result diffs_run(cli_job *job, cli_estimate *estimate);

/* The bytes that were read for that. */
uint64_t diffs_read(const cli_estimate *estimate);

#endif
