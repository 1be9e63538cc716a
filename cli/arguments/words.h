/*
 * words.h: the words of the command line, sorted: which options were given with which value, and what is left over.
 */
#ifndef REDELTA_CLI_WORDS_H
#define REDELTA_CLI_WORDS_H

#include "cli/verbs/request.h"

typedef struct cli_given {
    int turn;          /* 0: not given; of two options the one with the higher turn came later */
    const char *value; /* of the last time it was given; NULL if there was none */
} cli_given;

typedef struct cli_words {
    cli_given options[OPTIONS];
    const char *verb;           /* NULL: none */
    const char *after_compress; /* the operand right after -z or --compress without a level; or NULL */
    int operand_count;
    const char **operands; /* there is room for as many as the command line has words */
} cli_words;

/*
 * Fills *words, whose `operands` must point to `argc` NULLs and be the only member that is not zero, from the command
 * line. If a word in it has no place, reports that and returns false.
 */
bool words_sort(cli_words *words, int argc, char **argv);

/* What `option` was given, or NULL. */
const char *words_value(const cli_words *words, cli_option option);
bool words_given(const cli_words *words, cli_option option);

/* The verb that begins with `word`, NULL if none does; of several the first, so that one letter is enough for some. */
const struct cli_verb *words_verb(const char *word);

/* Of two options that contradict each other, the one that counts, which is the later; OPTIONS if neither was given. */
cli_option words_later(const cli_words *words, cli_option one, cli_option other);

#endif
