/*
 * signature.h: a signature read as librsync's rdiff reads it.
 */
#ifndef REDELTA_RDIFF_SIGNATURE_H
#define REDELTA_RDIFF_SIGNATURE_H

#include "cli/base/files.h"

/*
 * Reads the file `file` to its end and indexes the signature in it, which is for rd_signature_free. On failure fills
 * *failure and *signature is NULL. *stats is filled either way.
 */
rd_result signature_load(rd_signature **signature, const cli_input *file, rd_stats *stats, cli_failure *failure);

#endif
