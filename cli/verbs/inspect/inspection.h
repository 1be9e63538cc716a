/*
 * inspection.h: what `redelta inspect` found out about a file.
 */
#ifndef REDELTA_CLI_INSPECTION_H
#define REDELTA_CLI_INSPECTION_H

#include "cli/verbs/inspect/survey.h"

typedef struct cli_inspection {
    const char *name;
    uint64_t holes; /* bytes of the file */
    rd_kind kind;   /* a dense delta is a delta */
    bool dense;
    bool compressed;
    rd_params params; /* of a signature, as are: */
    uint64_t blocks;
    uint64_t distinct;    /* blocks that no block before them equals */
    uint64_t basis_least; /* bytes that the basis has at least and at most: its last block may be short */
    uint64_t basis_most;
    rd_stats stats;
    survey survey; /* of a delta */
} cli_inspection;

#endif
