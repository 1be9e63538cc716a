/*
 * failure.h: what went wrong, as a record. It is made where something fails; each command reports it in its own way.
 */
#ifndef REDELTA_CLI_FAILURE_H
#define REDELTA_CLI_FAILURE_H

#include <stdio.h>

#include <redelta.h>

/* A failure, and what to do about it: NULL if that follows from the error. */
typedef struct cli_failure {
    rd_error error;
    const char *advice;
    bool connection; /* what failed is the connection to another machine, which has an exit status of its own */
} cli_failure;

/* Makes standard error take whole lines. */
void failure_prepare(void);

/*
 * Prints a name so that it stays in one line and does not fool a terminal or its reader: bytes that are not UTF-8,
 * control characters and those that set the direction of others are escaped, as \ooo.
 */
void failure_put_name(FILE *out, const char *name);

/*
 * The same for the `size` bytes at `bytes`, any but 0 at the end of a string: writes the start of them that fits into
 * text[0 .. room), escaped, with a 0 behind it.
 */
void failure_quote(char *text, size_t room, const char *bytes, size_t size);

/* Fills *failure for a call of the system that failed with the present errno, and returns RD_E_IO. */
rd_result failure_system(cli_failure *failure, rd_role role, const char *reason);

/* Fills *failure for a directory where the name of the file to be replaced is needed, and returns RD_E_IO. */
rd_result failure_directory(cli_failure *failure, rd_role role);

/* Fills *failure for an input that is not what it should be, and returns RD_E_MAGIC. */
rd_result failure_input(cli_failure *failure, rd_role role, const char *reason, const char *advice);

/* Fills *failure for an output that others changed while it was being made anew, and returns RD_E_MISMATCH. */
rd_result failure_changed(cli_failure *failure);

/* Fills *failure for what the command line asks and cannot be, and returns RD_E_PARAMETER. */
rd_result failure_refusal(cli_failure *failure, rd_role role, const char *reason, const char *advice);

#endif
