/*
 * values.h: what the values of options mean. Each function reads those of its options, if they were given, into what
 * the last parameter points to. If one is wrong, it reports that and returns false.
 */
#ifndef REDELTA_CLI_VALUES_H
#define REDELTA_CLI_VALUES_H

#include "cli/arguments/words.h"

bool value_params(const char *verb, const cli_words *words, rd_params *params);
bool value_limits(const char *verb, const cli_words *words, rd_limits *limits);
bool value_compression(const char *verb, const cli_words *words, int *level);
bool value_sparse(const char *verb, const cli_words *words, rd_sparse *sparse);
bool value_threads(const char *verb, const cli_words *words, unsigned *threads);
bool value_remote(const char *verb, const cli_words *words, cli_request *request);
bool value_backup(const char *verb, const cli_words *words, const char **suffix);

/* The operand that is probably meant as the level of a -z before it, because it would be one; or NULL. */
const char *value_detached_level(const cli_words *words);

#endif
