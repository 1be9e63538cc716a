/*
 * clock.h: how long things take.
 */
#ifndef REDELTA_CLI_CLOCK_H
#define REDELTA_CLI_CLOCK_H

/* Seconds since some moment in the past. Setting the time does not change it. */
double clock_now(void);

#endif
