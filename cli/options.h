/*
 * options.h: what the command line asks for, in one struct. After options_parse the rest of the command reads this
 * struct and never argv.
 */
#ifndef REDELTA_CLI_OPTIONS_H
#define REDELTA_CLI_OPTIONS_H

#include <redelta.h>

#include "words.h"

/* The exit status of the command. */
enum { STATUS_DONE = 0, STATUS_IO = 1, STATUS_USAGE = 2, STATUS_INPUT = 3, STATUS_MISMATCH = 4, STATUS_IDENTICAL = 5 };

/* AUTO: if the work takes some time, and somebody looks at it. */
typedef enum cli_progress_wish { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER } cli_progress_wish;

typedef struct cli_options {
    cli_verb verb;
    bool help;
    bool version;
    bool force;
    bool stats;
    bool verbose;
    bool quiet;
    bool exit_code; /* STATUS_IDENTICAL is wanted */
    bool json;
    const char *json_file; /* NULL: standard output */
    cli_progress_wish progress;
    rd_params params;
    int compression;  /* of what is made: a level, or 0 */
    unsigned threads; /* 0: one for each processor */
    rd_verify verify;
    rd_limits limits;
    bool ops;
    bool makes_output; /* to `output`: most verbs do, inspect with --html */
    int input_count;
    const char *inputs[INPUTS_MAX]; /* file names; NULL is standard input */
    const char *output;             /* a file name; NULL is standard output */
} cli_options;

/* Fills *result from the command line. If that is wrong, tells the user so and returns false. */
bool options_parse(cli_options *result, int argc, char **argv);

#endif
