/*
 * json_driver.c: the command's writer of JSON, driven by standard input, for test_json_writer.py. A line is what to
 * write, its key or "-", and its value: "object KEY", "array KEY", "end", "null KEY", "bool KEY 0", "number KEY 12",
 * "real KEY 0x1p-3", "text KEY HEX" and "bytes KEY HEX". "line" ends the text and starts another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/base/json.h"

enum { LINE_MAX_BYTES = 1 << 16 };

static void write_out(void *file, const char *text, size_t size) {
    if (fwrite(text, 1, size, file) != size)
        exit(1);
}

/* In place. */
static void unhex(char *hex) {
    char *out = hex;
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        *out++ = (char)byte;
    *out = '\0';
}

int main(void) {
    static char line[LINE_MAX_BYTES];
    static char value[LINE_MAX_BYTES];
    char what[16];
    char name[64];
    json_writer json = json_new(write_out, stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        value[0] = name[0] = '\0';
        (void)sscanf(line, "%15s %63s %65535s", what, name, value);
        const char *const key = strcmp(name, "-") != 0 ? name : NULL;
        if (strcmp(what, "object") == 0) {
            json_object(&json, key);
        } else if (strcmp(what, "array") == 0) {
            json_array(&json, key);
        } else if (strcmp(what, "end") == 0) {
            json_end(&json);
        } else if (strcmp(what, "null") == 0) {
            json_null(&json, key);
        } else if (strcmp(what, "bool") == 0) {
            json_bool(&json, key, value[0] == '1');
        } else if (strcmp(what, "number") == 0) {
            json_number(&json, key, strtoull(value, NULL, 10));
        } else if (strcmp(what, "real") == 0) {
            json_real(&json, key, strtod(value, NULL));
        } else if (strcmp(what, "text") == 0) {
            unhex(value);
            json_text(&json, key, value);
        } else if (strcmp(what, "bytes") == 0) {
            unhex(value);
            json_bytes(&json, key, value);
        } else { /* "line" */
            (void)puts("");
            json = json_new(write_out, stdout);
        }
    }
    return ferror(stdout) != 0 || fflush(stdout) != 0;
}
