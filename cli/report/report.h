/*
 * report.h: errors, in one line each, on standard error.
 */
#ifndef REDELTA_CLI_REPORT_H
#define REDELTA_CLI_REPORT_H

#include "cli/base/failure.h"

/* The exit status of the command. */
enum {
    STATUS_DONE = 0,
    STATUS_IO = 1,
    STATUS_USAGE = 2,
    STATUS_INPUT = 3,
    STATUS_MISMATCH = 4,
    STATUS_IDENTICAL = 5,
    STATUS_CHANGED = 6,
    STATUS_CONNECTION = 7
};

/* Words of the user are quoted in a message up to this length, in bytes. */
enum { REPORT_WORD_MAX = 80 };

/* How much of a word is quoted: the precision of a "%.*s". No character is cut. */
int report_width(const char *word);

/*
 * A wrong command line: "redelta: VERB: what is wrong; try 'redelta VERB --help'". The verb is NULL if there is none;
 * the format is printf's.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void report_usage(const char *verb, const char *format, ...);

/* "redelta: VERB: NAME: what is wrong, at byte N; what to do". Verb and name may be NULL: no file is to blame. */
void report_failure(const char *verb, const char *name, const cli_failure *failure);

/* "redelta: VERB: NAME: warning: what is doubtful; what to do", the latter unless it is NULL. */
void report_warning(const char *verb, const char *name, const char *reason, const char *advice);

/* Whether the failure is that of a zstd frame. */
bool report_is_about_zstd(const rd_error *error);

/* Whether it is that of a frame that no program of zstd decompresses. */
bool report_is_beyond_zstd(const rd_error *error);

/* The exit status that stands for a result; for a failure. */
int report_status(rd_result result);
int report_status_of(const cli_failure *failure);

#endif
