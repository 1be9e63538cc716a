/*
 * verb.h: what a verb is. Each has a file of its own, or a folder, which holds all about it: what it takes, its help,
 * its work, its statistics for people and its record for programs. verbs.c has them in one table, and what reads the
 * command line, explains it and runs it goes by that table alone.
 */
#ifndef REDELTA_CLI_VERB_H
#define REDELTA_CLI_VERB_H

#include "cli/verbs/job.h"

typedef rd_result cli_verb_step(cli_job *job);

enum { ROLES_MAX = 2 };

typedef struct cli_verb {
    const char *name;
    const char *operands; /* as the help shows them: "[BASIS [SIGNATURE]]" */
    const char *summary;  /* one line of the overall help */
    bool is_step;         /* of the three that bring a file up to date; the help has these first */
    const char *help;     /* all that --help says */

    uint64_t options; /* those that it takes besides the common ones: OPTION_BITs */
    bool plain;       /* of the common options it takes only --threads, --help and --version */
    int inputs;       /* the operands are this many inputs, then the output, if there is one */
    int outputs;      /* 0 or 1 */
    bool many;        /* but all operands are inputs, then comes that of --basis, and the output is that of --output */
    int least;        /* operands that must be given */
    const char *missing; /* what these are, for a message: "a basis" */

    rd_role roles[ROLES_MAX]; /* of the inputs; of many, the first is that of all but a basis */
    rd_replace replace;       /* how an output is replaced, if the user lets it be replaced */
    unsigned replaced;        /* the input that the output may replace, which is then guarded: by its place */
    bool in_place;            /* the output replaces that input, unless they are identical */

    /*
     * For a verb that has two ways to work: the row of the one that is meant, by the names. It may take fewer options;
     * `only` says for what they are: "local files". NULL: it has one.
     */
    const struct cli_verb *(*choose)(const cli_request *request);
    const char *only;

    /* Does all in the place of the steps below, from opening the files to replacing one. NULL: these are done. */
    cli_verb_step *whole;
    /* In this order; but for `work`, each may be NULL. A failure is in job->failure. */
    cli_verb_step *check; /* before anything is opened */
    cli_verb_step *work;  /* with the files open */
    cli_verb_step *print; /* on standard output, what was done */
    void (*print_stats)(const cli_job *job);
    void (*put_result)(json_writer *record, const cli_job *job); /* the members of its own in the record */
    void (*release)(cli_job *job);                               /* job->found */

    /* What to do about job->failure, if that depends on the verb; else NULL. May be NULL itself. */
    const char *(*advice)(const cli_job *job);
} cli_verb;

#endif
