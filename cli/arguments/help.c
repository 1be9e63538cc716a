/*
 * help.c: see help.h. Each verb brings its own help; here is what is about the command as a whole.
 */
#include "cli/arguments/help.h"

#include "cli/verbs/verbs.h"

static const char help_start[] = "Usage: redelta VERB [OPTION]... [FILE]...\n"
                                 "Update an old file (the basis) over a slow connection, in three steps:\n";

static const char help_middle[] = "Other verbs:\n";

static const char help_end[] = "'redelta VERB --help' shows more. Verbs may be shortened: s, d, p, v suffice.\n"
                               "With its Python package also the verbs dataset, push, pull.\n"
                               "A missing name, or -, is standard input or output. Options of most verbs:\n"
                               "  -f, --force         replace the output if it exists\n"
                               "  -T, --threads N     use N threads; 0 (default): one per processor\n"
                               "  -s, --stats         print statistics to standard error\n"
                               "  -v, --verbose       print what is being done to standard error\n"
                               "  -q, --quiet         print nothing but errors to standard error\n"
                               "      --progress      always show progress; --no-progress: never show progress\n"
                               "      --json[=FILE]   write machine-readable output (JSON Lines) to FILE\n"
                               "      --accept-changed  accept an input that changes while it is read\n"
                               "  -h, --help          show this help, or that of VERB\n"
                               "  -V, --version       show version, build features and license\n"
                               "Exit status: 0 done; 1 I/O error or output exists; 2 usage error; 3 bad input;\n"
                               "4 not the new file; 5 identical (--exit-code); 6 changed; 7 connection broke.\n";

static void help_print_verbs(FILE *out, bool steps) {
    for (int v = 0; v < VERBS; v++)
        if (verbs[v]->is_step == steps) {
            const int width = fprintf(out, "  %s %s", verbs[v]->name, verbs[v]->operands);
            (void)fprintf(out, "%*s%s\n", 37 - width, "", verbs[v]->summary);
        }
}

void help_print(FILE *out, const cli_verb *verb) {
    if (verb != NULL) {
        (void)fputs(verb->help, out);
        return;
    }
    (void)fputs(help_start, out);
    help_print_verbs(out, true);
    (void)fputs(help_middle, out);
    help_print_verbs(out, false);
    (void)fputs(help_end, out);
}

void help_print_short(FILE *out) {
    for (int v = 0; v < VERBS; v++)
        (void)fprintf(out, "%s redelta %s %s\n", v == 0 ? "Usage:" : "      ", verbs[v]->name, verbs[v]->operands);
    (void)fputs("Try 'redelta --help'.\n", out);
}
