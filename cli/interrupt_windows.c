/*
 * interrupt_windows.c: see interrupt.c for the idea. Here the C library calls the handler in a thread of its own, and
 * interrupts nothing: the end comes at the next look at the note.
 */
#include "interrupt.h"

#if defined(_WIN32)
#include <signal.h>

static volatile sig_atomic_t caught;

static void note(int number) {
    caught = number;
}

void interrupt_install(void) {
    (void)signal(SIGINT, note);
    (void)signal(SIGBREAK, note);
    (void)signal(SIGTERM, note);
}

bool interrupt_caught(void) {
    return caught != 0;
}

bool interrupt_progress(void *context, uint64_t done, uint64_t total) {
    (void)context;
    (void)done;
    (void)total;
    return caught == 0;
}

void interrupt_die(void) {
    if (caught != 0) {
        (void)signal(caught, SIG_DFL);
        (void)raise(caught);
    }
}
#endif
