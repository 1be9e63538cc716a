/*
 * help.h: the texts that explain the command. Each function returns a whole text, lines ended.
 */
#ifndef REDELTA_CLI_HELP_H
#define REDELTA_CLI_HELP_H

#include "options.h"

/* The help of a verb, or for VERB_NONE that of the command. */
const char *help_text(cli_verb verb);

/* What `redelta` alone gets: three lines. */
const char *help_short(void);

#endif
