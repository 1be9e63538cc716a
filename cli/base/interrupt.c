/*
 * interrupt.c: signals that ask the process to end. The handler only records the signal. The library calls
 * interrupt_progress now and then, so the operation ends with RD_E_CANCELLED, the destination is discarded in the
 * ordinary way, and then the process dies of the same signal: no cleanup in a handler, and a shell loop stops as it
 * should.
 *
 * Without SA_RESTART a blocking read, write or open returns, and is not resumed before the record is checked. A signal
 * that arrives between that check and a blocking call would be missed, so from then on an alarm interrupts every
 * second until the process ends. (alarm is one of the few functions that a handler may call, and a second its unit.)
 * A signal that was ignored when the command started, as under nohup, stays ignored.
 *
 * On Windows the C library calls the handler in a thread of its own, and interrupts nothing: the process ends when the
 * record is next checked.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/base/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t interrupt_signal;

/* ---- Recording the signal --------------------------------------------------------------------------------------- */

#if defined(_WIN32)

static void interrupt_note(int number) {
    interrupt_signal = number;
}

void interrupt_install(void) {
    (void)signal(SIGINT, interrupt_note);
    (void)signal(SIGBREAK, interrupt_note);
    (void)signal(SIGTERM, interrupt_note);
}

#else

static void interrupt_note(int number) {
    interrupt_signal = number;
    (void)alarm(1);
}

static void interrupt_again(int number) {
    (void)number;
    (void)alarm(1);
}

static void interrupt_handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void interrupt_handle_unless_ignored(int number) {
    struct sigaction before;
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        interrupt_handle(number, interrupt_note);
}

void interrupt_install(void) {
    /* These become errors of the write that caused them: EPIPE and EFBIG. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    interrupt_handle(SIGALRM, interrupt_again);
    interrupt_handle_unless_ignored(SIGINT);
    interrupt_handle_unless_ignored(SIGTERM);
    interrupt_handle_unless_ignored(SIGHUP);
}

#endif

/* ---- Ending because of it --------------------------------------------------------------------------------------- */

bool interrupt_caught(void) {
    return interrupt_signal != 0;
}

bool interrupt_progress(void *context, uint64_t done, uint64_t total) {
    (void)context;
    (void)done;
    (void)total;
    return interrupt_signal == 0;
}

void interrupt_die(void) {
    if (interrupt_signal != 0) {
        (void)signal(interrupt_signal, SIG_DFL);
        (void)raise(interrupt_signal);
    }
}
