/*
 * client_windows.c: see client.h.
 */
#include "cli/remote/client.h"

rd_result client_run(client_report *report, const client_order *order, client_show_fn *show, void *context) {
    (void)show, (void)context;
    return failure_refusal(&report->failure, order->wishes.push ? RD_ROLE_BASIS : RD_ROLE_NEW,
                           "is on another machine, to which redelta on Windows does not lead",
                           "use signature, delta and patch, or prefix a local name with ./");
}
