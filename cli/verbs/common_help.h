/*
 * common_help.h: the lines that the help of several verbs has. A help is a plain text of at most 79 columns and 30
 * lines, which a screen shows whole. It is not made from the table of options: the words that help
 * differ from verb to verb. What is the same for most verbs is explained in the overall help, and the others have it in
 * short.
 */
#ifndef REDELTA_CLI_COMMON_HELP_H
#define REDELTA_CLI_COMMON_HELP_H

/* The options of all verbs; those of verbs that make a file. */
#define HELP_COMMON                                                                                                    \
    "Common options (see 'redelta --help'):\n"                                                                         \
    "  -T, --threads N   -s, --stats   -v, --verbose   -q, --quiet\n"                                                  \
    "  --progress   --no-progress   --json[=FILE]   --accept-changed\n"
#define HELP_COMMON_AND_FORCE                                                                                          \
    "Common options (see 'redelta --help'):\n"                                                                         \
    "  -f, --force   -T, --threads N   -s, --stats   -v, --verbose   -q, --quiet\n"                                    \
    "  --progress   --no-progress   --json[=FILE]   --accept-changed\n"

#endif
