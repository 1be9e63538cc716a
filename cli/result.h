/*
 * result.h: the record of an operation that is done: its figures for programs, as stats.h has them for people.
 */
#ifndef REDELTA_CLI_RESULT_H
#define REDELTA_CLI_RESULT_H

#include "json.h"
#include "work.h"

/* Sends a record of type "result". */
void result_send(const cli_job *job, int status);

/* Puts "digest" into the record, in hexadecimal digits, or null. */
void result_put_digest(json_writer *record, const rd_stats *stats);

/* Puts "sums", their names and length, into the record. */
void result_put_sums(json_writer *record, const rd_params *params);

#endif
