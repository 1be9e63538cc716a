/*
 * report.h: the messages of rdiff on standard error, and its exit statuses, which are the results of librsync.
 */
#ifndef REDELTA_RDIFF_REPORT_H
#define REDELTA_RDIFF_REPORT_H

#include "cli/base/failure.h"
#include "librsync.h"
#include "options.h"

void report_line(const char *line);

/* A wrong command line: "rdiff: BEFORE WORD AFTER" and where to find help. Returns RS_SYNTAX_ERROR. */
int report_usage(const char *before, const char *word, const char *after);

/* An option for a feature that does not exist. Returns RS_UNIMPLEMENTED. */
int report_unimplemented(const char *what);

/* An input or the output that cannot be opened; `way` is "read" or "write". Returns RS_IO_ERROR. */
int report_open_failure(const cli_failure *failure, const char *name, const char *way);

/* Something about a file that is less than it should be, though the operation did not fail. */
void report_warning(rdiff_verb verb, const char *name, const char *text);

/* An operation that failed: what is wrong with which file, and a last line for the exit status, which is returned. */
int report_failure(rdiff_verb verb, const char *name, const cli_failure *failure);

#endif
