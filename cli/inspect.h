/*
 * inspect.h: what `redelta inspect` found out about a file, and the ways to tell it.
 */
#ifndef REDELTA_CLI_INSPECT_H
#define REDELTA_CLI_INSPECT_H

#include <stdio.h>

#include "json.h"
#include "survey.h"
#include "work.h"

typedef struct cli_inspection {
    const char *name;
    rd_kind kind;
    bool compressed;
    rd_params params; /* of a signature, as are: */
    uint64_t blocks;
    uint64_t distinct; /* blocks that no block before them equals */
    rd_stats stats;
    survey survey; /* of a delta */
} cli_inspection;

/* The basis of a signature has so many bytes at least and at most: its last block may be short. */
uint64_t inspection_basis_least(const cli_inspection *found);
uint64_t inspection_basis_most(const cli_inspection *found);

/* For people, in lines of `columns` characters where that can be chosen. */
void inspect_print(FILE *out, const cli_inspection *found, int columns);

/* For programs: puts what the file is, without its name, into an object. */
void inspection_put(json_writer *json, const cli_inspection *found);

/* NULL is allowed. */
void inspection_free(cli_inspection *found);

/* Sends a record of a command. A rd_op_fn whose context is not used. */
bool inspect_send_op(void *unused, const rd_op *op);

/* One line for each command of a delta: their head, and a rd_op_fn whose context is a FILE. */
void inspect_print_head(FILE *out);
bool inspect_print_op(void *out, const rd_op *op);

#endif
