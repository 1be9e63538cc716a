/* What every operation carries with it: whom to tell of progress, what it did, and why it failed. */
#ifndef RD_IO_JOB_H
#define RD_IO_JOB_H

#include "redelta.h"

typedef struct rd__job {
    rd_progress_fn *progress; /* or NULL */
    void *progress_context;
    uint64_t before; /* bytes of files that are done with; `done` does not count them, `total` does */
    uint64_t done;   /* bytes, as last told */
    uint64_t total;
    rd_stats stats;
    bool may_wait; /* RD_MORE of a read function goes up to the caller; else it is a failure */
    rd_limits limits;
    int compression; /* as in rd_options */
    rd_error error;
} rd__job;

/* The caller's options, with defaults for what they lack: NULL, or shorter or longer than this library's. */
rd_options rd__options_from(const rd_options *given);

/* Is what is written to be compressed? At a level that may be wrong. */
bool rd__job_compresses(const rd__job *job);

/* `size` more bytes are to be written. RD_E_LIMIT if they are too many. */
rd_result rd__job_allow_output(rd__job *job, uint64_t size);

/* The new file has this digest, RD_DIGEST_LEN bytes, and a trailer says so. */
void rd__job_set_digest(rd__job *job, const uint8_t *digest);

/* Tells of progress. RD_E_CANCELLED if the caller wants no more. */
rd_result rd__job_progress(rd__job *job, uint64_t done);

#endif
