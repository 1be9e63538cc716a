/*
 * report.c: failures, in one line each. The library says what is wrong and where; this file adds the name the user gave
 * to that file, and what can be done about it. Advice is kept in tables by cause, so that one reads at a glance which
 * failure gets which.
 */
#define _POSIX_C_SOURCE 200809L

#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

typedef struct system_advice {
    int system_error;
    const char *input;
    const char *output;
} system_advice;

static const system_advice system_advices[] = {
    {ENOENT, "check the name", "check that the directory exists"},
    {ENOTDIR, "check the name", "check the name"},
    {ENAMETOOLONG, "check the name", "check the name"},
    {ELOOP, "check the name", "check the name"},
    {EISDIR, "name a file", "name a file"},
    {EACCES, "check who may read it", "check who may write there"},
    {EPERM, "check who may read it", "check who may write there"},
    {EBADF, "open it for reading, or name a file", "open it for writing, or name a file"},
    {EROFS, "check where it is", "choose a place that can be written to"},
    {ENOSPC, "check where it is", "free some space or choose another place"},
    {EDQUOT, "check where it is", "free some space or choose another place"},
    {EFBIG, "check where it is", "raise the limit of file sizes or choose another place"},
    {EPIPE, "check what writes to it", "check what reads from it, which has ended"},
    {EMFILE, "raise the limit of open files", "raise the limit of open files"},
    {ENFILE, "close some files", "close some files"},
    {ENOMEM, "free some memory", "free some memory"},
};

void report_prepare(void) {
    static char line[BUFSIZ];
    (void)setvbuf(stderr, line, _IOLBF, sizeof line);
}

/* ---- Names ------------------------------------------------------------------------------------------------------ */

static bool is_control(unsigned char byte) {
    return byte < 0x20 || byte == 0x7f;
}

/* A control character U+0080 to U+009F in UTF-8: its second byte is given away by the first. */
static bool is_control_pair(const unsigned char *bytes) {
    return bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] <= 0x9f;
}

void report_put_name(FILE *out, const char *name) {
    bool escape_next = false;
    if (name[0] == '\0')
        (void)fputs("''", out);
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++) {
        const bool pair = is_control_pair(p);
        if (*p == '\n')
            (void)fputs("\\n", out);
        else if (pair || escape_next || is_control(*p))
            (void)fprintf(out, "\\%03o", *p);
        else
            (void)fputc(*p, out);
        escape_next = pair;
    }
}

/* "redelta: " or "redelta: VERB: " */
static void put_start(cli_verb verb) {
    (void)fputs("redelta: ", stderr);
    if (verb != VERB_NONE)
        (void)fprintf(stderr, "%s: ", verb_name(verb));
}

void report_usage(cli_verb verb, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    put_start(verb);
    report_put_name(stderr, message);
    (void)fprintf(stderr, "; try 'redelta %s%s--help'\n", verb == VERB_NONE ? "" : verb_name(verb),
                  verb == VERB_NONE ? "" : " ");
}

/* ---- Advice ----------------------------------------------------------------------------------------------------- */

static const char *advice_on_system(const rd_error *error) {
    const bool output = error->role == RD_ROLE_OUTPUT;
    if (error->role == RD_ROLE_BASIS && error->system_error == 0)
        return "give the basis as a file, not a pipe";
    for (size_t i = 0; i < sizeof system_advices / sizeof system_advices[0]; i++)
        if (system_advices[i].system_error == error->system_error)
            return output ? system_advices[i].output : system_advices[i].input;
    return output ? "check that it can be written" : "check that it can be read";
}

static const char *advice_on_kind(rd_role role) {
    return role == RD_ROLE_SIGNATURE ? "give what 'redelta signature' made" : "give what 'redelta delta' made";
}

static const char *advice_on_content(rd_role role) {
    switch (role) {
    case RD_ROLE_BASIS: return "give the basis that the signature was made of";
    case RD_ROLE_SIGNATURE: return "make or fetch the signature again";
    case RD_ROLE_DELTA: return "make or fetch the delta again";
    default: return "make or fetch it again";
    }
}

/* Only a delta needs memory that grows with its input: with the blocks of the signature. */
static const char *advice_on_memory(cli_verb verb) {
    return verb == VERB_DELTA ? "free some memory, or make the signature with a larger block size" : "free some memory";
}

static const char *advice_on(cli_verb verb, const rd_error *error) {
    switch (error->result) {
    case RD_E_IO: return advice_on_system(error);
    case RD_E_EXISTS: return "use -f to replace it";
    case RD_E_MEMORY: return advice_on_memory(verb);
    case RD_E_MAGIC: return advice_on_kind(error->role);
    case RD_E_TRUNCATED:
    case RD_E_CORRUPT: return advice_on_content(error->role);
    case RD_E_LIMIT: return "split the file, or make the signature with a larger block size";
    case RD_E_CANCELLED: return "no file was replaced";
    case RD_E_PARAMETER: return "see 'redelta --help'";
    default: return "this is a mistake in redelta: please report it";
    }
}

/* ---- Failures --------------------------------------------------------------------------------------------------- */

void report_failure(cli_verb verb, const char *name, const cli_failure *failure) {
    const rd_error *error = &failure->error;
    put_start(verb);
    if (name != NULL) {
        report_put_name(stderr, name);
        (void)fputs(": ", stderr);
    }
    (void)fputs(error->reason != NULL ? error->reason : rd_result_message(error->result), stderr);
    if (error->system_error != 0)
        (void)fprintf(stderr, ": %s", strerror(error->system_error));
    if (error->offset != RD_UNKNOWN)
        (void)fprintf(stderr, ", at byte %" PRIu64, error->offset);
    (void)fprintf(stderr, "; %s\n", failure->advice != NULL ? failure->advice : advice_on(verb, error));
}

rd_result report_system_error(cli_failure *failure, rd_role role, const char *reason) {
    failure->error =
        (rd_error){.result = RD_E_IO, .role = role, .system_error = errno, .offset = RD_UNKNOWN, .reason = reason};
    return RD_E_IO;
}

rd_result report_refusal(cli_failure *failure, rd_role role, const char *reason, const char *advice) {
    failure->error = (rd_error){.result = RD_E_PARAMETER, .role = role, .offset = RD_UNKNOWN, .reason = reason};
    failure->advice = advice;
    return RD_E_PARAMETER;
}

int report_status(rd_result result) {
    switch (result) {
    case RD_OK: return STATUS_DONE;
    case RD_E_PARAMETER: return STATUS_USAGE;
    case RD_E_MAGIC:
    case RD_E_TRUNCATED:
    case RD_E_CORRUPT:
    case RD_E_LIMIT: return STATUS_INPUT;
    default: return STATUS_IO;
    }
}
