/*
 * help.h: the texts that explain the command.
 */
#ifndef REDELTA_CLI_HELP_H
#define REDELTA_CLI_HELP_H

#include <stdio.h>

struct cli_verb;

/* The help of a verb, or for NULL that of the command. */
void help_print(FILE *out, const struct cli_verb *verb);

/* What `redelta` alone gets: a line for each verb. */
void help_print_short(FILE *out);

#endif
