/*
 * json.c: see json.h.
 */
#include "cli/base/json.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/base/base64.h"
#include "cli/base/utf8.h"

enum { REAL_DIGITS = 9 };

json_writer json_new(json_write_fn *write, void *context) {
    return (json_writer){.write = write, .context = context};
}

static void json_put(const json_writer *json, const char *text) {
    json->write(json->context, text, strlen(text));
}

/* What stands before a value. */
static void json_put_key(json_writer *json, const char *key) {
    const bool in_object = json->depth > 0 && json->open[json->depth - 1] == '{';
    assert(in_object == (key != NULL));
    assert(json->depth > 0 || !json->separate); /* one value at the top */
    if (json->separate)
        json_put(json, ",");
    if (in_object) {
        json_put(json, "\"");
        json_put(json, key);
        json_put(json, "\":");
    }
    json->separate = true;
}

/* ---- Objects and arrays ----------------------------------------------------------------------------------------- */

static void json_begin(json_writer *json, const char *key, char kind) {
    assert(json->depth < JSON_DEPTH_MAX);
    json_put_key(json, key);
    json->write(json->context, &kind, 1);
    json->open[json->depth++] = kind;
    json->separate = false;
}

void json_object(json_writer *json, const char *key) {
    json_begin(json, key, '{');
}

void json_array(json_writer *json, const char *key) {
    json_begin(json, key, '[');
}

void json_end(json_writer *json) {
    assert(json->depth > 0);
    json_put(json, json->open[--json->depth] == '{' ? "}" : "]");
    json->separate = true;
}

/* ---- Values ----------------------------------------------------------------------------------------------------- */

void json_null(json_writer *json, const char *key) {
    json_put_key(json, key);
    json_put(json, "null");
}

void json_bool(json_writer *json, const char *key, bool value) {
    json_put_key(json, key);
    json_put(json, value ? "true" : "false");
}

void json_number(json_writer *json, const char *key, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    json_put_key(json, key);
    json_put(json, number <= INT64_MAX ? text : "null");
}

/* The form of %g is that of JSON, since the command stays in the locale "C". */
void json_real(json_writer *json, const char *key, double number) {
    const bool finite = number >= -DBL_MAX && number <= DBL_MAX;
    char text[32];
    (void)snprintf(text, sizeof text, "%.*g", REAL_DIGITS, number);
    json_put_key(json, key);
    json_put(json, finite ? text : "null");
    if (finite && strpbrk(text, ".e") == NULL)
        json_put(json, ".0"); /* readers tell by it that this is a real number */
}

/* ---- Strings ---------------------------------------------------------------------------------------------------- */

static void json_put_escaped(const json_writer *json, unsigned char character) {
    static const char names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char text[8];
    if (character == '"' || character == '\\')
        (void)snprintf(text, sizeof text, "\\%c", character);
    else if (character < sizeof names && names[character] != '\0')
        (void)snprintf(text, sizeof text, "\\%c", names[character]);
    else
        (void)snprintf(text, sizeof text, "\\u%04x", (unsigned)character);
    json_put(json, text);
}

/* Returns whether bytes were replaced. */
static bool json_put_string(const json_writer *json, const char *string) {
    bool replaced = false;
    const char *p = string;
    json_put(json, "\"");
    while (*p != '\0') {
        const char *plain = p; /* what needs no change goes in one call */
        size_t length = utf8_length(p);
        while (length > 0 && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\') {
            p += length;
            length = utf8_length(p);
        }
        if (p > plain)
            json->write(json->context, plain, (size_t)(p - plain));
        if (length == 0)
            json_put(json, "\xef\xbf\xbd"); /* U+FFFD */
        else if (*p != '\0')
            json_put_escaped(json, (unsigned char)*p);
        replaced = replaced || length == 0;
        p += *p != '\0';
    }
    json_put(json, "\"");
    return replaced;
}

void json_text(json_writer *json, const char *key, const char *text) {
    json_put_key(json, key);
    if (text != NULL)
        (void)json_put_string(json, text);
    else
        json_put(json, "null");
}

void json_bytes(json_writer *json, const char *key, const char *bytes) {
    enum { GROUP = 48 }; /* a multiple of 3, so that only the last one is padded */
    char text[GROUP / 3 * 4];
    json_put_key(json, key);
    if (bytes == NULL) {
        json_put(json, "null");
        return;
    }
    if (!json_put_string(json, bytes))
        return;
    json_put(json, ",\"");
    json_put(json, key);
    json_put(json, "_b64\":\"");
    for (size_t left = strlen(bytes), size; left > 0; bytes += size, left -= size) {
        size = left < GROUP ? left : GROUP;
        json->write(json->context, text, base64_encode(text, (const uint8_t *)bytes, size));
    }
    json_put(json, "\"");
}
