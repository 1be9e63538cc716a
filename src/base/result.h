/*
 * Reporting failures: a function that can fail takes an rd_error, which is never NULL inside the library, fills it
 * where the failure happens, and returns its result. Callers pass the result up unchanged.
 */
#ifndef RD_BASE_RESULT_H
#define RD_BASE_RESULT_H

#include "redelta.h"

/* Each fills *error and returns the result. `reason` is a static string, without a full stop. */
rd_result rd__fail(rd_error *error, rd_result result, rd_role role, uint64_t offset, const char *reason);
rd_result rd__fail_system(rd_error *error, rd_role role, int system_error, const char *reason);
rd_result rd__fail_memory(rd_error *error);

#endif
