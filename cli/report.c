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

#include "files.h"
#include "records.h"

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
#if defined(EDQUOT)
    {EDQUOT, "check where it is", "free some space or choose another place"},
#endif
    {EFBIG, "check where it is", "raise the limit of file sizes or choose another place"},
    {EPIPE, "check what writes to it", "check what reads from it, which has ended"},
    {EMFILE, "raise the limit of open files", "raise the limit of open files"},
    {ENFILE, "close some files", "close some files"},
    {ENOMEM, "free some memory", "free some memory"},
};

/* ---- Usage ------------------------------------------------------------------------------------------------------ */

/* "redelta: " or "redelta: VERB: " */
static void put_start(cli_verb verb) {
    (void)fputs("redelta: ", stderr);
    if (verb != VERB_NONE)
        (void)fprintf(stderr, "%s: ", verb_name(verb));
}

static void send_usage(cli_verb verb, const char *message) {
    char advice[80];
    if (!records_are_open())
        return;
    (void)snprintf(advice, sizeof advice, "try 'redelta %s%s--help'", verb == VERB_NONE ? "" : verb_name(verb),
                   verb == VERB_NONE ? "" : " ");
    json_writer *const record = record_start("error");
    json_text(record, "verb", verb_name(verb));
    json_number(record, "status", STATUS_USAGE);
    json_text(record, "result", rd_result_name(RD_E_PARAMETER));
    json_text(record, "role", NULL);
    json_bytes(record, "name", NULL);
    json_bytes(record, "message", message);
    json_text(record, "system", NULL);
    json_number(record, "offset", RD_UNKNOWN);
    json_text(record, "advice", advice);
    record_end(record);
}

void report_usage(cli_verb verb, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    send_usage(verb, message);
    put_start(verb);
    failure_put_name(stderr, message);
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

static const char *advice_on_content(rd_role role) {
    switch (role) {
    case RD_ROLE_BASIS: return "give the basis that the signature was made of";
    case RD_ROLE_SIGNATURE: return "make or fetch the signature again";
    case RD_ROLE_DELTA: return "make or fetch the delta again";
    default: return "make or fetch it again";
    }
}

static const char *advice_on_mismatch(cli_verb verb, rd_role role) {
    if (verb == VERB_VERIFY)
        return role == RD_ROLE_DELTA ? "make or fetch the delta again" : "patch the basis again";
    return role == RD_ROLE_DELTA ? "nothing was replaced; make or fetch the delta again"
                                 : "nothing was replaced; give the right basis, or make the delta again";
}

/* Only these need memory that grows with their input: with the blocks of the signature. */
static const char *advice_on_memory(cli_verb verb) {
    if (verb == VERB_SYNC)
        return "free some memory, or use a larger block size";
    return verb == VERB_DELTA ? "free some memory, or make the signature with a larger block size" : "free some memory";
}

/* The result tells of what kind a failure is, and the reason alone that it is a frame which fails. */
static bool is_about_zstd(const rd_error *error) {
    return error->reason != NULL && strstr(error->reason, "zstd") != NULL;
}

/* This command may be built without zstd, and be given what it cannot read. */
static const char *advice_on_kind(const rd_error *error) {
    if (is_about_zstd(error))
        return "give what 'redelta' made of that kind, without -z";
    return error->role == RD_ROLE_SIGNATURE ? "give what 'redelta signature' made" : "give what 'redelta delta' made";
}

/*
 * A limit was set by whoever runs the command, but for the number of blocks that any index can hold, and the window of
 * a frame: zstd makes some that it reads only if told.
 */
static const char *advice_on_limit(const rd_error *error) {
    if (is_about_zstd(error))
        return "decompress it first, with 'zstd -d --long=31'";
    return error->role == RD_ROLE_SIGNATURE ? "raise the limit, or make the signature with another block size"
                                            : "raise --max-output if so much is meant to be written";
}

static const char *advice_on(cli_verb verb, const rd_error *error) {
    switch (error->result) {
    case RD_E_IO: return advice_on_system(error);
    case RD_E_EXISTS: return "use -f to replace it";
    case RD_E_MEMORY: return advice_on_memory(verb);
    case RD_E_MAGIC: return advice_on_kind(error);
    case RD_E_TRUNCATED:
    case RD_E_CORRUPT: return advice_on_content(error->role);
    case RD_E_LIMIT: return advice_on_limit(error);
    case RD_E_CANCELLED: return "no file was replaced";
    case RD_E_PARAMETER: return "see 'redelta --help'";
    case RD_E_MISMATCH: return advice_on_mismatch(verb, error->role);
    case RD_E_UNVERIFIED: return "make the delta again without --no-verify, by redelta";
    default: return "this is a mistake in redelta: please report it";
    }
}

/* ---- Failures --------------------------------------------------------------------------------------------------- */

static const char *reason_of(const rd_error *error) {
    return error->reason != NULL ? error->reason : rd_result_message(error->result);
}

/* NULL: no file is to blame. */
static const char *role_name(rd_role role) {
    switch (role) {
    case RD_ROLE_BASIS: return "basis";
    case RD_ROLE_SIGNATURE: return "signature";
    case RD_ROLE_NEW: return "new";
    case RD_ROLE_DELTA: return "delta";
    case RD_ROLE_OUTPUT: return "output";
    default: return NULL;
    }
}

static void send_failure(cli_verb verb, const char *name, const rd_error *error, const char *advice) {
    if (!records_are_open())
        return;
    json_writer *const record = record_start("error");
    json_text(record, "verb", verb_name(verb));
    json_number(record, "status", (uint64_t)report_status(error->result));
    json_text(record, "result", rd_result_name(error->result));
    json_text(record, "role", role_name(error->role));
    json_bytes(record, "name", files_is_standard(name) ? NULL : name);
    json_text(record, "message", reason_of(error));
    json_text(record, "system", error->system_error != 0 ? strerror(error->system_error) : NULL);
    json_number(record, "offset", error->offset);
    json_text(record, "advice", advice);
    record_end(record);
}

void report_failure(cli_verb verb, const char *name, const cli_failure *failure) {
    const rd_error *error = &failure->error;
    const char *advice = failure->advice != NULL ? failure->advice : advice_on(verb, error);
    send_failure(verb, name, error, advice);
    put_start(verb);
    if (name != NULL) {
        failure_put_name(stderr, name);
        (void)fputs(": ", stderr);
    }
    (void)fputs(reason_of(error), stderr);
    if (error->system_error != 0)
        (void)fprintf(stderr, ": %s", strerror(error->system_error));
    if (error->offset != RD_UNKNOWN)
        (void)fprintf(stderr, ", at byte %" PRIu64, error->offset);
    (void)fprintf(stderr, "; %s\n", advice);
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
    default: return STATUS_IO;
    }
}
