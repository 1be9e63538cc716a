/*
 * report.h: what rdiff says on standard error, and its exit statuses, which are the results of librsync.
 */
#ifndef REDELTA_RDIFF_REPORT_H
#define REDELTA_RDIFF_REPORT_H

#include "cli/failure.h"
#include "options.h"

enum {
    STATUS_DONE = 0,
    STATUS_IO = 100,
    STATUS_SYNTAX = 101,
    STATUS_MEMORY = 102,
    STATUS_ENDED = 103,
    STATUS_MAGIC = 104,
    STATUS_UNIMPLEMENTED = 105,
    STATUS_CORRUPT = 106,
    STATUS_INTERNAL = 107,
    STATUS_PARAMETER = 108
};

void report_line(const char *line);

/* A wrong command line: "rdiff: BEFORE WORD AFTER" and where to find help. Returns STATUS_SYNTAX. */
int report_usage(const char *before, const char *word, const char *after);

/* An option that names what is not there. Returns STATUS_UNIMPLEMENTED. */
int report_unimplemented(const char *what);

/* An input or the output that cannot be opened; `way` is "read" or "write". Returns STATUS_IO. */
int report_open_failure(const cli_failure *failure, const char *name, const char *way);

/* An operation that failed: what is wrong with which file, and a last line for the exit status, which is returned. */
int report_failure(rdiff_verb verb, const char *name, const cli_failure *failure);

#endif
