/* Telling files apart by their magic, and saying so when one is given for another. */
#ifndef RD_FORMAT_IDENTIFY_H
#define RD_FORMAT_IDENTIFY_H

#include "redelta.h"

/*
 * Fails with RD_E_MAGIC for the file in `role` that starts with the four bytes at `magic` and is not of the kind
 * expected, or returns RD_OK if it is. `due` is RD_KIND_SIGNATURE or RD_KIND_DELTA.
 */
rd_result rd__expect_kind(rd_kind due, const uint8_t *magic, rd_role role, rd_error *error);

#endif
