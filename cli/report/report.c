/*
 * report.c: failures, in one line each. The library says what is wrong and where; this file adds the name the user gave
 * to that file, and what can be done about it. Advice that depends on the cause alone is here, in tables; what depends
 * on the verb comes with the failure.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli/base/files.h"
#include "cli/base/utf8.h"
#include "cli/report/records.h"

typedef struct report_system_advice {
    int system_error;
    const char *input;
    const char *output;
} report_system_advice;

static const report_system_advice report_system_advices[] = {
    {ENOENT, "check the name", "check that the directory exists"},
    {ENOTDIR, "check the name", "check the name"},
    {ENAMETOOLONG, "check the name", "check the name"},
    {ELOOP, "check the name", "check the name"},
    {EISDIR, "name a file", "name a file"},
    {EACCES, "check its permissions", "check the permissions there"},
    {EPERM, "check its permissions", "check the permissions there"},
    {EBADF, "open it for reading, or name a file", "open it for writing, or name a file"},
    {EROFS, "check the file system", "choose a place that can be written to"},
    {ENOSPC, "check the file system", "free some space or choose another place"},
#if defined(EDQUOT)
    {EDQUOT, "check the file system", "free some space or choose another place"},
#endif
    {EFBIG, "check the file system", "raise the limit on file sizes or choose another place"},
    {EPIPE, "check the program that writes it", "check the program that reads it: it has ended"},
    {EMFILE, "raise the limit on open files", "raise the limit on open files"},
    {ENFILE, "close some files", "close some files"},
    {ENOMEM, "free some memory", "free some memory"},
};

/* ---- Usage ------------------------------------------------------------------------------------------------------ */

enum { REPORT_ADVICE_MAX = 80 };

/* "see 'redelta VERB --help'", written into text[0 .. REPORT_ADVICE_MAX). */
static const char *report_help_of(char *text, const char *how, const char *verb) {
    (void)snprintf(text, REPORT_ADVICE_MAX, "%s 'redelta %s%s--help'", how, verb != NULL ? verb : "",
                   verb != NULL ? " " : "");
    return text;
}

/* The members that every record of an error has, from the first to the last. */
static void report_send(const char *verb, int status, rd_result result, const char *role, const char *name,
                        const char *message, const char *system, uint64_t offset, const char *advice) {
    json_writer *const record = record_start("error");
    json_text(record, "verb", verb);
    json_number(record, "status", (uint64_t)status);
    json_text(record, "result", rd_result_name(result));
    json_text(record, "role", role);
    json_bytes(record, "name", name);
    json_bytes(record, "message", message);
    json_text(record, "system", system);
    json_number(record, "offset", offset);
    json_text(record, "advice", advice);
    record_end(record);
}

int report_width(const char *word) {
    return (int)utf8_cut(word, REPORT_WORD_MAX);
}

