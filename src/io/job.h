/* What every operation carries with it: whom to tell of progress, what it did, and why it failed. */
#ifndef RD_IO_JOB_H
#define RD_IO_JOB_H

#include "redelta.h"

typedef struct rd__job {
    rd_progress_fn *progress; /* or NULL */
    void *progress_context;
    uint64_t done; /* bytes, as last told */
    uint64_t total;
    rd_stats stats;
    rd_error error;
} rd__job;

/* Tells of progress. RD_E_CANCELLED if the caller wants no more. */
rd_result rd__job_progress(rd__job *job, uint64_t done);

#endif
