/*
 * table.c: see table.h.
 */
#include "cli/report/table.h"

#include <inttypes.h>
#include <stdarg.h>

#include "cli/report/numbers.h"

void table_row(FILE *out, const char *label, const char *value, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(out, "%-14s %20s", label, value);
    (void)vfprintf(out, format, arguments);
    (void)fputc('\n', out);
    va_end(arguments);
}

void table_number(FILE *out, const char *label, uint64_t number) {
    (void)fprintf(out, "%-14s %20s\n", label, grouped(number).text);
}

void table_size(FILE *out, const char *label, uint64_t bytes) {
    table_row(out, label, grouped(bytes).text, " bytes");
}

void table_share(FILE *out, const char *label, uint64_t bytes, uint64_t whole, const char *of) {
    table_row(out, label, grouped(bytes).text, " bytes  (%.2f %% of the %s)", percent(bytes, whole), of);
}

void table_counted(FILE *out, const char *label, uint64_t bytes, uint64_t whole, uint64_t count, const char *of) {
    table_row(out, label, grouped(bytes).text, " bytes  (%.2f %%) in %s %s%s", percent(bytes, whole),
              grouped(count).text, of, count == 1 ? "" : "s");
}

void table_blocks(FILE *out, uint64_t blocks, const rd_params *params) {
    table_row(out, "blocks", grouped(blocks).text, " of %s bytes", grouped(params->block_len).text);
}

void table_sums(FILE *out, const rd_params *params) {
    table_row(out, "sums", rd_weak_name(params->weak), " and %s of %" PRId32 " bytes", rd_strong_name(params->strong),
              params->strong_len);
}

void table_time(FILE *out, double seconds, uint64_t bytes) {
    char text[32];
    (void)snprintf(text, sizeof text, "%.3f", seconds);
    if (seconds > 0.0)
        table_row(out, "time", text, " seconds, %.1f MB/s", (double)bytes / seconds / 1e6);
    else
        table_row(out, "time", text, " seconds");
}
