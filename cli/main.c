/*
 * main.c: the entry of the command. From here: options.c reads the command line by the tables of catalogue.c, verbs.c
 * goes through the course of a verb with files.c, work.c calls the library, failure.c records failures and report.c
 * tells of them, stats.c tells of successes, help.c explains, interrupt.c handles signals.
 *
 * The command is a client of the library like any other: it sees redelta.h alone.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <stdio.h>

#include "failure.h"
#include "files.h"
#include "help.h"
#include "interrupt.h"
#include "options.h"
#include "report.h"
#include "system.h"
#include "verbs.h"
#include "version.h"

/* Prints what was asked for on standard output. A text that did not arrive is a failure like any other. */
static int print_text(cli_verb verb, const char *text) {
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
        return STATUS_DONE;
    cli_failure failure = {0};
    const rd_result result = failure_system(&failure, RD_ROLE_OUTPUT, "cannot be written");
    report_failure(verb, output_name(NULL), &failure);
    return report_status(result);
}

static int run(int argc, char **argv) {
    cli_options options;
    if (argc < 2) {
        (void)fputs(help_short(), stderr);
        return STATUS_USAGE;
    }
    if (!options_parse(&options, argc, argv))
        return STATUS_USAGE;
    if (options.help)
        return print_text(options.verb, help_text(options.verb));
    if (options.version)
        return version_print(&options);
    return verb_run(&options);
}

int main(int argc, char **argv) {
    argv = system_arguments(argv);
    files_reserve_standard();
    failure_prepare();
    interrupt_install();
    const int status = run(argc, argv);
    interrupt_die();
    return status;
}
