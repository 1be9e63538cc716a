/*
 * clock.c: see clock.h.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/base/clock.h"

#include <time.h>

double clock_now(void) {
    struct timespec time = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
