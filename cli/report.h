/*
 * report.h: what the command says on standard error when it fails, each time in one line.
 */
#ifndef REDELTA_CLI_REPORT_H
#define REDELTA_CLI_REPORT_H

#include <stdio.h>

#include "options.h"

/* Words of the user are quoted in a message up to this length. */
enum { REPORT_WORD_MAX = 80 };

/* A failure, and what to do about it: NULL if that follows from the error. */
typedef struct cli_failure {
    rd_error error;
    const char *advice;
} cli_failure;

/* Makes standard error take whole lines. */
void report_prepare(void);

/* A wrong command line: "redelta: VERB: what is wrong; try 'redelta VERB --help'". The format is printf's. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void report_usage(cli_verb verb, const char *format, ...);

/* Prints a name so that it stays in one line and sends no control characters to a terminal. */
void report_put_name(FILE *out, const char *name);

/* "redelta: VERB: NAME: what is wrong, at byte N; what to do". The name may be NULL: no file is to blame. */
void report_failure(cli_verb verb, const char *name, const cli_failure *failure);

/* Fills *failure for a call of the system that failed with the present errno, and returns RD_E_IO. */
rd_result report_system_error(cli_failure *failure, rd_role role, const char *reason);

/* Fills *failure for what the command line asks and cannot be, and returns RD_E_PARAMETER. */
rd_result report_refusal(cli_failure *failure, rd_role role, const char *reason, const char *advice);

/* The exit status that stands for a result. */
int report_status(rd_result result);

#endif
