/* The patch job. The basis is the program's copy callback. */
#include "job.h"
#include "results.h"
#include "trace.h"

#include <string.h>

typedef struct patch_job {
    rs_job_t head;
    rs_copy_cb *copy;
    void *copy_arg;
    rs_result failure; /* of the callback; else RS_DONE */
} patch_job;

/* Keeps the callback's result, which becomes the job's. */
static rd_result patch_fail(patch_job *j, rs_result result) {
    j->failure = result;
    return RD_E_IO;
}

/* An rd_read_fn over the callback. Done with a length of 0 is the end of the basis. */
static rd_result patch_read_basis(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    patch_job *const j = context;
    size_t length = size;
    void *from = data;
    const rs_result result = j->copy(j->copy_arg, (rs_long_t)offset, &length, &from);
    if (result == RS_BLOCKED)
        return RD_MORE;
    if (result != RS_DONE)
        return patch_fail(j, result == RS_RUNNING ? RS_INTERNAL_ERROR : result);
    if (length > size) {
        rs__log(RS_LOG_ERR, "rs_job_iter", "the copy callback read %zu bytes where %zu were asked for", length, size);
        return patch_fail(j, RS_PARAM_ERROR);
    }
    if (from != data && length > 0)
        memcpy(data, from, length);
    *got = length;
    return RD_OK;
}

static rs_result patch_start(rs_job_t *job) {
    patch_job *const j = (patch_job *)job;
    const rd_source basis = rd_source_callback(patch_read_basis, j, RD_UNKNOWN, true);
    return j->copy ? rs__result(rd_patch_stream_new(&job->stream, &basis, &rs__unverified)) : RS_PARAM_ERROR;
}

static rs_result patch_step(rs_job_t *job, rd_in *in, rd_out *out, bool end) {
    const patch_job *const j = (const patch_job *)job;
    const rs_result result = rs__job_step(job, in, out, end);
    return j->failure != RS_DONE ? j->failure : result;
}

static const rs__job_kind patch_kind = {.name = "patch", .start = patch_start, .step = patch_step};

rs_job_t *rs_patch_begin(rs_copy_cb *copy_cb, void *copy_arg) {
    patch_job *const j = (patch_job *)rs__job_new(&patch_kind, sizeof *j);
    if (!j)
        return NULL;
    j->copy = copy_cb;
    j->copy_arg = copy_arg;
    return &j->head;
}
