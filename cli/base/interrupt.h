/*
 * interrupt.h: an orderly end when the user, the terminal or the system asks for one.
 */
#ifndef REDELTA_CLI_INTERRUPT_H
#define REDELTA_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

void interrupt_install(void);

/* True once a signal asked for the end. */
bool interrupt_caught(void);

/* A rd_progress_fn that cancels once a signal asked for the end. */
bool interrupt_progress(void *context, uint64_t done, uint64_t total);

/* Ends the process by the signal that was caught, so that the shell sees it; returns if none was. */
void interrupt_die(void);

#endif
