/*
 * numbers.h: numbers as people read them.
 */
#ifndef REDELTA_CLI_NUMBERS_H
#define REDELTA_CLI_NUMBERS_H

#include <redelta.h>

enum { NUMBER_MAX = 32 };

typedef struct cli_number {
    char text[NUMBER_MAX];
} cli_number;

/* 1234567 as "1,234,567". */
cli_number grouped(uint64_t value);

/* The same, or "unknown" for RD_UNKNOWN. */
cli_number size_or_unknown(uint64_t size);

/* Of nothing, any part is 0. */
double percent(uint64_t part, uint64_t whole);

#endif
