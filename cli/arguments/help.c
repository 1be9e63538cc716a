/*
 * help.c: see help.h. Each verb brings its own help; here is what is about the command as a whole.
 */
#include "cli/arguments/help.h"

#include "cli/verbs/verbs.h"

static const char help_start[] = "Usage: redelta VERB [OPTION]... [FILE]...\n"
                                 "\n"
                                 "Bring an old file (the basis) up to date over a thin line, in three steps:\n";

static const char help_middle[] = "And besides:\n";

static const char help_end[] = "'redelta VERB --help' tells more; s, d, p and v are short for the verbs. A\n"
                               "missing name, or -, is standard input or output. Options of most verbs:\n"
                               "  -f, --force         replace the output if it exists\n"
                               "  -T, --threads N     work with N threads; 0 (default): one a processor\n"
                               "  -s, --stats         say what was done, on standard error\n"
                               "  -v, --verbose       say what is being done, on standard error\n"
                               "  -q, --quiet         say nothing but errors\n"
                               "      --progress      show how far it is, always; --no-progress: never\n"
                               "      --json[=FILE]   write JSON for programs to standard output or FILE\n"
                               "  -h, --help          this text; after a verb, more about it\n"
                               "  -V, --version       the version and the license\n"
                               "Exit status: 0 done; 1 reading or writing failed; 2 wrong command line; 3 wrong\n"
                               "or corrupt input; 4 the result is not NEWFILE; 5 equal files, with --exit-code.\n";

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
