/*
 * page.h: a delta as a page for a browser: one file that needs nothing else, with a map to look around in.
 */
#ifndef REDELTA_CLI_PAGE_H
#define REDELTA_CLI_PAGE_H

#include "cli/base/failure.h"
#include "cli/verbs/inspect/inspection.h"

/* Writes the page; *size becomes the number of bytes. */
rd_result page_write(const rd_sink *out, const cli_inspection *found, uint64_t *size, cli_failure *failure);

#endif
