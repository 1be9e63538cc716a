/*
 * request.h: what the command line asks for, in one struct. The verbs read this and never argv.
 */
#ifndef REDELTA_CLI_REQUEST_H
#define REDELTA_CLI_REQUEST_H

#include "cli/report/progress.h"

#include <redelta.h>

/* All options; a verb has a set of them. Their names are in cli/arguments/options.c. */
typedef enum cli_option {
    OPTION_BLOCK_SIZE,
    OPTION_SUM_SIZE,
    OPTION_HASH,
    OPTION_ROLLSUM,
    OPTION_COMPRESS,
    OPTION_DENSE,
    OPTION_THREADS,
    OPTION_FORCE,
    OPTION_OUTPUT,
    OPTION_BASIS,
    OPTION_STATS,
    OPTION_VERBOSE,
    OPTION_QUIET,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
    OPTION_JSON,
    OPTION_EXIT_CODE,
    OPTION_DRY_RUN,
    OPTION_BACKUP,
    OPTION_TIMES,
    OPTION_FOLLOW,
    OPTION_SPARSE,
    OPTION_ACCEPT_CHANGED,
    OPTION_NO_VERIFY,
    OPTION_ALWAYS_VERIFY,
    OPTION_MAX_OUTPUT,
    OPTION_MAX_MEMORY,
    OPTION_MAX_BLOCKS,
    OPTION_OPS,
    OPTION_HTML,
    OPTION_RSH,
    OPTION_REMOTE_PROGRAM,
    OPTION_LIMIT_RATE,
    OPTION_MAX_ROUNDS,
    OPTION_PARTIAL,
    OPTION_STDIO,
    OPTION_ROOT,
    OPTION_READ_ONLY,
    OPTION_VERSION,
    OPTION_HELP,
    OPTIONS
} cli_option;

#define OPTION_BIT(option) (UINT64_C(1) << OPTION_##option)

typedef struct cli_request {
    const struct cli_verb *verb; /* NULL: none */
    bool help;
    bool version;
    bool force;
    bool stats;
    bool verbose;
    bool quiet;
    bool exit_code; /* STATUS_IDENTICAL is wanted */
    bool dry_run;
    bool times;            /* the output gets the time of the last input */
    bool follow;           /* an output that is a symbolic link is not replaced, but what it leads to */
    bool partial;          /* what arrives before a connection breaks is kept */
    bool standard_streams; /* of serve: the client is at standard input and output */
    bool read_only;        /* of serve: nothing is written */
    bool json;
    bool ops;
    bool makes_output;     /* to `output`: most verbs do, inspect with --html */
    bool has_basis;        /* of many inputs, the last is the basis */
    const char *backup;    /* the suffix of the file that keeps what the output replaces, or NULL */
    const char *json_file; /* NULL: standard output */
    cli_progress_wish progress;
    rd_params params;
    rd_form form;               /* of a delta that is made */
    int compression;            /* of what is made: a level, or 0 */
    const char *detached_level; /* the operand that is probably meant as the level of -z, or NULL */
    unsigned threads;           /* 0: one per processor */
    unsigned max_rounds;        /* of a sync with another machine; 0: no limit */
    unsigned input_count;
    rd_verify verify;
    rd_sparse sparse;
    rd_limits limits;
    rd_changed changed;  /* what if an input changes while it is read */
    const char *shell;   /* of a file on another machine: the command that leads there */
    const char *program; /* redelta there */
    uint64_t rate;       /* bytes per second, 0: no limit */
    const char *root;    /* of serve: the directory that is served, or NULL */
    const char **inputs; /* file names; NULL is standard input */
    const char *output;  /* a file name; NULL is standard output */
} cli_request;

#endif
