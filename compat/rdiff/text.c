/*
 * text.c: help and version. The first line of the version is that of the librsync whose place this rdiff takes, because
 * programs look for it there.
 */
#include "text.h"

#include <redelta.h>
#include <stdio.h>

#include "report.h"

#define TEXT(number) #number
#define NUMBER(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *text_help(void) {
    return "Usage: rdiff [OPTIONS] signature [BASIS [SIGNATURE]]\n"
           "       rdiff [OPTIONS] delta SIGNATURE [NEWFILE [DELTA]]\n"
           "       rdiff [OPTIONS] patch BASIS [DELTA [NEWFILE]]\n"
           "\n"
           "Make the signature of an old file, the basis; from that and a new file, the\n"
           "delta; and from the basis and the delta, the new file. A missing name, or -,\n"
           "is standard input or output. A verb may be shortened to any prefix.\n"
           "\n"
           "Options, anywhere:\n"
           "  -f, --force              replace the output if it exists\n"
           "  -s, --statistics         print statistics to standard error\n"
           "  -v, --verbose            accepted; there is nothing to trace\n"
           "  -h, -?, --help           print this text\n"
           "  -V, --version            print the version\n"
           "For signature:\n"
           "  -H, --hash=NAME          strong sum: blake2 (default) or md4\n"
           "  -R, --rollsum=NAME       weak sum: rabinkarp (default) or rollsum\n"
           "  -b, --block-size=BYTES   bytes per block; 0 (default): chosen to fit the basis\n"
           "  -S, --sum-size=BYTES     bytes of each strong sum; 0 (default): all of them;\n"
           "                           -1: the fewest that are safe\n"
           "Without effect:\n"
           "  -I, --input-size=BYTES, -O, --output-size=BYTES\n"
           "\n"
           "Exit status: 0 done; 100 input or output failed; 101 wrong command line;\n"
           "103 an input ends early; 104 not a file of the expected kind; 106 corrupt.\n";
}

const char *text_version(void) {
    return "rdiff (librsync 2.3.2)\n"
           "redelta " NUMBER(RD_VERSION_MAJOR, RD_VERSION_MINOR,
                             RD_VERSION_PATCH) ", in place of librsync\n"
                                               "Copyright (C) 2026 the redelta authors\n"
                                               "MIT license; there is no warranty, to the extent permitted by law.\n";
}

int text_print(const char *text) {
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
        return RS_DONE;
    cli_failure failure = {0};
    (void)failure_system(&failure, RD_ROLE_OUTPUT, "cannot be written");
    return report_open_failure(&failure, "standard output", "write");
}
