/*
 * record.h: an inspection for programs, and for the page.
 */
#ifndef REDELTA_CLI_INSPECT_RECORD_H
#define REDELTA_CLI_INSPECT_RECORD_H

#include "cli/base/json.h"
#include "cli/verbs/inspect/inspection.h"

/* Writes what the file is, without its name, into an object. */
void inspect_put(json_writer *json, const cli_inspection *found);

/* Writes a record of a command. A rd_op_fn whose context is not used. */
bool inspect_send_op(void *unused, const rd_op *op);

#endif
