/* The delta job. It holds the signature, so that the program may free it at any time. */
#include "job.h"
#include "results.h"
#include "signature.h"
#include "stream/stream.h"

typedef struct delta_job {
    rs_job_t head;
    rs_signature_t *sig; /* loaded, or NULL: an empty basis */
} delta_job;

static rs_result delta_start(rs_job_t *job) {
    const delta_job *const j = (const delta_job *)job;
    return rs__result(rd__delta_stream_new_prompt(&job->stream, j->sig ? j->sig->loaded : NULL, &rs__unverified));
}

static rs_result delta_step(rs_job_t *job, rd_in *in, rd_out *out, bool end) {
    const delta_job *const j = (const delta_job *)job;
    const rs_result result = rs__job_step(job, in, out, end);
    rd_stats counts = {.size = sizeof counts};
    if (result == RS_DONE && j->sig && rd_stream_stats(job->stream, &counts) == RD_OK)
        rs__signature_count(j->sig, &counts);
    return result;
}

static void delta_close(rs_job_t *job) {
    rs_free_sumset(((delta_job *)job)->sig);
}

static const rs__job_kind delta_kind = {
    .name = "delta", .start = delta_start, .step = delta_step, .close = delta_close};

rs_job_t *rs_delta_begin(rs_signature_t *sig) {
    delta_job *const j = (delta_job *)rs__job_new(&delta_kind, sizeof *j);
    if (!j)
        return NULL;
    if (sig && sig->loaded)
        j->sig = rs__signature_hold(sig);
    return &j->head;
}
