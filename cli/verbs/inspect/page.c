/*
 * page.c: see page.h. The page itself is in cli/page: markup, style and script, each in its language. Into it go two
 * things. The numbers, as --json has them, stand in a script element of JSON, in which "<" is escaped: so no name of a
 * file can end the element. The map's entries, which may be a hundred thousand, are numbers of variable length in
 * base64: some 6 to 12 characters each.
 */
#include "cli/verbs/inspect/page.h"

#include <stdlib.h>
#include <string.h>

#include "cli/base/base64.h"
#include "cli/verbs/inspect/page_parts.h"
#include "cli/verbs/inspect/record.h"

enum {
    ENCODED_AT_ONCE = 48 * 1024 /* a multiple of 3, so that only the last base64 is padded */,
    BUFFER_SIZE = 64 * 1024
};

typedef struct page_writer {
    const rd_sink *sink;
    uint64_t written;
    rd_result result;
    rd_error *error;
    size_t buffered;
    char buffer[BUFFER_SIZE]; /* text on its way to the sink */
    size_t bytes;
    uint8_t plain[ENCODED_AT_ONCE]; /* bytes on their way into base64 */
    char encoded[ENCODED_AT_ONCE / 3 * 4];
} page_writer;

/* After a failure, nothing more is written. */
static void page_flush(page_writer *w) {
    if (w->result == RD_OK)
        w->result = rd_sink_write(w->sink, w->buffer, w->buffered, w->error);
    w->written += w->buffered;
    w->buffered = 0;
}

static void page_put(page_writer *w, const void *data, size_t size) {
    const char *p = data;
    while (size > 0) {
        const size_t room = BUFFER_SIZE - w->buffered;
        const size_t now = size < room ? size : room;
        memcpy(w->buffer + w->buffered, p, now);
        w->buffered += now;
        p += now;
        size -= now;
        if (w->buffered == BUFFER_SIZE)
            page_flush(w);
    }
}

/* ---- Base64 ----------------------------------------------------------------------------------------------------- */

static void page_put_base64(page_writer *w) {
    page_put(w, w->encoded, base64_encode(w->encoded, w->plain, w->bytes));
    w->bytes = 0;
}

static void page_put_byte(page_writer *w, uint8_t byte) {
    if (w->bytes == ENCODED_AT_ONCE)
        page_put_base64(w);
    w->plain[w->bytes++] = byte;
}

/* Seven bits a byte, the lowest first; the high bit says that more follow. */
static void page_put_number(page_writer *w, uint64_t number) {
    for (; number >= 0x80; number >>= 7)
        page_put_byte(w, (uint8_t)(number | 0x80));
    page_put_byte(w, (uint8_t)number);
}

/* Small numbers for small steps, also for those back: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4. */
static void page_put_step(page_writer *w, uint64_t from, uint64_t to) {
    page_put_number(w, to >= from ? (to - from) * 2 : (from - to) * 2 - 1);
}

/* ---- The two things --------------------------------------------------------------------------------------------- */

/* page.js reads them. */
enum { LITERAL, COPY, MIXED };

static int page_kind_of(const survey_entry *entry) {
    if (entry->literal_bytes == entry->length)
        return LITERAL;
    return entry->pieces == 1 ? COPY : MIXED;
}

static void page_put_entries(page_writer *w, const survey *s) {
    uint64_t copied_to = 0;
    for (size_t i = 0; i < s->entry_count; i++) {
        const survey_entry *const entry = &s->entries[i];
        const int kind = page_kind_of(entry);
        page_put_number(w, (uint64_t)kind);
        page_put_number(w, entry->length);
        if (kind == MIXED) {
            page_put_number(w, entry->literal_bytes);
            page_put_number(w, entry->pieces);
        }
        if (kind == LITERAL)
            continue;
        page_put_step(w, copied_to, entry->basis_offset);
        if (kind == MIXED)
            page_put_number(w, entry->basis_end - entry->basis_offset);
        copied_to = entry->basis_end;
    }
    page_put_base64(w);
}

/* A json_write_fn. "<" can stand in JSON only within a string, where it has this other form. */
static void page_put_json(void *context, const char *text, size_t size) {
    page_writer *const w = context;
    for (const char *end = text + size; text < end;) {
        const char *const less = memchr(text, '<', (size_t)(end - text));
        page_put(w, text, (size_t)((less != NULL ? less : end) - text));
        if (less == NULL)
            return;
        page_put(w, "\\u003c", strlen("\\u003c"));
        text = less + 1;
    }
}

static void page_put_numbers(page_writer *w, const cli_inspection *found) {
    json_writer json = json_new(page_put_json, w);
    json_object(&json, NULL);
    inspect_put(&json, found);
    json_bytes(&json, "name", found->name);
    json_number(&json, "size", found->stats.in_bytes);
    json_object(&json, "map");
    json_number(&json, "entries", found->survey.entry_count);
    json_number(&json, "grain", found->survey.grain);
    json_end(&json);
    json_end(&json);
}

/* ---- The page --------------------------------------------------------------------------------------------------- */

rd_result page_write(const rd_sink *out, const cli_inspection *found, uint64_t *size, cli_failure *failure) {
    page_writer *const w = malloc(sizeof *w);
    rd_result result = RD_E_MEMORY;
    failure->error =
        (rd_error){.result = result, .offset = RD_UNKNOWN, .reason = "there is not enough memory for the page"};
    if (w != NULL) {
        *w = (page_writer){.sink = out, .result = RD_OK, .error = &failure->error};
        page_put(w, page_start, page_start_size);
        page_put_numbers(w, found);
        page_put(w, page_middle, page_middle_size);
        page_put_entries(w, &found->survey);
        page_put(w, page_end, page_end_size);
        page_flush(w);
        *size = w->written;
        result = w->result;
    }
    free(w);
    return result;
}
