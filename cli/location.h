/*
 * location.h: where a file is: here, or on another machine.
 */
#ifndef REDELTA_CLI_LOCATION_H
#define REDELTA_CLI_LOCATION_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_location {
    const char *host; /* NULL: this machine */
    size_t host_length;
    const char *path;
} cli_location;

/*
 * A word is `host:path`, as for rsync and scp, if there is a colon in it and no slash before that. So a local name with
 * a colon is written ./name. On Windows a single letter before the colon is a drive.
 */
cli_location location_parse(const char *word);

#endif
