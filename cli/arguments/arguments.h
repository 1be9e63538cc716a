/*
 * arguments.h: the command line, read into one struct.
 */
#ifndef REDELTA_CLI_ARGUMENTS_H
#define REDELTA_CLI_ARGUMENTS_H

#include "cli/verbs/request.h"

/*
 * Fills *request from the command line, and returns STATUS_DONE. If that is wrong, reports it and returns another exit
 * status. Either way, call arguments_release afterwards.
 */
int arguments_parse(cli_request *request, int argc, char **argv);
void arguments_release(cli_request *request);

#endif
