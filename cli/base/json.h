/*
 * json.h: a writer of JSON (RFC 8259). Each call writes the next bytes of the text, without spaces or line ends;
 * nothing is held in memory but the objects and arrays that are open. Calls in an order that is no JSON are mistakes of
 * ours, and assertions find them.
 */
#ifndef REDELTA_CLI_JSON_H
#define REDELTA_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes the next `size` bytes of the text. */
typedef void json_write_fn(void *context, const char *text, size_t size);

enum { JSON_DEPTH_MAX = 16 };

typedef struct json_writer {
    json_write_fn *write;
    void *context;
    int depth;                 /* how many objects and arrays are open */
    char open[JSON_DEPTH_MAX]; /* what each of them is: '{' or '[' */
    bool separate;             /* the next value follows another: after a comma */
} json_writer;

/* A text that has nothing in it yet. It is complete after one value: usually an object, opened and ended. */
json_writer json_new(json_write_fn *write, void *context);

/*
 * Each of these writes one value. Within an object it has a key, which is ASCII and needs no escapes; within an array,
 * and at the top, the key is NULL.
 */
void json_object(json_writer *json, const char *key);
void json_array(json_writer *json, const char *key);
void json_null(json_writer *json, const char *key);
void json_bool(json_writer *json, const char *key, bool value);

/* Null, if the number is larger than INT64_MAX, as RD_UNKNOWN is. */
void json_number(json_writer *json, const char *key, uint64_t number);

/* Nine significant digits; null, if it is not finite. */
void json_real(json_writer *json, const char *key, double number);

/* A string in UTF-8, in which each byte that belongs to no character becomes U+FFFD. NULL is null. */
void json_text(json_writer *json, const char *key, const char *text);

/*
 * A string of bytes, such as the name of a file: as json_text, and if that replaces bytes, the member `key`_b64 follows
 * with all of them in base64. Only within an object.
 */
void json_bytes(json_writer *json, const char *key, const char *bytes);

/* Ends the object or array that was opened last. */
void json_end(json_writer *json);

#endif
