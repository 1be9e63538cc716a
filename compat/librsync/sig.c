/* The signature job. */
#include "job.h"
#include "params.h"
#include "results.h"
#include "stream/stream.h"

typedef struct sig_job {
    rs_job_t head;
    rs_magic_number magic;
    size_t block_len;
    size_t strong_len;
} sig_job;

static rs_result sig_start(rs_job_t *job) {
    sig_job *const j = (sig_job *)job;
    const rs_result result = rs_sig_args(-1, &j->magic, &j->block_len, &j->strong_len);
    if (result != RS_DONE)
        return result;
    const rd_options options = {.size = sizeof options, .params = rs__params(j->magic, j->block_len, j->strong_len)};
    job->stats.block_len = options.params.block_len;
    return rs__result(rd__signature_stream_new_prompt(&job->stream, &options));
}

static const rs__job_kind sig_kind = {.name = "signature", .start = sig_start};

rs_job_t *rs_sig_begin(size_t block_len, size_t strong_len, rs_magic_number sig_magic) {
    sig_job *const j = (sig_job *)rs__job_new(&sig_kind, sizeof *j);
    if (!j)
        return NULL;
    j->magic = sig_magic;
    j->block_len = block_len;
    j->strong_len = strong_len;
    return &j->head;
}
