/*
 * text.h: an estimate for people: a row for each block length, and the advice.
 */
#ifndef REDELTA_CLI_ESTIMATE_TEXT_H
#define REDELTA_CLI_ESTIMATE_TEXT_H

#include "cli/verbs/estimate/trials.h"

void estimate_print(FILE *out, const cli_estimate *estimate);

#endif
