/*
 * progress.h: how far the work is, while it goes on: a line on standard error for people, and records for programs.
 */
#ifndef REDELTA_CLI_PROGRESS_H
#define REDELTA_CLI_PROGRESS_H

#include "options.h"

typedef struct cli_progress {
    const cli_options *options;
    const char *step;  /* what is being done: one word */
    bool line;         /* there may be a line, and records */
    bool records;      /* there may be records */
    double begin;      /* of the work */
    double step_begin; /* of the step */
    double line_due;   /* when the next may come */
    double record_due;
    int width; /* columns of the line that stands there now */
} cli_progress;

/* The work begins. */
void progress_begin(cli_progress *progress, const cli_options *options);

/* The next step begins; "delta" for example. What is told from now on counts from there. */
void progress_step(cli_progress *progress, const char *step);

/* A rd_progress_fn whose context is a cli_progress. It also cancels once a signal asked for the end. */
bool progress_tell(void *progress, uint64_t done, uint64_t total);

/* Takes the line away, so that something else can be said. */
void progress_clear(cli_progress *progress);

#endif
