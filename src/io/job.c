/* See job.h. */
#include "io/job.h"

#include "base/result.h"

rd_result rd__job_progress(rd__job *job, uint64_t done) {
    job->done = done;
    if (!job->progress || job->progress(job->progress_context, done, job->total))
        return RD_OK;
    return rd__fail(&job->error, RD_E_CANCELLED, RD_ROLE_NONE, RD_UNKNOWN, "cancelled");
}
