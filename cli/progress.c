/*
 * progress.c: see progress.h. The line is drawn over itself and cleared with nothing but a carriage return and spaces,
 * which any terminal understands. It comes when the work takes longer than people like to wait without a word, and then
 * some times a second: often enough to seem alive, too seldom to cost anything. Rate and time left are those of the
 * whole step, so that they are calm.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "records.h"
#include "system.h"

enum { LINE_MAX_COLUMNS = 100, PART_MAX = 40 };

/* Seconds. */
static const double patience = 0.5;
static const double line_interval = 0.1;
static const double record_interval = 0.5;

/* How far a step is. */
typedef struct state {
    uint64_t done;
    uint64_t total; /* or RD_UNKNOWN */
    double seconds;
} state;

typedef struct part {
    char text[PART_MAX];
} part;

/* ---- When and where --------------------------------------------------------------------------------------------- */

/* A line is for who looks at it: in the foreground, and not among records. */
static bool wants_line(const cli_options *options) {
    const bool among_records = options->json && options->json_file == NULL;
    if (options->progress != PROGRESS_AUTO)
        return options->progress == PROGRESS_ALWAYS && !among_records;
    return !among_records && isatty(STDERR_FILENO) && system_in_foreground(STDERR_FILENO);
}

void progress_begin(cli_progress *progress, const cli_options *options) {
    const double now = clock_now();
    const double due = options->progress == PROGRESS_ALWAYS ? now : now + patience;
    *progress = (cli_progress){
        .options = options,
        .step = verb_name(options->verb),
        .line = wants_line(options),
        .records = options->json && options->progress != PROGRESS_NEVER,
        .begin = now,
        .step_begin = now,
        .line_due = due,
        .record_due = due,
    };
}

void progress_step(cli_progress *progress, const char *step) {
    progress->step = step;
    progress->step_begin = clock_now();
}

/* ---- The line --------------------------------------------------------------------------------------------------- */

/* Three digits, which are at most so many columns with the unit: 999 B, 12.3 kB, 1.05 GB. */
enum { AMOUNT_COLUMNS = 7 };

static part amount(double bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    part made;
    size_t unit = 0;
    for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1000.0;
    const int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    (void)snprintf(made.text, sizeof made.text, "%.*f %s", decimals, bytes, units[unit]);
    return made;
}

/* Whole seconds as 1:05 or 1:02:03. */
static part duration(double seconds) {
    part made;
    const unsigned long whole = seconds < 1e8 ? (unsigned long)seconds : 99999999ul;
    if (whole < 3600)
        (void)snprintf(made.text, sizeof made.text, "%lu:%02lu", whole / 60, whole % 60);
    else
        (void)snprintf(made.text, sizeof made.text, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    return made;
}

/* Appends a part, two spaces behind what stands there, if it still fits into `columns`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
add(char *line, int columns, const char *format, ...) {
    char text[2 * PART_MAX];
    const size_t length = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const size_t added = strlen(text) + (length > 0 ? 2 : 0);
    if (length + added <= (size_t)columns)
        (void)snprintf(line + length, LINE_MAX_COLUMNS + 1 - length, "%s%s", length > 0 ? "  " : "", text);
}

/* The parts in the order of their worth, each in its place. Those that do not fit are left out. */
static void compose(char *line, int columns, const char *step, const state *at) {
    const bool known = at->total != RD_UNKNOWN && at->total > 0 && at->done <= at->total;
    const double done = (double)at->done;
    const double total = (double)at->total;
    const double rate = at->seconds > 0.0 ? done / at->seconds : 0.0;
    line[0] = '\0';
    add(line, columns, "%s:", step);
    if (known) {
        add(line, columns, "%3d %%", (int)(100.0 * done / total));
        add(line, columns, "%*s of %s", AMOUNT_COLUMNS, amount(done).text, amount(total).text);
    } else {
        add(line, columns, "%*s", AMOUNT_COLUMNS, amount(done).text);
    }
    add(line, columns, "%*s/s", AMOUNT_COLUMNS, amount(rate).text);
    if (known && rate > 0.0)
        add(line, columns, "%s left", duration((total - done) / rate + 0.5).text);
    else
        add(line, columns, "%s", duration(at->seconds).text);
}

/* The last column stays free: some terminals begin a new line when it is written to. */
static void draw(cli_progress *progress, const state *at) {
    char line[LINE_MAX_COLUMNS + 1];
    const int terminal = system_terminal_width(STDERR_FILENO);
    const int columns = terminal > LINE_MAX_COLUMNS ? LINE_MAX_COLUMNS : terminal - 1;
    compose(line, columns, progress->step, at);
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

static void send(const cli_progress *progress, const state *at) {
    json_writer *const record = record_start("progress");
    json_text(record, "verb", verb_name(progress->options->verb));
    json_text(record, "step", progress->step);
    json_number(record, "done", at->done);
    json_number(record, "total", at->total);
    record_time(record, at->seconds, at->done);
    record_end(record);
}

/* ---- Telling ---------------------------------------------------------------------------------------------------- */

bool progress_tell(void *context, uint64_t done, uint64_t total) {
    cli_progress *const progress = context;
    if (interrupt_caught())
        return false;
    if (!progress->line && !progress->records)
        return true;
    const double now = clock_now();
    const state at = {done, total, now - progress->step_begin};
    if (progress->line && now >= progress->line_due) {
        draw(progress, &at);
        progress->line_due = now + line_interval;
    }
    if (progress->records && now >= progress->record_due) {
        send(progress, &at);
        progress->record_due = now + record_interval;
    }
    return true;
}
