/*
 * Differences are collected and do not end a test: one run reports all of them. A test starts with report_start and
 * ends with report_end, which fails it if there was any.
 */
#ifndef RD_TESTS_REPORT_H
#define RD_TESTS_REPORT_H

#include <stdbool.h>

#include "support.h"

void report_start(void);
void report_end(void);

/* The current case, as for printf; it is printed before each difference. */
SUPPORT_FORMAT(1, 2)
void report_case(const char *format, ...);

/* Notes a difference, as for printf, and prints it if it is one of the first of this test. */
SUPPORT_FORMAT(1, 2)
void report_difference(const char *format, ...);

/* Both texts or numbers must be equal; `what` names them. */
void report_numbers(const char *what, intmax_t stock_value, intmax_t our_value);
void report_texts(const char *what, const char *stock_text, const char *our_text);
void report_bytes(const char *what, const rd_memory *expected, const rd_memory *actual);

#endif
