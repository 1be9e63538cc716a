/*
 * place.h: names of files on other machines: [USER@]HOST:PATH.
 */
#ifndef REDELTA_CLI_PLACE_H
#define REDELTA_CLI_PLACE_H

#include "cli/base/failure.h"

enum { PLACE_HOST_MAX = 1024 };

typedef struct remote_place {
    char host[PLACE_HOST_MAX]; /* as the remote shell gets it: with the user, and an IPv6 address without brackets */
    const char *path;          /* within the name */
} remote_place;

/*
 * Whether a name is `host:path`, as for rsync and scp: there is a colon in it and no slash before that. So a local name
 * with a colon is written ./name. On Windows a single letter before the colon is a drive.
 */
bool place_is_elsewhere(const char *name);

/* The parts of such a name, which must outlive *place. `role` is that of the file. RD_E_PARAMETER: they are wrong. */
rd_result place_parse(remote_place *place, const char *name, rd_role role, cli_failure *failure);

#endif
