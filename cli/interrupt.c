/*
 * interrupt.c: signals that ask for the end. The handler only notes the signal. The library asks interrupt_progress
 * now and then, so the operation ends with RD_E_CANCELLED, the destination is discarded in the ordinary way, and then
 * the process dies of the same signal: no cleanup in a handler, and a shell loop stops as it should.
 *
 * Without SA_RESTART a blocking read, write or open returns, and is not taken up again before the note is looked at. A
 * signal that comes between a look at the note and a blocking call would be missed, so after it an alarm knocks every
 * second until the process ends. (alarm is one of the few functions that a handler may call, and a second its unit.)
 * A signal that was ignored when the command started, as under nohup, stays ignored.
 *
 * On Windows the C library calls the handler in a thread of its own, and interrupts nothing: the end comes at the next
 * look at the note.
 */
#define _POSIX_C_SOURCE 200809L

#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

/* ---- Taking the note -------------------------------------------------------------------------------------------- */

#if defined(_WIN32)

static void note(int number) {
    caught = number;
}

void interrupt_install(void) {
    (void)signal(SIGINT, note);
    (void)signal(SIGBREAK, note);
    (void)signal(SIGTERM, note);
}

#else

static void note(int number) {
    caught = number;
    (void)alarm(1);
}

static void knock(int number) {
    (void)number;
    (void)alarm(1);
}

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void handle_unless_ignored(int number) {
    struct sigaction before;
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        handle(number, note);
}

void interrupt_install(void) {
    /* These become errors of the write that caused them: EPIPE and EFBIG. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    handle(SIGALRM, knock);
    handle_unless_ignored(SIGINT);
    handle_unless_ignored(SIGTERM);
    handle_unless_ignored(SIGHUP);
}

#endif

/* ---- Heeding it ------------------------------------------------------------------------------------------------- */

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
