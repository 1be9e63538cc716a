/*
 * progress.c: see progress.h. The line is drawn over itself and removed with nothing but a carriage return and spaces,
 * which any terminal understands. It appears when the work takes longer than people like to wait, and then some times a
 * second: often enough to seem alive, too seldom to cost anything. Rate and time left are those of the whole step, so
 * that they are steady.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/report/progress.h"

#include <redelta.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/base/clock.h"
#include "cli/base/interrupt.h"
#include "cli/base/system.h"
#include "cli/report/records.h"

enum { LINE_COLUMNS_MAX = 100, FIELD_MAX = 40 };

/* Seconds. */
static const double progress_patience = 0.5;
static const double progress_line_interval = 0.1;
static const double progress_record_interval = 0.5;

/* How far a step is. */
typedef struct progress_state {
    uint64_t done;
    uint64_t total; /* or RD_UNKNOWN */
    double seconds;
    const progress_exchange *exchange; /* or NULL */
} progress_state;

/* A field of the line. */
typedef struct progress_field {
    char text[FIELD_MAX];
} progress_field;

/* ---- When and where --------------------------------------------------------------------------------------------- */

void progress_start(cli_progress *progress, const char *verb, cli_progress_wish wish, bool records,
                    bool records_on_output) {
    const double now = clock_now();
    const double first = wish == PROGRESS_ALWAYS ? now : now + progress_patience;
    /* The line is for somebody who watches, in the foreground, and not among records. */
    const bool line =
        wish == PROGRESS_AUTO ? isatty(STDERR_FILENO) && system_in_foreground(STDERR_FILENO) : wish == PROGRESS_ALWAYS;
    *progress = (cli_progress){
        .verb = verb,
        .step = verb,
        .line = line && !records_on_output,
        .records = records && wish != PROGRESS_NEVER,
        .start = now,
        .step_start = now,
        .next_line = first,
        .next_record = first,
    };
}

void progress_step(cli_progress *progress, const char *step) {
    progress->step = step;
    progress->step_start = clock_now();
}

/* ---- The line --------------------------------------------------------------------------------------------------- */

/* Three digits, which are at most so many columns with the unit: 999 B, 12.3 kB, 1.05 GB. */
enum { AMOUNT_COLUMNS = 7 };

static progress_field progress_amount(double bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    progress_field made;
    size_t unit = 0;
    for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1000.0;
    const int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    (void)snprintf(made.text, sizeof made.text, "%.*f %s", decimals, bytes, units[unit]);
    return made;
}

/* Whole seconds as 1:05 or 1:02:03. */
static progress_field progress_duration(double seconds) {
    progress_field made;
    const unsigned long whole = seconds < 1e8 ? (unsigned long)seconds : 99999999ul;
    if (whole < 3600)
        (void)snprintf(made.text, sizeof made.text, "%lu:%02lu", whole / 60, whole % 60);
    else
        (void)snprintf(made.text, sizeof made.text, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    return made;
}

/* Appends a field, two spaces after what stands there, if it still fits into `columns`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
progress_add(char *line, int columns, const char *format, ...) {
    char text[2 * FIELD_MAX];
    const size_t length = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const size_t added = strlen(text) + (length > 0 ? 2 : 0);
    if (length + added <= (size_t)columns)
        (void)snprintf(line + length, LINE_COLUMNS_MAX + 1 - length, "%s%s", length > 0 ? "  " : "", text);
}

/* The fields in the order of their worth, each in its place. Those that do not fit are left out. */
static void progress_compose(char *line, int columns, const char *step, const progress_state *at) {
    const bool known = at->total != RD_UNKNOWN && at->total > 0 && at->done <= at->total;
    const double done = (double)at->done;
    const double total = (double)at->total;
    const double rate = at->seconds > 0.0 ? done / at->seconds : 0.0;
    line[0] = '\0';
    progress_add(line, columns, "%s:", step);
    if (known) {
        progress_add(line, columns, "%3d %%", (int)(100.0 * done / total));
        progress_add(line, columns, "%*s of %s", AMOUNT_COLUMNS, progress_amount(done).text,
                     progress_amount(total).text);
    } else {
        progress_add(line, columns, "%*s", AMOUNT_COLUMNS, progress_amount(done).text);
    }
    if (at->exchange != NULL) {
        progress_add(line, columns, "%*s known", AMOUNT_COLUMNS, progress_amount((double)at->exchange->known).text);
        progress_add(line, columns, "%*s travelled", AMOUNT_COLUMNS,
                     progress_amount((double)at->exchange->travelled).text);
    } else {
        progress_add(line, columns, "%*s/s", AMOUNT_COLUMNS, progress_amount(rate).text);
    }
    if (known && rate > 0.0 && at->exchange == NULL)
        progress_add(line, columns, "%s left", progress_duration((total - done) / rate + 0.5).text);
    else
        progress_add(line, columns, "%s", progress_duration(at->seconds).text);
}

/* The last column stays free: some terminals start a new line when it is written to. */
static void progress_draw(cli_progress *progress, const progress_state *at) {
    char line[LINE_COLUMNS_MAX + 1];
    const int terminal = system_terminal_width(STDERR_FILENO);
    const int columns = terminal > LINE_COLUMNS_MAX ? LINE_COLUMNS_MAX : terminal - 1;
    progress_compose(line, columns, progress->step, at);
    const int width = (int)strlen(line);
    const int rest = progress->width > width ? progress->width - width : 0;
    (void)fprintf(stderr, "\r%s%*s", line, rest, "");
    (void)fflush(stderr);
    progress->width = width;
}

void progress_clear(cli_progress *progress) {
    if (progress->width > 0)
        (void)fprintf(stderr, "\r%*s\r", progress->width, "");
    (void)fflush(stderr);
    progress->width = 0;
}

/* ---- Records ---------------------------------------------------------------------------------------------------- */

static void progress_send(const cli_progress *progress, const progress_state *at) {
    json_writer *const record = record_start("progress");
    json_text(record, "verb", progress->verb);
    json_text(record, "step", progress->step);
    json_number(record, "done", at->done);
    json_number(record, "total", at->total);
    if (at->exchange != NULL) {
        json_number(record, "known", at->exchange->known);
        json_number(record, "travelled", at->exchange->travelled);
    }
    record_time(record, at->seconds, at->done);
    record_end(record);
}

/* ---- Both ------------------------------------------------------------------------------------------------------- */

bool progress_show_exchange(cli_progress *progress, uint64_t done, uint64_t total, const progress_exchange *exchange) {
    if (interrupt_caught())
        return false;
    if (!progress->line && !progress->records)
        return true;
    const double now = clock_now();
    const progress_state at = {done, total, now - progress->step_start, exchange};
    if (progress->line && now >= progress->next_line) {
        progress_draw(progress, &at);
        progress->next_line = now + progress_line_interval;
    }
    if (progress->records && now >= progress->next_record) {
        progress_send(progress, &at);
        progress->next_record = now + progress_record_interval;
    }
    return true;
}

bool progress_show(void *context, uint64_t done, uint64_t total) {
    return progress_show_exchange(context, done, total, NULL);
}
