/*
 * root.h: the directory out of which a server lets nobody (serve --root).
 */
#ifndef REDELTA_CLI_ROOT_H
#define REDELTA_CLI_ROOT_H

#include "cli/base/failure.h"

/*
 * Makes the directory of the file `path`, which lies in `root`, the current one, and sets *name to the last part of
 * `path`, which then is the file's name. Nothing that stands in `path`, and no symbolic link on the way, leads out of
 * `root`, also if somebody changes directories meanwhile: where the system cannot promise that, links are refused. The
 * file itself may still be a link. The path has at most MESSAGE_PATH_MAX bytes.
 * RD_E_PARAMETER: it leads out, or is no name of a file. RD_E_IO.
 */
rd_result root_enter(const char *root, const char *path, const char **name, rd_role role, cli_failure *failure);

#endif
