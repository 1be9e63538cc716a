/*
 * catalogue.h: which verbs and options there are, and which option is for which verb. What reads the command line,
 * checks it and suggests the nearest word goes by these tables alone.
 *
 * A new verb is a name in the enum, a row in catalogue.c, its help in help.c, and its recipe in verbs.c. A new option
 * is a name in the enum, a row in catalogue.c, its meaning in options.c, and a line in the help of its verbs.
 */
#ifndef REDELTA_CLI_CATALOGUE_H
#define REDELTA_CLI_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum cli_verb {
    VERB_NONE,
    VERB_SIGNATURE,
    VERB_DELTA,
    VERB_PATCH,
    VERB_VERIFY,
    VERB_SYNC,
    VERB_INSPECT,
    VERB_ESTIMATE,
    VERBS
} cli_verb;

/* A set of verbs. */
#define VERB_BIT(verb) (1u << (verb))

typedef struct cli_verb_info {
    const char *name;
    int inputs;        /* the operands are this many inputs, then the output, if there is one */
    int outputs;       /* 0 or 1 */
    int least;         /* operands that must be given */
    const char *first; /* what the first operand is, for a message that misses it */
} cli_verb_info;

typedef enum cli_option {
    OPTION_BLOCK_SIZE,
    OPTION_SUM_SIZE,
    OPTION_HASH,
    OPTION_ROLLSUM,
    OPTION_COMPRESS,
    OPTION_THREADS,
    OPTION_FORCE,
    OPTION_STATS,
    OPTION_VERBOSE,
    OPTION_QUIET,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
    OPTION_JSON,
    OPTION_EXIT_CODE,
    OPTION_NO_VERIFY,
    OPTION_ALWAYS_VERIFY,
    OPTION_MAX_OUTPUT,
    OPTION_MAX_MEMORY,
    OPTION_MAX_BLOCKS,
    OPTION_OPS,
    OPTION_HTML,
    OPTION_VERSION,
    OPTION_HELP,
    OPTIONS
} cli_option;

/* Whether an option takes a value; an optional one is given as -zVALUE or --name=VALUE. */
typedef enum cli_value { VALUE_NONE, VALUE_NEEDED, VALUE_OPTIONAL } cli_value;

typedef struct cli_option_info {
    const char *name;
    char letter; /* or 0 */
    cli_value value;
    unsigned verbs; /* it is for these */
} cli_option_info;

/* Neither is for VERB_NONE or for OPTIONS. */
const cli_verb_info *verb_info(cli_verb verb);
const cli_option_info *option_info(cli_option option);

/* "signature", and so on; NULL for VERB_NONE. */
const char *verb_name(cli_verb verb);

/* The verb that begins with `word`; of several the first, so that one letter stays enough for s, d, p and v. */
cli_verb verb_find(const char *word);

/* The option of this letter, or OPTIONS. */
cli_option option_of_letter(int letter);

/* How many long names begin with the `length` bytes at `name`. */
int option_count(const char *name, size_t length);

/* Writes the names of a set of verbs into text[0 .. size): "delta, patch and verify", where `last` is "and". */
void verbs_list(char *text, size_t size, unsigned set, const char *last);

/* The verb or the long name of an option for `verb` (any, for VERB_NONE) that was probably meant, or NULL. */
const char *verb_nearest(const char *word);
const char *option_nearest(cli_verb verb, const char *word);

#endif
