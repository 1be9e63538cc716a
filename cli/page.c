/*
 * page.c: see page.h. The page itself is in cli/page: markup, style and script, each in its language. Into it go two
 * things. The numbers, as --json has them, stand in a script element of JSON, in which "<" is escaped: so no name of a
 * file can end the element. The map's stretches, which may be a hundred thousand, are numbers of variable length in
 * base64: some 6 to 12 characters each.
 */
#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "page_parts.h"

enum { BUFFER_SIZE = 48 * 1024 /* a multiple of 3, so that base64 is filled up at the end alone */ };

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

/* Each three bytes become four characters of six bits (RFC 4648, section 4). */
static void put_base64(writer *w) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = w->text;
    while (w->filled % 3 != 0)
        w->buffer[w->filled++] = 0; /* the reader counts stretches, and never comes to these */
    for (size_t i = 0; i < w->filled; i += 3) {
        const uint32_t three = (uint32_t)w->buffer[i] << 16 | (uint32_t)w->buffer[i + 1] << 8 | w->buffer[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *text++ = digits[three >> shift & 63];
    }
    put(w, w->text, (size_t)(text - w->text));
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

/* "<" may stand in JSON within a string alone, where it has this other form. */
static void put_json(writer *w, const char *text) {
    for (;;) {
        const size_t plain = strcspn(text, "<");
        put(w, text, plain);
        if (text[plain] == '\0')
            return;
        put(w, "\\u003c", strlen("\\u003c"));
        text += plain + 1;
    }
}

static char *numbers_of(const cli_inspection *found) {
    cli_record *const record = inspect_record(found);
    cli_record *const map = record_part();
    record_put_name(record, "name", found->name);
    record_put_number(record, "size", found->stats.in_bytes);
    record_put_number(map, "stretches", found->survey.stretch_count);
    record_put_number(map, "cell", found->survey.cell);
    record_put(record, "map", map);
    return record_text(record);
}

/* ---- The page --------------------------------------------------------------------------------------------------- */

rd_result page_check(cli_failure *failure) {
    if (json_available())
        return RD_OK;
    return failure_refusal(failure, RD_ROLE_NONE,
                           "a page needs a redelta that was built with jansson; this one was not", "leave out --html");
}

rd_result page_write(const rd_sink *out, const cli_inspection *found, uint64_t *size, cli_failure *failure) {
    writer *const w = malloc(sizeof *w);
    char *const numbers = numbers_of(found);
    rd_result result = RD_E_MEMORY;
    failure->error =
        (rd_error){.result = result, .offset = RD_UNKNOWN, .reason = "there is not enough memory for the page"};
    if (w != NULL && numbers != NULL) {
        *w = (writer){.sink = out, .result = RD_OK, .error = &failure->error};
        put(w, page_begin, page_begin_size);
        put_json(w, numbers);
        put(w, page_middle, page_middle_size);
        put_stretches(w, &found->survey);
        put(w, page_end, page_end_size);
        *size = w->written;
        result = w->result;
    }
    free(numbers);
    free(w);
    return result;
}
