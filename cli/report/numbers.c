/*
 * numbers.c: see numbers.h.
 */
#include "cli/report/numbers.h"

/* The last group is written first, so the text is built from its end. */
cli_number grouped(uint64_t value) {
    cli_number result = {{0}};
    char reversed[NUMBER_MAX];
    size_t length = 0;
    for (size_t digits = 0; digits == 0 || value != 0; value /= 10, digits++) {
        if (digits != 0 && digits % 3 == 0)
            reversed[length++] = ',';
        reversed[length++] = (char)('0' + value % 10);
    }
    for (size_t i = 0; i < length; i++)
        result.text[i] = reversed[length - 1 - i];
    return result;
}

cli_number size_or_unknown(uint64_t size) {
    return size == RD_UNKNOWN ? (cli_number){"unknown"} : grouped(size);
}

double percent(uint64_t part, uint64_t whole) {
    return whole != 0 ? 100.0 * (double)part / (double)whole : 0.0;
}
