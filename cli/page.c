/*
 * page.c: see page.h. The page itself is in cli/page: markup, style and script, each in its language. Into it go two
 * things. The numbers, as --json has them, stand in a script element of JSON, in which "<" is escaped: so no name of a
 * file can end the element. The map's stretches, which may be a hundred thousand, are numbers of variable length in
 * base64: some 6 to 12 characters each.
 */
#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "page_parts.h"

enum { BUFFER_SIZE = 48 * 1024 /* a multiple of 3, so that only the last base64 is padded */ };

typedef struct writer {
    const rd_sink *sink;
    uint64_t written;
    rd_result result;
    rd_error *error;
    size_t filled;
    uint8_t buffer[BUFFER_SIZE]; /* bytes that are still to be put into base64; and that */
    char text[BUFFER_SIZE / 3 * 4];
} writer;

/* After a failure, nothing more is written. */
static void put(writer *w, const void *data, size_t size) {
    if (w->result == RD_OK)
        w->result = rd_sink_write(w->sink, data, size, w->error);
    w->written += size;
}

/* ---- Base64 ----------------------------------------------------------------------------------------------------- */

static void put_base64(writer *w) {
    put(w, w->text, base64_encode(w->text, w->buffer, w->filled));
    w->filled = 0;
}

static void put_byte(writer *w, uint8_t byte) {
    if (w->filled == BUFFER_SIZE)
        put_base64(w);
    w->buffer[w->filled++] = byte;
}

/* Seven bits a byte, the lowest first; the high bit says that more follow. */
static void put_number(writer *w, uint64_t number) {
    for (; number >= 0x80; number >>= 7)
        put_byte(w, (uint8_t)(number | 0x80));
    put_byte(w, (uint8_t)number);
}

/* Small numbers for small steps, also for those back: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4. */
static void put_step(writer *w, uint64_t from, uint64_t to) {
    put_number(w, to >= from ? (to - from) * 2 : (from - to) * 2 - 1);
}

/* ---- The two things --------------------------------------------------------------------------------------------- */

/* page.js reads them. */
enum { LITERAL, COPY, MIXED };

static int kind_of(const survey_stretch *stretch) {
    if (stretch->literal_bytes == stretch->length)
        return LITERAL;
    return stretch->pieces == 1 ? COPY : MIXED;
}

static void put_stretches(writer *w, const survey *s) {
    uint64_t copied_to = 0;
    for (size_t i = 0; i < s->stretch_count; i++) {
        const survey_stretch *const stretch = &s->stretches[i];
        const int kind = kind_of(stretch);
        put_number(w, (uint64_t)kind);
        put_number(w, stretch->length);
        if (kind == MIXED) {
            put_number(w, stretch->literal_bytes);
            put_number(w, stretch->pieces);
        }
        if (kind == LITERAL)
            continue;
        put_step(w, copied_to, stretch->basis_offset);
        if (kind == MIXED)
            put_number(w, stretch->basis_end - stretch->basis_offset);
        copied_to = stretch->basis_end;
    }
    put_base64(w);
}

/* A json_write_fn. "<" can stand in JSON only within a string, where it has this other form. */
static void put_json(void *context, const char *text, size_t size) {
    writer *const w = context;
    for (const char *end = text + size; text < end;) {
        const char *const less = memchr(text, '<', (size_t)(end - text));
        put(w, text, (size_t)((less != NULL ? less : end) - text));
        if (less == NULL)
            return;
        put(w, "\\u003c", strlen("\\u003c"));
        text = less + 1;
    }
}

static void put_numbers(writer *w, const cli_inspection *found) {
    json_writer json = json_new(put_json, w);
    json_object(&json, NULL);
    inspection_put(&json, found);
    json_bytes(&json, "name", found->name);
    json_number(&json, "size", found->stats.in_bytes);
    json_object(&json, "map");
    json_number(&json, "stretches", found->survey.stretch_count);
    json_number(&json, "cell", found->survey.cell);
    json_end(&json);
    json_end(&json);
}

/* ---- The page --------------------------------------------------------------------------------------------------- */

rd_result page_write(const rd_sink *out, const cli_inspection *found, uint64_t *size, cli_failure *failure) {
    writer *const w = malloc(sizeof *w);
    rd_result result = RD_E_MEMORY;
    failure->error =
        (rd_error){.result = result, .offset = RD_UNKNOWN, .reason = "there is not enough memory for the page"};
    if (w != NULL) {
        *w = (writer){.sink = out, .result = RD_OK, .error = &failure->error};
        put(w, page_begin, page_begin_size);
        put_numbers(w, found);
        put(w, page_middle, page_middle_size);
        put_stretches(w, &found->survey);
        put(w, page_end, page_end_size);
        *size = w->written;
        result = w->result;
    }
    free(w);
    return result;
}
