/* Patching a whole file, for callers who must know where in the basis it ended. */
#ifndef RD_FILE_PATCH_H
#define RD_FILE_PATCH_H

#include "base/operation.h"

/*
 * Like rd_patch_apply; *reached is the offset in the basis where reading the last copy ended, RD_UNKNOWN without
 * copies.
 */
rd_result rd__patch_apply(const rd_source *basis, const rd_source *delta, const rd_sink *out, const rd_options *options,
                          uint64_t *reached);

/* The same within an operation that has started, which gets the statistics and the error. */
rd_result rd__patch_within(rd__operation *operation, const rd_source *basis, const rd_source *delta, const rd_sink *out,
                           uint64_t *reached);

#endif
