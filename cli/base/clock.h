/*
 * clock.h: how long things take.
 */
#ifndef REDELTA_CLI_CLOCK_H
#define REDELTA_CLI_CLOCK_H

/* Seconds since some moment in the past. Nobody sets this clock. */
double clock_now(void);

#endif
