/*
 * json_none.c: json.h without jansson. options.c refuses --json, so that nothing but the first is of any use.
 */
#include "json.h"

bool json_available(void) {
    return false;
}

rd_result json_open(const char *name, cli_failure *failure) {
    (void)name;
    return failure_refusal(failure, RD_ROLE_NONE, "this redelta was built without JSON", "leave out --json");
}

bool json_is_open(void) {
    return false;
}

bool json_is_file(const char *name) {
    (void)name;
    return false;
}

void json_abandon(void) {
}

rd_result json_close(cli_failure *failure) {
    (void)failure;
    return RD_OK;
}

cli_record *record_new(const char *type) {
    (void)type;
    return NULL;
}

cli_record *record_part(void) {
    return NULL;
}

void record_put_number(cli_record *record, const char *key, uint64_t number) {
    (void)record, (void)key, (void)number;
}

void record_put_real(cli_record *record, const char *key, double number) {
    (void)record, (void)key, (void)number;
}

void record_put_flag(cli_record *record, const char *key, bool flag) {
    (void)record, (void)key, (void)flag;
}

void record_put_text(cli_record *record, const char *key, const char *text) {
    (void)record, (void)key, (void)text;
}

void record_put(cli_record *record, const char *key, cli_record *part) {
    (void)record, (void)key, (void)part;
}

void record_put_list(cli_record *record, const char *key) {
    (void)record, (void)key;
}

void record_append(cli_record *record, const char *key, cli_record *part) {
    (void)record, (void)key, (void)part;
}

void record_put_name(cli_record *record, const char *key, const char *name) {
    (void)record, (void)key, (void)name;
}

void record_put_time(cli_record *record, double seconds, uint64_t bytes) {
    (void)record, (void)seconds, (void)bytes;
}

void record_send(cli_record *record) {
    (void)record;
}

char *record_text(cli_record *record) {
    (void)record;
    return NULL;
}

void record_drop(cli_record *record) {
    (void)record;
}
