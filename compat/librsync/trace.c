/*
 * See trace.h. Level and function belong to the whole process and are atomic: a thread may change them while others
 * send. A message is sent whole, in one call, from memory that the callee may write to during the call, as some
 * programs do.
 */
#include "trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

enum { MESSAGE_MAX = 1000 };

static atomic_int trace_level = RS_LOG_INFO;
static _Atomic(rs_trace_fn_t *) trace_receiver = rs_trace_stderr;

void rs_trace_set_level(rs_loglevel level) {
    atomic_store(&trace_level, (int)level);
}

void rs_trace_to(rs_trace_fn_t *function) {
    atomic_store(&trace_receiver, function);
}

void rs_trace_stderr(rs_loglevel level, char const *msg) {
    (void)level;
    (void)fputs(msg, stderr);
}

int rs_supports_trace(void) {
    return 0;
}

/* Appends to the message of *length bytes as much as fits, and leaves a byte for the newline. */
static void trace_append_list(char *message, size_t *length, const char *format, va_list arguments) {
    const size_t room = MESSAGE_MAX - 1 - *length;
    const int n = vsnprintf(message + *length, room, format, arguments);
    if (n > 0)
        *length += (size_t)n < room ? (size_t)n : room - 1;
}

static void trace_append(char *message, size_t *length, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    trace_append_list(message, length, format, arguments);
    va_end(arguments);
}

void rs__log(rs_loglevel level, const char *function, const char *format, ...) {
    rs_trace_fn_t *const send = atomic_load(&trace_receiver);
    const int error = errno;
    char message[MESSAGE_MAX];
    size_t length = 0;
    va_list arguments;
    if (!send || (int)level > atomic_load(&trace_level))
        return;
    trace_append(message, &length, "librsync: %s",
                 level <= RS_LOG_ERR       ? "ERROR: "
                 : level == RS_LOG_WARNING ? "Warning: "
                                           : "");
    if (function)
        trace_append(message, &length, "(%s) ", function);
    va_start(arguments, format);
    trace_append_list(message, &length, format, arguments);
    va_end(arguments);
    memcpy(message + length, "\n", 2);
    send(level, message);
    errno = error;
}
