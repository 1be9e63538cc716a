/* See job.h. */
#include "io/job.h"

#include "base/memory.h"
#include "base/result.h"

#include <string.h>

rd_options rd__options_from(const rd_options *given) {
    rd_options options = {0};
    if (given)
        memcpy(&options, given, rd__min_size(given->size, sizeof options));
    return options;
}

bool rd__job_compresses(const rd__job *job) {
    return job->compression != 0 && job->compression != RD_COMPRESSION_NEVER;
}

rd_result rd__job_allow_output(rd__job *job, uint64_t size) {
    const uint64_t limit = job->limits.output;
    if (limit == 0 || (job->stats.out_bytes <= limit && size <= limit - job->stats.out_bytes))
        return RD_OK;
    return rd__fail(&job->error, RD_E_LIMIT, RD_ROLE_OUTPUT, limit, "the output would be larger than is allowed");
}

void rd__job_set_digest(rd__job *job, const uint8_t *digest) {
    job->stats.has_digest = true;
    memcpy(job->stats.digest, digest, sizeof job->stats.digest);
}

rd_result rd__job_progress(rd__job *job, uint64_t done) {
    job->done = done;
    if (!job->progress || job->progress(job->progress_context, job->before + done, job->total))
        return RD_OK;
    return rd__fail(&job->error, RD_E_CANCELLED, RD_ROLE_NONE, RD_UNKNOWN, "cancelled");
}
