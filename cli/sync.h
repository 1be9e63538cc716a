/*
 * sync.h: the verb that makes one file equal to another, by the three steps in one.
 */
#ifndef REDELTA_CLI_SYNC_H
#define REDELTA_CLI_SYNC_H

#include "work.h"

/* Before anything is opened: whether both are files that can be had. A missing old file is as an empty one. */
rd_result sync_check(cli_job *job);

/* Writes the new file to the output, unless job->summary.identical. */
rd_result sync_work(cli_job *job);

/* Says on standard output what was done, and what would have travelled. */
rd_result sync_tell(cli_job *job);

#endif
