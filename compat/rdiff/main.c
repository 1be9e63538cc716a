/*
 * main.c: rdiff, the command of librsync, on redelta's engine: the same command line, exit statuses and files.
 * options.c reads the command line, jobs.c does the work, signature.c reads signatures as librsync does, report.c and
 * statistics.c print messages. Files and signals are handled as in the redelta command, by cli/base.
 *
 * It has no new options or formats; it differs only where librsync's rdiff loses data or crashes.
 */
#include "cli/base/failure.h"
#include "cli/base/files.h"
#include "cli/base/interrupt.h"
#include "jobs.h"
#include "options.h"

int main(int argc, char **argv) {
    rdiff_options options;
    int status;
    files_reserve_standard();
    failure_prepare();
    interrupt_install();
    if (options_parse(&options, argc, argv, &status))
        status = job_run(&options);
    interrupt_die();
    return status;
}
