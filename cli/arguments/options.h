/*
 * options.h: the names of the options. Which verb takes an option stands in the verb's row (cli/verbs/verb.h).
 *
 * A new option is a name in the enum (cli/verbs/request.h), a row in options.c, its meaning in arguments.c, and a bit
 * and a line of help in each of its verbs.
 */
#ifndef REDELTA_CLI_OPTIONS_H
#define REDELTA_CLI_OPTIONS_H

#include "cli/verbs/request.h"

/* Whether an option takes a value; an optional one is given as -zVALUE or --name=VALUE. */
typedef enum cli_value { VALUE_NONE, VALUE_NEEDED, VALUE_OPTIONAL } cli_value;

typedef struct cli_option_info {
    const char *name;
    char letter; /* or 0 */
    cli_value value;
} cli_option_info;

extern const cli_option_info options[OPTIONS];

/* Whether a verb takes it; any verb, for NULL. */
bool option_is_for(cli_option option, const struct cli_verb *verb);

/* The option of this letter, or OPTIONS. */
cli_option option_of_letter(int letter);

/* How many long names begin with the `length` bytes at `name`. */
int option_count(const char *name, size_t length);

/* The long name of an option of `verb`, or for NULL of any, that was probably meant; or NULL. */
const char *option_nearest(const struct cli_verb *verb, const char *word);

#endif
