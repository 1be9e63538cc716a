/*
 * jobs.h: the work of rdiff.
 */
#ifndef REDELTA_RDIFF_JOBS_H
#define REDELTA_RDIFF_JOBS_H

#include "options.h"

/* Does what the options ask for, reports a failure to the user, and returns the exit status. */
int job_run(const rdiff_options *options);

#endif
