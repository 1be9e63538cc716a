/*
 * json.c: see json.h. Records are written and flushed one by one, so that whoever reads them is up to date. One that
 * cannot be made or written must not stop the work: it is told at the end.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

enum { KEY_MAX = 64, REAL_DIGITS = 9 };

static FILE *lines;       /* NULL: none are wanted */
static const char *fresh; /* the name of their file, if it was not there before */
static bool to_be_empty;  /* the file still holds what it held before */
static bool no_memory;    /* a record could not be made */
static int write_error;   /* errno of the first that could not be written, or 0 */

bool json_available(void) {
    return true;
}

/* ---- Where records go ------------------------------------------------------------------------------------------- */

rd_result json_open(const char *name, cli_failure *failure) {
    struct stat status;
    fresh = name != NULL && system_stat(name, &status) != 0 ? name : NULL;
    const int fd = name != NULL ? open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : dup(STDOUT_FILENO);
    lines = fd != -1 ? fdopen(fd, "w") : NULL;
    if (fd != -1 && lines == NULL) { /* standard output is closed: see files_reserve_standard */
        (void)close(fd);
        errno = EBADF;
    }
    to_be_empty = name != NULL;
    return lines != NULL ? RD_OK : failure_system(failure, RD_ROLE_OUTPUT, "cannot be written");
}

bool json_is_open(void) {
    return lines != NULL;
}

bool json_is_file(const char *name) {
    struct stat status;
    if (lines == NULL || system_stat(name, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    const int fd = system_open(name);
    const bool same = fd != -1 && system_same_file(fd, fileno(lines));
    if (fd != -1)
        (void)close(fd);
    return same;
}

void json_abandon(void) {
    (void)fclose(lines);
    lines = NULL;
    if (fresh != NULL)
        (void)remove(fresh);
}

rd_result json_close(cli_failure *failure) {
    if (lines == NULL)
        return RD_OK;
    if (fclose(lines) != 0 && write_error == 0)
        write_error = errno;
    lines = NULL;
    if (no_memory) {
        failure->error = (rd_error){.result = RD_E_MEMORY, .offset = RD_UNKNOWN, .reason = "a record is missing"};
        return RD_E_MEMORY;
    }
    errno = write_error;
    return write_error == 0 ? RD_OK : failure_system(failure, RD_ROLE_OUTPUT, "cannot be written");
}

/* What is no regular file cannot be cut off, and need not be. */
static void empty_file(void) {
    if (to_be_empty && ftruncate(fileno(lines), 0) != 0 && errno != EINVAL)
        write_error = errno;
    to_be_empty = false;
}

void record_send(cli_record *record) {
    if (lines != NULL && record != NULL) {
        empty_file();
        const bool written = json_dumpf(record, lines, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)) == 0 &&
                             fputc('\n', lines) != EOF && fflush(lines) == 0;
        if (!written && write_error == 0)
            write_error = errno;
    }
    json_decref(record);
}

char *record_text(cli_record *record) {
    char *const text = record != NULL && !no_memory ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    return text;
}

void record_drop(cli_record *record) {
    json_decref(record);
}

/* ---- What they hold --------------------------------------------------------------------------------------------- */

/* Gives `value` to the record. NULL for either is for want of memory. */
static void put(cli_record *record, const char *key, json_t *value) {
    if (record == NULL)
        json_decref(value);
    else if (json_object_set_new(record, key, value) != 0)
        no_memory = true;
}

cli_record *record_part(void) {
    json_t *made = json_object();
    no_memory = no_memory || made == NULL;
    return made;
}

cli_record *record_new(const char *type) {
    cli_record *made = record_part();
    record_put_text(made, "type", type);
    return made;
}

void record_put_number(cli_record *record, const char *key, uint64_t number) {
    put(record, key, number <= INT64_MAX ? json_integer((json_int_t)number) : json_null());
}

void record_put_real(cli_record *record, const char *key, double number) {
    put(record, key, json_real(number));
}

void record_put_flag(cli_record *record, const char *key, bool flag) {
    put(record, key, json_boolean(flag));
}

void record_put_text(cli_record *record, const char *key, const char *text) {
    put(record, key, text != NULL ? json_string(text) : json_null());
}

void record_put_time(cli_record *record, double seconds, uint64_t bytes) {
    record_put_real(record, "seconds", seconds);
    if (seconds > 0.0)
        record_put_real(record, "bytes_per_second", (double)bytes / seconds);
    else
        record_put_text(record, "bytes_per_second", NULL);
}

void record_put(cli_record *record, const char *key, cli_record *part) {
    put(record, key, part);
}

void record_put_list(cli_record *record, const char *key) {
    put(record, key, json_array());
}

void record_append(cli_record *record, const char *key, cli_record *part) {
    if (record != NULL && json_object_get(record, key) == NULL)
        put(record, key, json_array());
    json_t *list = record != NULL ? json_object_get(record, key) : NULL;
    if (list == NULL)
        json_decref(part);
    else if (json_array_append_new(list, part) != 0)
        no_memory = true;
}

/* ---- Names ------------------------------------------------------------------------------------------------------ */

/* Bytes of the character of UTF-8 that `text` begins with, or 0. A string's end is none of those that follow a first.
 */
static size_t character_length(const unsigned char *text) {
    const unsigned char first = text[0];
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    const bool no_character = (first == 0xed && text[1] >= 0xa0) || (first == 0xf4 && text[1] >= 0x90);
    return overlong || no_character ? 0 : length;
}

/* Writes the name with U+FFFD for each byte that is not UTF-8, up to 3 bytes for one. True: there are such bytes. */
static bool make_readable(char *text, const char *name) {
    bool replaced = false;
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0';) {
        const size_t length = character_length(p);
        (void)memcpy(text, length > 0 ? (const char *)p : "\xef\xbf\xbd", length > 0 ? length : 3);
        text += length > 0 ? length : 3;
        p += length > 0 ? length : 1;
        replaced = replaced || length == 0;
    }
    *text = '\0';
    return replaced;
}

/* RFC 4648, section 4: each three bytes become four characters of six bits, and the last is filled up. */
static void make_base64(char *text, const unsigned char *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const unsigned second = i + 1 < size ? bytes[i + 1] : 0;
        const unsigned third = i + 2 < size ? bytes[i + 2] : 0;
        const unsigned group = (unsigned)bytes[i] << 16 | second << 8 | third;
        *text++ = digits[group >> 18];
        *text++ = digits[group >> 12 & 63];
        *text++ = digits[group >> 6 & 63];
        *text++ = digits[group & 63];
    }
    for (size_t i = size; i % 3 != 0; i++)
        *--text = '=';
    text[(3 - size % 3) % 3] = '\0';
}

void record_put_name(cli_record *record, const char *key, const char *name) {
    char base64_key[KEY_MAX];
    const size_t size = name != NULL ? strlen(name) : 0;
    char *text = name != NULL ? malloc(3 * size + 5) : NULL;
    no_memory = no_memory || (text == NULL && name != NULL);
    const bool replaced = text != NULL && make_readable(text, name);
    record_put_text(record, key, text);
    if (replaced) {
        (void)snprintf(base64_key, sizeof base64_key, "%s_b64", key);
        make_base64(text, (const unsigned char *)name, size);
        record_put_text(record, base64_key, text);
    }
    free(text);
}
