/*
 * text.h: an inspection for people.
 */
#ifndef REDELTA_CLI_INSPECT_TEXT_H
#define REDELTA_CLI_INSPECT_TEXT_H

#include <stdio.h>

#include "cli/verbs/inspect/inspection.h"

/* In lines of `columns` characters where that can be chosen. */
void inspect_print(FILE *out, const cli_inspection *found, int columns);

/* One line for each command of a delta: their head, and a rd_op_fn whose context is a FILE. */
void inspect_print_head(FILE *out);
bool inspect_print_op(void *out, const rd_op *op);

#endif
