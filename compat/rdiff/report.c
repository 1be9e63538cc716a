/*
 * report.c: the lines of rdiff on standard error. Scripts look for some of librsync's, so these keep their form: those
 * about the command line and about opening files, and the last line of a failure. The line before that one is redelta's
 * own, and names the file and the byte.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "cli/base/interrupt.h"
#include "results.h"

void report_line(const char *line) {
    (void)fprintf(stderr, "%s\n", line);
}

static void report_word(const char *word) {
    if (word[0] != '\0')
        failure_put_name(stderr, word);
}

int report_usage(const char *before, const char *word, const char *after) {
    (void)fprintf(stderr, "rdiff: %s", before);
    report_word(word);
    (void)fprintf(stderr, "%s\n\nTry `rdiff --help' for more information.\n", after);
    return RS_SYNTAX_ERROR;
}

static int report_last_line(rs_result status) {
    (void)fprintf(stderr, "rdiff: Failed, %s.\n", rs_strerror(status));
    return (int)status;
}

int report_unimplemented(const char *what) {
    (void)fprintf(stderr, "librsync: ERROR: (options) there is no %s\n", what);
    return report_last_line(RS_UNIMPLEMENTED);
}

int report_open_failure(const cli_failure *failure, const char *name, const char *way) {
    if (interrupt_caught())
        return RS_IO_ERROR;
    const bool exists = failure->error.result == RD_E_EXISTS;
    (void)fprintf(stderr, "librsync: ERROR: (rs_file_open) %s \"", exists ? "File exists" : "Error opening");
    report_word(name);
    if (exists)
        (void)fputs("\", aborting!\n", stderr);
    else if (failure->error.system_error != 0)
        (void)fprintf(stderr, "\" for %s: %s\n", way, strerror(failure->error.system_error));
    else
        (void)fprintf(stderr, "\" for %s: %s\n", way, failure->error.reason);
    return RS_IO_ERROR;
}

void report_warning(rdiff_verb verb, const char *name, const char *text) {
    (void)fprintf(stderr, "librsync: WARNING: (%s) ", verb_name(verb));
    failure_put_name(stderr, name);
    (void)fprintf(stderr, ": %s\n", text);
}

int report_failure(rdiff_verb verb, const char *name, const cli_failure *failure) {
    const rd_error *error = &failure->error;
    const rs_result status = rs__result(error->result);
    if (interrupt_caught()) /* the signal is message enough */
        return (int)status;
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
    return report_last_line(status);
}
