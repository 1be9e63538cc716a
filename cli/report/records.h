/*
 * records.h: what the command reports to programs (--json): one object of JSON a line, on standard output or in a file.
 * docs/json.md describes them.
 */
#ifndef REDELTA_CLI_RECORDS_H
#define REDELTA_CLI_RECORDS_H

#include "cli/base/failure.h"
#include "cli/base/json.h"

/*
 * From now on records go to the file `name`, or for NULL to standard output. The contents of the file stay until the
 * first record: until then records_is_file can still tell that it is one of those that the command works on.
 */
rd_result records_open(const char *name, cli_failure *failure);
bool records_are_open(void);
bool records_is_file(const char *name);

/* As if they had not been opened: the file is as it was, or is not there. */
void records_abandon(void);

/* RD_OK if every record was written. Nothing happens if none were open. */
rd_result records_close(cli_failure *failure);

/* Starts a record, an object whose first member is its type; its other members come next. Only while they are open. */
json_writer *record_start(const char *type);

/* Ends the record and its line, and flushes it. */
void record_end(json_writer *record);

/* ---- Members that several records have -------------------------------------------------------------------------- */

/* An object `key` with the name of a file, NULL for a standard stream, and its size, or RD_UNKNOWN. */
void record_file(json_writer *record, const char *key, const char *name, uint64_t size);

/* "sums": their names and the length of strong sums. */
void record_sums(json_writer *record, const rd_params *params);

/* "digest": in hexadecimal digits, or null. */
void record_digest(json_writer *record, const rd_stats *stats);

/* "basis_size" and "basis_digest": what a delta's trailer says of its basis; null if it does not. */
void record_basis(json_writer *record, const rd_stats *stats);

/* "notes": what a commit did less well than it should (RD_NOTE_*), an array of names. */
void record_notes(json_writer *record, unsigned notes);

/* "seconds", and "bytes_per_second" or null. */
void record_time(json_writer *record, double seconds, uint64_t bytes);

#endif
