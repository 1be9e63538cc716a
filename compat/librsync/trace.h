/* Messages: to the function that the program set, at the levels that it wants. */
#ifndef RS_TRACE_H
#define RS_TRACE_H

#include "librsync.h"

/*
 * Sends one message, formatted like printf, without a newline. An error names the function where it happened; NULL:
 * none. errno is preserved.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void rs__log(rs_loglevel level, const char *function, const char *format, ...);

#endif
