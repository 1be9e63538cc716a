/*
 * report.h: what the command says on standard error when it fails, each time in one line.
 */
#ifndef REDELTA_CLI_REPORT_H
#define REDELTA_CLI_REPORT_H

#include "failure.h"
#include "options.h"

/* Words of the user are quoted in a message up to this length. */
enum { REPORT_WORD_MAX = 80 };

/* A wrong command line: "redelta: VERB: what is wrong; try 'redelta VERB --help'". The format is printf's. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void report_usage(cli_verb verb, const char *format, ...);

/* "redelta: VERB: NAME: what is wrong, at byte N; what to do". The name may be NULL: no file is to blame. */
void report_failure(cli_verb verb, const char *name, const cli_failure *failure);

/* The exit status that stands for a result. */
int report_status(rd_result result);

#endif
