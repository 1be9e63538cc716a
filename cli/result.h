/*
 * result.h: the record of an operation that is done: its figures for programs, as stats.h has them for people.
 */
#ifndef REDELTA_CLI_RESULT_H
#define REDELTA_CLI_RESULT_H

#include "work.h"

/* Sends a record of type "result". */
void result_send(const cli_job *job, int status);

#endif
