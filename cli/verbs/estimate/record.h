/*
 * record.h: an estimate for programs.
 */
#ifndef REDELTA_CLI_ESTIMATE_RECORD_H
#define REDELTA_CLI_ESTIMATE_RECORD_H

#include "cli/verbs/estimate/trials.h"

/* Writes its members into an object. */
void estimate_put(json_writer *json, const cli_estimate *estimate);

#endif
