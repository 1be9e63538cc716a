/*
 * version.h: what --version reports: the version, what was built in, and the license.
 */
#ifndef REDELTA_CLI_VERSION_H
#define REDELTA_CLI_VERSION_H

#include <stdbool.h>

/*
 * For people on standard output; as JSON, if wanted, in the file, or for NULL on standard output. Returns the exit
 * status.
 */
int version_print(bool json, const char *json_file);

#endif
