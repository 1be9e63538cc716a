/*
 * server_windows.c: see server.h.
 */
#include "cli/remote/server.h"

rd_result server_run(const server_rules *rules, bool *told, cli_failure *failure) {
    (void)rules;
    *told = false;
    return failure_refusal(failure, RD_ROLE_NONE, "is not served: redelta on Windows cannot",
                           "use signature, delta and patch");
}
