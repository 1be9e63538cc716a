/* The job that loads a signature. Its header is collected and checked (header.h) before the stream gets it. */
#include "header.h"
#include "job.h"
#include "results.h"
#include "signature.h"
#include "stream/stream.h"
#include "trace.h"

typedef struct loadsig_job {
    rs_job_t head;
    rs_signature_t *sig;
    uint64_t expected;
    unsigned threads;
    uint8_t header[RS__HEADER_LEN];
    size_t filled;
    bool begun; /* the stream has the header */
} loadsig_job;

static rs_result loadsig_start(rs_job_t *job) {
    loadsig_job *const j = (loadsig_job *)job;
    if (!j->sig)
        return RS_PARAM_ERROR;
    return rs__result(rd__loadsig_stream_new_lenient(&job->stream, j->expected, j->threads));
}

/* Takes bytes until the header has `needed`. */
static bool loadsig_gather(loadsig_job *j, rd_in *in, size_t needed) {
    while (j->filled < needed && in->pos < in->size)
        j->header[j->filled++] = ((const uint8_t *)in->data)[in->pos++];
    return j->filled == needed;
}

/* Gives the stream the complete header. */
static rs_result loadsig_start_stream(loadsig_job *j) {
    rd_in in = {.data = j->header, .size = RS__HEADER_LEN};
    rd_out out = {0};
    j->begun = true;
    return rs__job_step(&j->head, &in, &out, false);
}

/* RS_BLOCKED: the header is not complete, or the stream has it. */
static rs_result loadsig_take_header(loadsig_job *j, rd_in *in, bool end) {
    const char *reason = NULL;
    (void)loadsig_gather(j, in, RS__HEADER_BLOCK_LEN_END); /* a length that is wrong leaves the rest where it is */
    rd_result result = rs__header_settle(j->header, j->filled, &reason);
    if (!reason && j->filled >= RS__HEADER_BLOCK_LEN_END)
        j->head.stats.block_len = rs__header_word(j->header + 4);
    if (result == RD_MORE && loadsig_gather(j, in, RS__HEADER_LEN))
        result = rs__header_settle(j->header, j->filled, &reason);
    if (reason)
        rs__log(RS_LOG_ERR, "rs_job_iter", "%s", reason);
    if (result == RD_MORE)
        return end ? RS_INPUT_ENDED : RS_BLOCKED;
    return result == RD_OK ? loadsig_start_stream(j) : rs__result(result);
}

static rs_result loadsig_step(rs_job_t *job, rd_in *in, rd_out *out, bool end) {
    loadsig_job *const j = (loadsig_job *)job;
    if (!j->begun) {
        const rs_result result = loadsig_take_header(j, in, end);
        if (result != RS_BLOCKED || !j->begun)
            return result;
    }
    const rs_result result = rs__job_step(job, in, out, end);
    return result == RS_DONE ? rs__result(rd_stream_take_signature(job->stream, &j->sig->loaded)) : result;
}

static void loadsig_close(rs_job_t *job) {
    rs_free_sumset(((loadsig_job *)job)->sig);
}

static const rs__job_kind loadsig_kind = {
    .name = "loadsig", .start = loadsig_start, .step = loadsig_step, .close = loadsig_close};

rs_job_t *rs__loadsig_begin(rs_signature_t **sumset, uint64_t expected, unsigned threads) {
    if (sumset)
        *sumset = NULL;
    loadsig_job *const j = (loadsig_job *)rs__job_new(&loadsig_kind, sizeof *j);
    rs_signature_t *const sig = j && sumset ? rs__signature_new() : NULL;
    if (!j || (sumset && !sig)) {
        rs_job_free(j ? &j->head : NULL);
        return NULL;
    }
    if (sumset)
        *sumset = sig;
    j->sig = rs__signature_hold(sig);
    j->expected = expected;
    j->threads = threads;
    return &j->head;
}

rs_job_t *rs_loadsig_begin(rs_signature_t **sumset) {
    return rs__loadsig_begin(sumset, RD_UNKNOWN, 1);
}
