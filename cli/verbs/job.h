/*
 * job.h: an operation in progress, and what several verbs do with it.
 */
#ifndef REDELTA_CLI_JOB_H
#define REDELTA_CLI_JOB_H

#include "cli/base/files.h"
#include "cli/base/json.h"
#include "cli/verbs/request.h"

typedef struct cli_job {
    const cli_request *request;
    cli_input *inputs; /* as many as the request has */
    cli_output output;
    cli_failure failure;
    const cli_input *blamed; /* of several inputs with one role, that which the failure is about; NULL: the first */
    cli_progress progress;
    rd_stats stats;           /* of what the verb is about */
    rd_params params;         /* of the signature made or loaded */
    uint64_t signature_bytes; /* of the signature that a delta was made from */
    uint64_t signature_blocks;
    bool identical;  /* the new file is the basis */
    rd_role changed; /* an input that changed while it was read, or RD_ROLE_NONE */
    bool suspect;    /* that is not accepted, but the result is kept */
    bool created;    /* of sync: there was no old file */
    bool told;       /* who started this process knows of the failure: nothing is printed */
    double seconds;
    void *found; /* by verbs that find out something: their own, until their `release` */
} cli_job;

/* Whether standard output is for people: there may be records instead. */
bool job_prints(const cli_job *job);

/* For a call of the library that fills *stats: what the user asked for, and where to put the details of a failure. */
rd_options job_options(cli_job *job, rd_stats *stats);

/*
 * For a call of the library that made all of its output: if an input changed meanwhile, the output is kept, and only
 * the exit status and a warning tell.
 */
rd_result job_keep_changed(cli_job *job, rd_result result);

/* After a call of the library that filled *stats: keeps in mind which input changed. */
void job_note_changed(cli_job *job, const rd_stats *stats);

/* A sink that keeps nothing, for a delta of which only the figures are wanted. */
rd_sink job_null_sink(void);

/*
 * The parameters that the user asked for, with what was left open settled for a file of `size` bytes. It is done here
 * and not in the library, so that --verbose shows what is used.
 */
rd_result job_settle_params(cli_job *job, uint64_t size);

/* --verbose: a line with the sizes of both inputs, and what they are. */
void job_announce(const cli_job *job, const char *one, const char *other);

/* --stats: the rows of a delta's copies and literals. */
void job_print_commands(const rd_stats *stats);

/* --stats: the rows of the delta that was made, of a new file of `whole` bytes. */
void job_print_delta(const cli_job *job, uint64_t whole);

/* --stats: the row of the zeros that became holes, if there are any. */
void job_print_holes(const rd_stats *stats);

/* --json: "uncompressed", null if what was made is not compressed. */
void job_put_uncompressed(json_writer *record, const cli_job *job, uint64_t size);

/* --json: "blocks" and "sums" of a signature. */
void job_put_blocks(json_writer *record, const cli_job *job, uint64_t count);

/* --json: what a delta is made of, and what it saves of `whole` bytes if `sent` bytes are sent instead. */
void job_put_commands(json_writer *record, const cli_job *job, uint64_t whole, uint64_t sent);

/* What either way of sync did to its file, or would do: "updated". */
const char *job_sync_outcome(const cli_job *job);

#endif
