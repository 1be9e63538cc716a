/*
 * Jobs: what all kinds share. A job is a stream of redelta that is made at the first iteration, where a program expects
 * errors about its arguments.
 */
#ifndef RS_JOB_H
#define RS_JOB_H

#include "librsync.h"
#include "redelta.h"

typedef struct rs__job_kind {
    const char *name;
    /* Makes job->stream. */
    rs_result (*start)(rs_job_t *job);
    /* One iteration: reads from `in` and writes to `out`. NULL: rs__job_step. */
    rs_result (*step)(rs_job_t *job, rd_in *in, rd_out *out, bool end);
    /* Releases what the kind holds besides the stream. NULL: nothing. */
    void (*close)(rs_job_t *job);
} rs__job_kind;

/* The head of every job; the kinds put their own fields after it. */
struct rs_job {
    const rs__job_kind *kind;
    rd_stream *stream; /* NULL until the first iteration */
    rs_stats_t stats;
    rs_result state;     /* RS_RUNNING, then how the job ended */
    bool input_over;     /* all input came and was taken */
    rs_buffers_t driven; /* the buffers at the end of the last rs_job_drive */
};

/* A zeroed job of `size` bytes, its head set, or NULL if there is no memory. */
rs_job_t *rs__job_new(const rs__job_kind *kind, size_t size);
/* The options of delta and patch streams: librsync knows no trailer. */
extern const rd_options rs__unverified;
/* One step of the stream, with a message if it fails. */
rs_result rs__job_step(rs_job_t *job, rd_in *in, rd_out *out, bool end);

/* Like rs_loadsig_begin, for a signature of `expected` bytes (RD_UNKNOWN: not known), loaded by `threads` threads. */
rs_job_t *rs__loadsig_begin(rs_signature_t **sumset, uint64_t expected, unsigned threads);

#endif
