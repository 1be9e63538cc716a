/* Reading a delta from its front to its end without a basis. The bytes of literals are skipped. */
#ifndef RD_FILE_WALK_DELTA_H
#define RD_FILE_WALK_DELTA_H

#include "file/delta_end.h"

/*
 * Calls `each` for every op, and counts them. `reader` takes what follows END, to the end of the delta; NULL: nobody
 * looks at it. Errors: those of reading, decoding and rd__read_delta_end; RD_E_CANCELLED.
 */
rd_result rd__walk_delta(const rd_source *delta, rd_op_fn *each, void *context, rd__job *job,
                         rd__trailer_reader *reader);

#endif
