/*
 * progress.h: progress: a line on standard error for people, and records for programs.
 */
#ifndef REDELTA_CLI_PROGRESS_H
#define REDELTA_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* AUTO: if the work takes some time, and standard error is a terminal. */
typedef enum cli_progress_wish { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER } cli_progress_wish;

typedef struct cli_progress {
    const char *verb;
    const char *step;   /* what is being done: one word */
    bool line;          /* there may be a line */
    bool records;       /* there may be records */
    double start;       /* of the work */
    double step_start;  /* of the step */
    double next_line;   /* not before this time */
    double next_record; /* nor this */
    int width;          /* columns of the line that stands there now */
} cli_progress;

/* The work starts. Progress may be records as well, and standard output may be theirs. */
void progress_start(cli_progress *progress, const char *verb, cli_progress_wish wish, bool records,
                    bool records_on_output);

/* The next step starts; "delta" for example. Amounts and times are those of the step. */
void progress_step(cli_progress *progress, const char *step);

/* A rd_progress_fn whose context is a cli_progress. It also cancels once a signal asked the process to end. */
bool progress_show(void *progress, uint64_t done, uint64_t total);

/* What else there is to say of a file that is brought up to date over a connection. */
typedef struct progress_exchange {
    uint64_t known;     /* bytes of the new file that are found in the old one */
    uint64_t travelled; /* bytes in both directions */
} progress_exchange;

/* Like progress_show, with these figures. */
bool progress_show_exchange(cli_progress *progress, uint64_t done, uint64_t total, const progress_exchange *exchange);

/* Removes the line, so that something else can be printed. */
void progress_clear(cli_progress *progress);

#endif
