/*
 * result.h: the record of an operation that is done: its figures for programs, as stats.h has them for people.
 */
#ifndef REDELTA_CLI_RESULT_H
#define REDELTA_CLI_RESULT_H

#include "work.h"

/* Sends a record of type "result". It takes the details of the job. */
void result_send(cli_job *job, int status);

/* Puts "digest" into the record, in hexadecimal digits, or null. */
void result_put_digest(cli_record *record, const rd_stats *stats);

#endif
