/*
 * The job that loads a signature. Its header is checked here, for librsync takes some that redelta does not (a magic of
 * 0, a strong sum length of 0: the defaults), and tells what is wrong by other results, as soon as it can be known. The
 * stream gets a header in which everything is said.
 */
#include "job.h"
#include "params.h"
#include "results.h"
#include "signature.h"
#include "stream/stream.h"
#include "trace.h"

#include <string.h>

enum { MAGIC_END = 4, BLOCK_LEN_END = 8, HEADER_END = 12 };

typedef struct loadsig_job {
    rs_job_t head;
    rs_signature_t *sig;
    uint64_t expected;
    unsigned threads;
    uint8_t header[HEADER_END];
    size_t filled;
    bool begun; /* the stream has the header */
} loadsig_job;

static uint32_t word(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_word(uint8_t *p, uint32_t value) {
    for (int i = 3; i >= 0; i--, value >>= 8)
        p[i] = (uint8_t)value;
}

static rs_result start(rs_job_t *job) {
    loadsig_job *const j = (loadsig_job *)job;
    if (!j->sig)
        return RS_PARAM_ERROR;
    return rs__result(rd__loadsig_stream_new_lenient(&job->stream, j->expected, j->threads));
}

/* Takes bytes until the header has `needed`. */
static bool gather(loadsig_job *j, rd_in *in, size_t needed) {
    while (j->filled < needed && in->pos < in->size)
        j->header[j->filled++] = ((const uint8_t *)in->data)[in->pos++];
    return j->filled == needed;
}

static rs_result corrupt(const char *what, uint32_t value) {
    rs__log(RS_LOG_ERR, "rs_job_iter", "a signature cannot have a %s of %jd", what, (intmax_t)(int32_t)value);
    return RS_CORRUPT;
}

/* Gives the stream the complete header, with nothing left open. */
static rs_result begin_stream(loadsig_job *j) {
    rs_magic_number magic = (rs_magic_number)word(j->header);
    size_t block_len = word(j->header + MAGIC_END);
    size_t strong_len = word(j->header + BLOCK_LEN_END);
    const rs_result result = rs_sig_args(-1, &magic, &block_len, &strong_len);
    if (result != RS_DONE)
        return result;
    put_word(j->header, (uint32_t)magic);
    put_word(j->header + BLOCK_LEN_END, (uint32_t)strong_len);
    rd_in in = {.data = j->header, .size = HEADER_END};
    rd_out out = {0};
    j->begun = true;
    return rs__job_step(&j->head, &in, &out, false);
}

/* RS_BLOCKED: the header is not complete, or the stream has it. */
static rs_result take_header(loadsig_job *j, rd_in *in, bool end) {
    const rs_result incomplete = end ? RS_INPUT_ENDED : RS_BLOCKED;
    if (j->filled < BLOCK_LEN_END) {
        if (!gather(j, in, BLOCK_LEN_END))
            return incomplete;
        const uint32_t block_len = word(j->header + MAGIC_END);
        if (block_len == 0 || block_len > RD_BLOCK_LEN_MAX)
            return corrupt("block length", block_len);
        j->head.stats.block_len = block_len;
    }
    if (!gather(j, in, HEADER_END))
        return incomplete;
    const uint32_t strong_len = word(j->header + BLOCK_LEN_END);
    return strong_len > RS_MAX_STRONG_SUM_LENGTH ? corrupt("strong sum length", strong_len) : begin_stream(j);
}

static rs_result step(rs_job_t *job, rd_in *in, rd_out *out, bool end) {
    loadsig_job *const j = (loadsig_job *)job;
    if (!j->begun) {
        const rs_result result = take_header(j, in, end);
        if (result != RS_BLOCKED || !j->begun)
            return result;
    }
    const rs_result result = rs__job_step(job, in, out, end);
    return result == RS_DONE ? rs__result(rd_stream_take_signature(job->stream, &j->sig->loaded)) : result;
}

static void release_signature(rs_job_t *job) {
    rs_free_sumset(((loadsig_job *)job)->sig);
}

static const rs__job_kind kind = {.name = "loadsig", .start = start, .step = step, .close = release_signature};

rs_job_t *rs__loadsig_begin(rs_signature_t **sumset, uint64_t expected, unsigned threads) {
    if (sumset)
        *sumset = NULL;
    loadsig_job *const j = (loadsig_job *)rs__job_new(&kind, sizeof *j);
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
