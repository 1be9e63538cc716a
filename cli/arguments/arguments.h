/*
 * arguments.h: the command line, read into one struct.
 */
#ifndef REDELTA_CLI_ARGUMENTS_H
#define REDELTA_CLI_ARGUMENTS_H

#include "cli/verbs/request.h"

/* Fills *request from the command line. If that is wrong, reports it and returns false. */
bool arguments_parse(cli_request *request, int argc, char **argv);

#endif
