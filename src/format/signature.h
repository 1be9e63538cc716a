/*
 * The signature format:
 *
 *     magic, block length, strong length        4 bytes each, big-endian
 *     weak sum, leftmost bytes of strong sum    for each block of the basis, in order
 *
 * There is no count and no trailer: the file's length says how many blocks there are. An empty basis gives 12 bytes.
 */
#ifndef RD_FORMAT_SIGNATURE_H
#define RD_FORMAT_SIGNATURE_H

#include "redelta.h"

enum { RD__ENTRY_MAX = RD_WEAK_LEN + RD_STRONG_LEN_MAX };

/* The bytes that a block takes in a signature. */
size_t rd__entry_size(const rd_params *params);

/* The parameters must be resolved. */
void rd__signature_put_header(uint8_t header[RD_SIGNATURE_HEADER_LEN], const rd_params *params);

/* Checks every field. Errors: RD_E_MAGIC, RD_E_CORRUPT. */
rd_result rd__signature_get_header(const uint8_t header[RD_SIGNATURE_HEADER_LEN], rd_params *params, rd_error *error);

/* Writes the entries of `count` blocks, rd__entry_size bytes each. The strong sums have params->strong_len bytes. */
void rd__signature_put_entries(uint8_t *entries, const rd_params *params, const uint32_t *weak, const uint8_t *strong,
                               size_t count);

#endif
