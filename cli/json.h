/*
 * json.h: what the command says to programs (--json): records, one object of JSON a line, on standard output or in a
 * file. docs/json.md says what they hold. json.c makes them through jansson; a build without it has json_none.c, where
 * --json is refused and the rest is never called.
 */
#ifndef REDELTA_CLI_JSON_H
#define REDELTA_CLI_JSON_H

#include "failure.h"

/* An object that is being made. record_send, record_put and the like take it from whoever made it. */
typedef struct json_t cli_record;

/* Whether this command can do it at all. */
bool json_available(void);

/*
 * From now on records go to the file `name`, for NULL to standard output. What the file holds stays until the first
 * record: there is time to see by json_is_file that it is none of those that the command works on.
 */
rd_result json_open(const char *name, cli_failure *failure);
bool json_is_open(void);
bool json_is_file(const char *name);

/* As if it had not been opened: the file is as it was, or is not there. */
void json_abandon(void);

/* RD_OK if every record arrived. Later ones go nowhere. */
rd_result json_close(cli_failure *failure);

/* A record of this type, for record_send; and what is part of one. Want of memory is told by json_close. */
cli_record *record_new(const char *type);
cli_record *record_part(void);

/* A number that is RD_UNKNOWN is null, and so is a NULL text. */
void record_put_number(cli_record *record, const char *key, uint64_t number);
void record_put_real(cli_record *record, const char *key, double number);
void record_put_flag(cli_record *record, const char *key, bool flag);
void record_put_text(cli_record *record, const char *key, const char *text);
void record_put(cli_record *record, const char *key, cli_record *part);

/* A list without anything in it; and what adds to the list of this key, which is made if need be. */
void record_put_list(cli_record *record, const char *key);
void record_append(cli_record *record, const char *key, cli_record *part);

/*
 * The name of a file. JSON is Unicode, and names are bytes: those that are not UTF-8 are U+FFFD in `key`, and then
 * `key`_b64 has the whole name in base64. NULL, a standard stream, is null.
 */
void record_put_name(cli_record *record, const char *key, const char *name);

/* "seconds", and "bytes_per_second" if that can be told, else null. */
void record_put_time(cli_record *record, double seconds, uint64_t bytes);

/* Writes the record as a line. */
void record_send(cli_record *record);

/* The record as a text, for free; NULL: no memory. Takes the record. */
char *record_text(cli_record *record);

/* A record that is not sent after all. NULL is allowed. */
void record_drop(cli_record *record);

#endif
