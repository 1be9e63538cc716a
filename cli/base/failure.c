/*
 * failure.c: records of failures, and what any message needs.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/base/failure.h"

#include <errno.h>

#include "cli/base/utf8.h"

void failure_prepare(void) {
    static char line[BUFSIZ];
    (void)setvbuf(stderr, line, _IOLBF, sizeof line);
}

void failure_put_name(FILE *out, const char *name) {
    if (name[0] == '\0')
        (void)fputs("''", out);
    for (size_t step; *name != '\0'; name += step) {
        const size_t length = utf8_length(name);
        const bool escapes = length == 0 || utf8_misleads(name, length);
        step = length > 0 ? length : 1;
        if (*name == '\n')
            (void)fputs("\\n", out);
        else if (!escapes)
            (void)fwrite(name, 1, step, out);
        else
            for (size_t i = 0; i < step; i++)
                (void)fprintf(out, "\\%03o", (unsigned)(unsigned char)name[i]);
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