void report_usage(const char *verb, const char *format, ...) {
    char message[512];
    char help[REPORT_ADVICE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const char *const advice = report_help_of(help, "try", verb);
    if (records_are_open())
        report_send(verb, STATUS_USAGE, RD_E_PARAMETER, NULL, NULL, message, NULL, RD_UNKNOWN, advice);
    (void)fprintf(stderr, "redelta: %s%s", verb != NULL ? verb : "", verb != NULL ? ": " : "");
    failure_put_name(stderr, message);
    (void)fprintf(stderr, "; %s\n", advice);
}

/* ---- Advice ----------------------------------------------------------------------------------------------------- */

static const char *report_advice_on_system(const rd_error *error) {
    const bool output = error->role == RD_ROLE_OUTPUT;
    if (error->role == RD_ROLE_BASIS && error->system_error == 0)
        return "give the basis as a file, not a pipe";
    if (output && error->system_error == 0)
        return "write to another name, and copy that over it";
    for (size_t i = 0; i < sizeof report_system_advices / sizeof report_system_advices[0]; i++)
        if (report_system_advices[i].system_error == error->system_error)
            return output ? report_system_advices[i].output : report_system_advices[i].input;
    return output ? "check that it can be written" : "check that it can be read";
}

static const char *report_advice_on_content(rd_role role) {
    switch (role) {
    case RD_ROLE_BASIS: return "give the basis that the delta was made for";
    case RD_ROLE_SIGNATURE: return "make or fetch the signature again";
    case RD_ROLE_DELTA: return "make or fetch the delta again";
    default: return "make or fetch it again";
    }
}

static const char *report_advice_on_mismatch(rd_role role) {
    switch (role) {
    case RD_ROLE_DELTA: return "nothing was replaced; make or fetch the delta again";
    case RD_ROLE_OUTPUT: return "run it again";
    default: return "nothing was replaced; give the right basis, or make the delta again";
    }
}

/* The result is the kind of a failure; only the reason says that a frame is what fails, or that memory is limited. */
bool report_is_about_zstd(const rd_error *error) {
    return error->reason != NULL && strstr(error->reason, "zstd") != NULL;
}

bool report_is_beyond_zstd(const rd_error *error) {
    return error->reason != NULL && strstr(error->reason, "more memory than zstd") != NULL;
}

/* This command may have been built without zstd, and be given what it cannot read. */
static const char *report_advice_on_kind(const rd_error *error) {
    if (report_is_about_zstd(error))
        return "give one that was made without -z";
    return error->role == RD_ROLE_SIGNATURE ? "give a file made by 'redelta signature'"
                                            : "give a file made by 'redelta delta'";
}

/*
 * Limits are set by the user, except the number of blocks that any index can hold, and the window of a frame: zstd
 * makes some that it reads only with an option.
 */
static const char *report_advice_on_limit(const rd_error *error) {
    if (report_is_beyond_zstd(error))
        return report_advice_on_content(error->role);
    if (report_is_about_zstd(error))
        return "decompress it first, with 'zstd -d --long=31'";
    if (error->role == RD_ROLE_SIGNATURE)
        return "raise the limit, or make the signature with another block size";
    return error->reason != NULL && strstr(error->reason, "memory") != NULL
               ? "raise --max-memory"
               : "raise --max-output if the output is meant to be that large";
}

static const char *report_advice_on(const rd_error *error) {
    switch (error->result) {
    case RD_E_IO: return report_advice_on_system(error);
    case RD_E_EXISTS: return "use -f to replace it";
    case RD_E_MEMORY: return "free some memory";
    case RD_E_MAGIC: return report_advice_on_kind(error);
    case RD_E_TRUNCATED:
    case RD_E_CORRUPT: return report_advice_on_content(error->role);
    case RD_E_LIMIT: return report_advice_on_limit(error);
    case RD_E_CANCELLED: return "no file was replaced";
    case RD_E_MISMATCH: return report_advice_on_mismatch(error->role);
    case RD_E_UNVERIFIED:
        return "to verify, make the delta again, with this version of redelta and without --no-verify";
    case RD_E_CHANGED: return "nothing was replaced; run it again";
    default: return "this is a bug in redelta: please report it";
    }
}

/* ---- Failures --------------------------------------------------------------------------------------------------- */

/* NULL: no file is to blame. */
static const char *report_role_name(rd_role role) {
    switch (role) {
    case RD_ROLE_BASIS: return "basis";
    case RD_ROLE_SIGNATURE: return "signature";
    case RD_ROLE_NEW: return "new";
    case RD_ROLE_DELTA: return "delta";
    case RD_ROLE_OUTPUT: return "output";
    default: return NULL;
    }
}

/* A name that ends with a colon is put in quotes, since one follows. */
static void report_put_name(const char *name) {
    const size_t length = strlen(name);
    const char *const quote = length > 0 && name[length - 1] == ':' ? "'" : "";
    (void)fputs(quote, stderr);
    failure_put_name(stderr, name);
    (void)fprintf(stderr, "%s: ", quote);
}

void report_failure(const char *verb, const char *name, const cli_failure *failure) {
    const rd_error *const error = &failure->error;
    const char *const reason = error->reason != NULL ? error->reason : rd_result_message(error->result);
    const char *const system = error->system_error != 0 ? strerror(error->system_error) : NULL;
    char help[REPORT_ADVICE_MAX];
    const char *const advice = failure->advice != NULL           ? failure->advice
                               : error->result == RD_E_PARAMETER ? report_help_of(help, "see", verb)
                                                                 : report_advice_on(error);
    if (records_are_open())
        report_send(verb, report_status_of(failure), error->result, report_role_name(error->role),
                    files_is_standard(name) ? NULL : name, reason, system, error->offset, advice);
    (void)fprintf(stderr, "redelta: %s%s", verb != NULL ? verb : "", verb != NULL ? ": " : "");
    if (name != NULL)
        report_put_name(name);
    (void)fputs(reason, stderr);
    if (system != NULL)
        (void)fprintf(stderr, ": %s", system);
    if (error->offset != RD_UNKNOWN)
        (void)fprintf(stderr, ", at byte %" PRIu64, error->offset);
    (void)fprintf(stderr, "; %s\n", advice);
}

void report_warning(const char *verb, const char *name, const char *reason, const char *advice) {
    (void)fprintf(stderr, "redelta: %s: ", verb);
    failure_put_name(stderr, name);
    (void)fprintf(stderr, ": warning: %s%s%s\n", reason, advice != NULL ? "; " : "", advice != NULL ? advice : "");
}

int report_status(rd_result result) {
    switch (result) {
    case RD_OK: return STATUS_DONE;
    case RD_E_PARAMETER: return STATUS_USAGE;
    case RD_E_MAGIC:
    case RD_E_TRUNCATED:
    case RD_E_CORRUPT:
    case RD_E_LIMIT: return STATUS_INPUT;
    case RD_E_MISMATCH:
    case RD_E_UNVERIFIED: return STATUS_MISMATCH;
    case RD_E_CHANGED: return STATUS_CHANGED;
    default: return STATUS_IO;
    }
}

int report_status_of(const cli_failure *failure) {
    return failure->connection ? STATUS_CONNECTION : report_status(failure->error.result);
}
