/*
 * verbs.h: the work of the command.
 */
#ifndef REDELTA_CLI_VERBS_H
#define REDELTA_CLI_VERBS_H

#include "options.h"

/* Does what the options ask for, tells the user of a failure, and returns the exit status. */
int verb_run(const cli_options *options);

#endif
