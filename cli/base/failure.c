/*
 * failure.c: records of failures, and what any message needs.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/base/failure.h"

#include <errno.h>
#include <string.h>

#include "cli/base/utf8.h"

void failure_prepare(void) {
    static char line[BUFSIZ];
    (void)setvbuf(stderr, line, _IOLBF, sizeof line);
}

enum { ESCAPED_MAX = 4 * 4 + 1 }; /* of a character: four bytes, each as \ooo; and a 0 */

/* Writes the character at `name`, as it may be printed, into text[0 .. ESCAPED_MAX). Returns how many bytes it has. */
static size_t failure_escape(char *text, const char *name) {
    const size_t length = utf8_length(name);
    const bool escapes = length == 0 || utf8_misleads(name, length);
    const size_t size = length > 0 ? length : 1;
    if (*name == '\n')
        (void)snprintf(text, ESCAPED_MAX, "\\n");
    else if (!escapes)
        (void)snprintf(text, ESCAPED_MAX, "%.*s", (int)size, name);
    else
        for (size_t i = 0; i < size; i++)
            (void)snprintf(text + 4 * i, ESCAPED_MAX - 4 * i, "\\%03o", (unsigned)(unsigned char)name[i]);
    return size;
}

void failure_put_name(FILE *out, const char *name) {
    char text[ESCAPED_MAX];
    if (name[0] == '\0')
        (void)fputs("''", out);
    while (*name != '\0') {
        name += failure_escape(text, name);
        (void)fputs(text, out);
    }
}

void failure_quote(char *text, size_t room, const char *bytes, size_t size) {
    char character[4 + 1];
    char escaped[ESCAPED_MAX];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0, step; i < size; i += step) {
        const size_t left = size - i;
        memset(character, 0, sizeof character);
        memcpy(character, bytes + i, left < 4 ? left : 4); /* a 0 ends a character that is not complete */
        step = failure_escape(escaped, character);
        const size_t length = strlen(escaped);
        if (used + length >= room)
            break;
        memcpy(text + used, escaped, length + 1);
        used += length;
    }
}

rd_result failure_system(cli_failure *failure, rd_role role, const char *reason) {
    failure->error =
        (rd_error){.result = RD_E_IO, .role = role, .system_error = errno, .offset = RD_UNKNOWN, .reason = reason};
    return RD_E_IO;
}

rd_result failure_directory(cli_failure *failure, rd_role role) {
    errno = EISDIR;
    failure->advice = "write the name of the file in it, too: DIRECTORY/NAME";
    return failure_system(failure, role, "cannot be replaced");
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
