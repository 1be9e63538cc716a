/*
 * version.h: what --version reports: the version, what was built in, and the license.
 */
#ifndef REDELTA_CLI_VERSION_H
#define REDELTA_CLI_VERSION_H

#include "options.h"

/* For people on standard output, or with --json as a record. Returns the exit status. */
int version_print(const cli_options *options);

#endif
