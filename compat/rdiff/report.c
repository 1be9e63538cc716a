/*
 * report.c: the lines of rdiff on standard error. Scripts look for some of them in librsync's rdiff, so these keep its
 * form: those about the command line and about opening files, and the last one of a failure. The line before that one
 * is redelta's own, and says which file and where.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "cli/interrupt.h"

void report_line(const char *line) {
    (void)fprintf(stderr, "%s\n", line);
}

static void put_word(const char *word) {
    if (word[0] != '\0')
        failure_put_name(stderr, word);
}

int report_usage(const char *before, const char *word, const char *after) {
    (void)fprintf(stderr, "rdiff: %s", before);
    put_word(word);
    (void)fprintf(stderr, "%s\n\nTry `rdiff --help' for more information.\n", after);
    return STATUS_SYNTAX;
}

static const char *status_reason(int status) {
    switch (status) {
    case STATUS_IO: return "IO error";
    case STATUS_MEMORY: return "out of memory";
    case STATUS_ENDED: return "unexpected end of input";
    case STATUS_MAGIC: return "bad magic number at start of stream";
    case STATUS_UNIMPLEMENTED: return "unimplemented case";
    case STATUS_CORRUPT: return "stream corrupt";
    case STATUS_INTERNAL: return "library internal error";
    default: return "unexplained problem";
    }
}

static int put_last_line(int status) {
    (void)fprintf(stderr, "rdiff: Failed, %s.\n", status_reason(status));
    return status;
}

int report_unimplemented(const char *what) {
    (void)fprintf(stderr, "librsync: ERROR: (options) there is no %s\n", what);
    return put_last_line(STATUS_UNIMPLEMENTED);
}

int report_open_failure(const cli_failure *failure, const char *name, const char *way) {
    if (interrupt_caught())
        return STATUS_IO;
    const bool exists = failure->error.result == RD_E_EXISTS;
    (void)fprintf(stderr, "librsync: ERROR: (rs_file_open) %s \"", exists ? "File exists" : "Error opening");
    put_word(name);
    if (exists)
        (void)fputs("\", aborting!\n", stderr);
    else if (failure->error.system_error != 0)
        (void)fprintf(stderr, "\" for %s: %s\n", way, strerror(failure->error.system_error));
    else
        (void)fprintf(stderr, "\" for %s: %s\n", way, failure->error.reason);
    return STATUS_IO;
}

static int failure_status(rd_result result) {
    switch (result) {
    case RD_OK: return STATUS_DONE;
    case RD_E_IO:
    case RD_E_EXISTS:
    case RD_E_CANCELLED: return STATUS_IO;
    case RD_E_MEMORY: return STATUS_MEMORY;
    case RD_E_PARAMETER: return STATUS_PARAMETER;
    case RD_E_MAGIC: return STATUS_MAGIC;
    case RD_E_TRUNCATED: return STATUS_ENDED;
    case RD_E_CORRUPT: return STATUS_CORRUPT;
    case RD_E_LIMIT: return STATUS_UNIMPLEMENTED;
    default: return STATUS_INTERNAL;
    }
}

int report_failure(rdiff_verb verb, const char *name, const cli_failure *failure) {
    const rd_error *error = &failure->error;
    const int status = failure_status(error->result);
    if (interrupt_caught()) /* the signal says it all */
        return status;
    (void)fprintf(stderr, "librsync: ERROR: (%s) ", verb_name(verb));
    if (name != NULL) {
        failure_put_name(stderr, name);
        (void)fputs(": ", stderr);
    }
    (void)fputs(error->reason != NULL ? error->reason : rd_result_message(error->result), stderr);
    if (error->system_error != 0)
        (void)fprintf(stderr, ": %s", strerror(error->system_error));
    if (error->offset != RD_UNKNOWN)
        (void)fprintf(stderr, ", at byte %" PRIu64, error->offset);
    (void)fputc('\n', stderr);
    return put_last_line(status);
}
