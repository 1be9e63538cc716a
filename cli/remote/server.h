/*
 * server.h: the other side, which a client started: it does what the client's request says, as far as it may.
 */
#ifndef REDELTA_CLI_SERVER_H
#define REDELTA_CLI_SERVER_H

#include "cli/base/failure.h"

typedef struct server_rules {
    const char *root; /* the directory out of which no path leads; NULL: any file that the user may use */
    bool read_only;   /* nothing is written */
    unsigned threads;
    uint64_t max_output; /* 0: no limit but the client's */
} server_rules;

/*
 * Serves one request on standard input and output. *told: the client knows of the failure, if there is one. On Windows
 * it is refused.
 */
rd_result server_run(const server_rules *rules, bool *told, cli_failure *failure);

#endif
