/*
 * failure.c: records of failures, and what any message needs.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/base/failure.h"

#include <errno.h>

void failure_prepare(void) {
    static char line[BUFSIZ];
    (void)setvbuf(stderr, line, _IOLBF, sizeof line);
}

static bool failure_is_control(unsigned char byte) {
    return byte < 0x20 || byte == 0x7f;
}

/* A control character U+0080 to U+009F in UTF-8: its first byte identifies the second. */
static bool failure_is_control_pair(const unsigned char *bytes) {
    return bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] <= 0x9f;
}

void failure_put_name(FILE *out, const char *name) {
    bool escape_next = false;
    if (name[0] == '\0')
        (void)fputs("''", out);
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++) {
        const bool pair = failure_is_control_pair(p);
        if (*p == '\n')
            (void)fputs("\\n", out);
        else if (pair || escape_next || failure_is_control(*p))
            (void)fprintf(out, "\\%03o", *p);
        else
            (void)fputc(*p, out);
        escape_next = pair;
    }
}

rd_result failure_system(cli_failure *failure, rd_role role, const char *reason) {
    failure->error =
        (rd_error){.result = RD_E_IO, .role = role, .system_error = errno, .offset = RD_UNKNOWN, .reason = reason};
    return RD_E_IO;
}

rd_result failure_input(cli_failure *failure, rd_role role, const char *reason, const char *advice) {
    failure->error = (rd_error){.result = RD_E_MAGIC, .role = role, .offset = RD_UNKNOWN, .reason = reason};
    failure->advice = advice;
    return RD_E_MAGIC;
}

rd_result failure_changed(cli_failure *failure) {
    failure->error = (rd_error){.result = RD_E_MISMATCH,
                                .role = RD_ROLE_OUTPUT,
                                .offset = RD_UNKNOWN,
                                .reason = "was changed by another program meanwhile, so it was not replaced"};
    failure->advice = "run it again";
    return RD_E_MISMATCH;
}

rd_result failure_refusal(cli_failure *failure, rd_role role, const char *reason, const char *advice) {
    failure->error = (rd_error){.result = RD_E_PARAMETER, .role = role, .offset = RD_UNKNOWN, .reason = reason};
    failure->advice = advice;
    return RD_E_PARAMETER;
}
