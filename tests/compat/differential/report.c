/*
 * See report.h. The number of lines is bounded, because a systematic difference shows in thousands of cases;
 * REDELTA_DIFFERENCES in the environment sets another bound.
 */
#include "report.h"

enum { SHOWN = 12 };

static char current_case[512];
static size_t differences;

void report_start(void) {
    differences = 0;
    current_case[0] = '\0';
}

void report_end(void) {
    if (differences > 0)
        print_error("%zu differences\n", differences);
    assert_int_equal(differences, 0);
}

void report_case(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(current_case, sizeof current_case, format, arguments);
    va_end(arguments);
}

static size_t shown(void) {
    const char *const wanted = getenv("REDELTA_DIFFERENCES");
    return wanted ? strtoul(wanted, NULL, 10) : SHOWN;
}

void report_difference(const char *format, ...) {
    char text[2048];
    va_list arguments;
    if (differences++ >= shown())
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s%s%s\n", current_case, current_case[0] ? ": " : "", text);
}

void report_numbers(const char *what, intmax_t stock_value, intmax_t our_value) {
    if (stock_value != our_value)
        report_difference("%s: stock %jd, ours %jd", what, stock_value, our_value);
}

void report_texts(const char *what, const char *stock_text, const char *our_text) {
    if (strcmp(stock_text, our_text) != 0)
        report_difference("%s:\n    stock %s\n    ours  %s", what, stock_text, our_text);
}

void report_bytes(const char *what, const rd_memory *expected, const rd_memory *actual) {
    const size_t shorter = expected->size < actual->size ? expected->size : actual->size;
    const size_t same = support_first_difference(expected->data, actual->data, shorter);
    if (expected->size != actual->size || same != shorter)
        report_difference("%s: %zu bytes, not %zu; the first difference is at %zu", what, actual->size, expected->size,
                          same);
}
