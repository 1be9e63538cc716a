/*
 * main.c: the entry of the command. It is built in layers, each of which knows those after it: arguments (the command
 * line), verbs (the work), report (what is said), base (files, failures, signals). cli/base is also what rdiff is built
 * on.
 *
 * The command is a client of the library like any other: it sees redelta.h alone.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <string.h>

#include "cli/arguments/arguments.h"
#include "cli/arguments/help.h"
#include "cli/arguments/words.h"
#include "cli/base/files.h"
#include "cli/base/interrupt.h"
#include "cli/base/system.h"
#include "cli/report/report.h"
#include "cli/report/version.h"
#include "cli/verbs/external.h"
#include "cli/verbs/run.h"
#include "cli/verbs/verb.h"

static int main_help(const cli_verb *verb) {
    cli_failure failure = {0};
    help_print(stdout, verb);
    const rd_result result = output_check_printed(&failure);
    if (result != RD_OK)
        report_failure(verb != NULL ? verb->name : NULL, output_name(NULL), &failure);
    return report_status(result);
}

static int main_do(const cli_request *request) {
    if (request->help)
        return main_help(request->verb);
    if (request->version)
        return version_print(request->json, request->json_file);
    return run_verb(request);
}

static int main_run(int argc, char **argv) {
    cli_request request;
    if (argc < 2) {
        help_print_short(stderr);
        return STATUS_USAGE;
    }
    int status = arguments_parse(&request, argc, argv);
    if (status == STATUS_DONE)
        status = main_do(&request);
    arguments_release(&request);
    return status;
}

/*
 * If the verb is a program of its own (external.h), runs that, and returns its exit status where it does not take the
 * place of this one. The verb comes first then, because its options are unknown here. Returns -1 if there is no such
 * program.
 */
static int main_run_external(char **argv) {
    static char path[EXTERNAL_PATH_MAX];
    static char help[] = "--help";
    const char *const first = argv[1];
    const bool helps = strcmp(first, "help") == 0 || strcmp(first, help) == 0 || strcmp(first, "-h") == 0;
    const char *const word = helps ? argv[2] : first;
    char *words[] = {path, help, NULL};
    if (word == NULL || !external_is_name(word) || words_verb(word) != NULL || !external_find(word, path))
        return -1;
    argv[1] = path;
    const int status = external_run(path, helps ? words : argv + 1);
    if (status != -1)
        return status;
    cli_failure failure = {0};
    const rd_result result = failure_system(&failure, RD_ROLE_NONE, "cannot be started");
    report_failure(word, path, &failure);
    return report_status(result);
}

int main(int argc, char **argv) {
    argv = system_arguments(argv);
    files_reserve_standard();
    failure_prepare();
    const int external = argc > 1 ? main_run_external(argv) : -1;
    if (external != -1)
        return external;
    interrupt_install();
    const int status = main_run(argc, argv);
    interrupt_die();
    return status;
}
