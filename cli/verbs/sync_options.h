/*
 * sync_options.h: the options of the two ways of sync: between local files, and with one on another machine.
 */
#ifndef REDELTA_CLI_SYNC_OPTIONS_H
#define REDELTA_CLI_SYNC_OPTIONS_H

#include "cli/verbs/request.h"

#define SYNC_OPTIONS_BOTH                                                                                              \
    (OPTION_BIT(COMPRESS) | OPTION_BIT(EXIT_CODE) | OPTION_BIT(DRY_RUN) | OPTION_BIT(BACKUP) | OPTION_BIT(TIMES) |     \
     OPTION_BIT(FOLLOW) | OPTION_BIT(MAX_OUTPUT) | OPTION_BIT(SPARSE))
#define SYNC_OPTIONS_ONLY_LOCAL OPTION_BIT(BLOCK_SIZE)
#define SYNC_OPTIONS_ONLY_REMOTE                                                                                       \
    (OPTION_BIT(RSH) | OPTION_BIT(REMOTE_PROGRAM) | OPTION_BIT(LIMIT_RATE) | OPTION_BIT(MAX_ROUNDS) |                  \
     OPTION_BIT(PARTIAL))

#endif
