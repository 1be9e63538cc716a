/* See job.h, and librsync.h for what a program may rely on. */
#include "job.h"

#include "results.h"
#include "stats.h"
#include "trace.h"

#include <stdlib.h>

const rd_options rs__unverified = {
    .size = sizeof rs__unverified, .verify = RD_VERIFY_NEVER, .compression = RD_COMPRESSION_NEVER};

rs_job_t *rs__job_new(const rs__job_kind *kind, size_t size) {
    rs_job_t *const job = calloc(1, size);
    if (!job)
        return NULL;
    job->kind = kind;
    job->state = RS_RUNNING;
    job->stats.op = kind->name;
    job->stats.start = time(NULL);
    return job;
}

rs_result rs_job_free(rs_job_t *job) {
    if (!job)
        return RS_DONE;
    if (job->kind->close)
        job->kind->close(job);
    rd_stream_free(job->stream);
    free(job);
    return RS_DONE;
}

const rs_stats_t *rs_job_statistics(rs_job_t *job) {
    return &job->stats;
}

rs_result rs__job_step(rs_job_t *job, rd_in *in, rd_out *out, bool end) {
    const rd_result result = rd_stream_step(job->stream, in, out, end);
    if (result != RD_OK && result != RD_MORE)
        rs__log(RS_LOG_ERR, "rs_job_iter", "%s", rd_stream_error(job->stream)->reason);
    return rs__result(result);
}

static rs_result job_start_and_step(rs_job_t *job, rd_in *in, rd_out *out, bool end) {
    if (!job->stream) {
        const rs_result result = job->kind->start(job);
        if (result != RS_DONE)
            return result;
    }
    return job->kind->step ? job->kind->step(job, in, out, end) : rs__job_step(job, in, out, end);
}

static void job_end(rs_job_t *job, rs_result result) {
    job->state = result;
    job->stats.end = time(NULL);
    if (result != RS_DONE)
        rs__log(RS_LOG_ERR, "rs_job_iter", "%s job failed: %s", job->kind->name, rs_strerror(result));
}

/* One iteration of a job that has not ended. */
static rs_result job_turn(rs_job_t *job, rs_buffers_t *buffers) {
    /* After the end of the input nothing counts as input any more, whatever the program passes. */
    rd_in in = {.data = buffers->next_in, .size = job->input_over ? 0 : buffers->avail_in};
    rd_out out = {.data = buffers->next_out, .size = buffers->avail_out};
    const bool end = job->input_over || buffers->eof_in;
    const rs_result result = job_start_and_step(job, &in, &out, end);
    if (in.pos > 0)
        buffers->next_in += in.pos;
    if (out.pos > 0)
        buffers->next_out += out.pos;
    buffers->avail_in -= in.pos;
    buffers->avail_out -= out.pos;
    job->input_over = end && in.pos == in.size;
    rd_stats counts = {.size = sizeof counts};
    if (job->stream && rd_stream_stats(job->stream, &counts) == RD_OK)
        rs__stats_set(&job->stats, &counts);
    if (result != RS_BLOCKED)
        job_end(job, result);
    return result;
}

rs_result rs_job_iter(rs_job_t *job, rs_buffers_t *buffers) {
    if (!job || !buffers)
        return RS_PARAM_ERROR;
    const size_t in = buffers->avail_in;
    const size_t out = buffers->avail_out;
    if ((in > 0 && !buffers->next_in) || (out > 0 && !buffers->next_out))
        return RS_PARAM_ERROR;
    const rs_result result = job->state == RS_RUNNING ? job_turn(job, buffers) : job->state;
    const bool idle = in > 0 && out > 0 && in == buffers->avail_in && out == buffers->avail_out;
    if (idle && (result == RS_BLOCKED || result == RS_DONE)) {
        rs__log(RS_LOG_ERR, __func__, "the %s job can use neither the input of %zu bytes nor the room for %zu",
                job->kind->name, in, out);
        return RS_INTERNAL_ERROR;
    }
    return result;
}

/*
 * The buffers are what callbacks make them, whatever the program left there: each side starts out empty, and in a later
 * drive it is what it was at the end of the one before. A side without a callback is empty.
 */
static void job_restore_buffers(const rs_job_t *job, rs_buffers_t *buf, bool fills, bool empties) {
    *buf = (rs_buffers_t){0};
    if (fills) {
        buf->next_in = job->driven.next_in;
        buf->avail_in = job->driven.avail_in;
        buf->eof_in = job->driven.eof_in;
    }
    if (empties) {
        buf->next_out = job->driven.next_out;
        buf->avail_out = job->driven.avail_out;
    }
}

/* Does a blocked job wait for input, or for room, that no callback will give? */
static bool job_is_stuck(const rs_buffers_t *buf, bool fills, bool empties) {
    const bool wants_room = buf->avail_out == 0 && (buf->avail_in > 0 || buf->eof_in);
    const bool wants_input = buf->avail_in == 0 && !buf->eof_in && buf->avail_out > 0;
    return (wants_room && !empties) || (wants_input && !fills) || (!fills && !empties);
}

static rs_result job_drive(rs_job_t *job, rs_buffers_t *buf, rs_driven_cb in_cb, void *in_opaque, rs_driven_cb out_cb,
                           void *out_opaque) {
    for (;;) {
        rs_result moved = !buf->eof_in && in_cb ? in_cb(job, buf, in_opaque) : RS_DONE;
        if (moved != RS_DONE)
            return moved;
        const rs_result result = rs_job_iter(job, buf);
        if (result != RS_DONE && result != RS_BLOCKED)
            return result;
        const bool hopeless = result == RS_BLOCKED && job_is_stuck(buf, in_cb, out_cb);
        moved = out_cb ? out_cb(job, buf, out_opaque) : RS_DONE;
        if (moved != RS_DONE)
            return moved;
        if (result == RS_DONE || hopeless)
            return result;
    }
}

rs_result rs_job_drive(rs_job_t *job, rs_buffers_t *buf, rs_driven_cb in_cb, void *in_opaque, rs_driven_cb out_cb,
                       void *out_opaque) {
    if (!job || !buf)
        return RS_PARAM_ERROR;
    job_restore_buffers(job, buf, in_cb, out_cb);
    const rs_result result = job_drive(job, buf, in_cb, in_opaque, out_cb, out_opaque);
    job->driven = *buf;
    return result;
}
