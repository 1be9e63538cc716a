/*
 * run.h: runs a verb.
 */
#ifndef REDELTA_CLI_RUN_H
#define REDELTA_CLI_RUN_H

#include "cli/verbs/request.h"

/* Does what is asked for, reports a failure, and returns the exit status. */
int run_verb(const cli_request *request);

#endif
