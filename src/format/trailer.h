/*
 * The trailer: what a delta may carry after END, where readers of librsync do not look, so that a patch can be
 * verified.
 *
 *     bytes
 *     4      0x72730256
 *     4      length of the rest, 48 or 88 (a later version may be longer: what it adds is skipped)
 *     8      length of the new file
 *     1      kind of digest: 2 is BLAKE3
 *     7      zero
 *     32     digest of the new file
 *   if the rest has at least 88 bytes:
 *     8      length of the basis
 *     32     digest of the basis
 *
 * Who makes a delta from a signature does not know the basis: its trailer has 56 bytes. With the basis in it, 96 bytes,
 * a wrong basis and a chain of deltas that does not fit are told from a damaged delta.
 */
#ifndef RD_FORMAT_TRAILER_H
#define RD_FORMAT_TRAILER_H

#include "redelta.h"

/* Where the rest starts, whose length is in the trailer. */
enum { RD__TRAILER_REST_AT = 8 };

/* Which file a delta is for. */
typedef struct rd__basis_id {
    uint64_t size;
    uint8_t digest[RD_DIGEST_LEN];
} rd__basis_id;

/* `basis` may be NULL. Returns the number of bytes written, RD_TRAILER_LEN or RD_TRAILER_BASIS_LEN. */
size_t rd__trailer_put(uint8_t bytes[RD_TRAILER_BASIS_LEN], uint64_t new_size, const uint8_t digest[RD_DIGEST_LEN],
                       const rd__basis_id *basis);

/*
 * Checks the first `size` bytes of a trailer, at most RD_TRAILER_BASIS_LEN, as far as they tell. `origin` is where it
 * starts in the delta. Errors: RD_E_CORRUPT, as soon as it cannot be a trailer; RD_E_UNVERIFIED, if its digest is of an
 * unknown kind.
 */
rd_result rd__trailer_check(const uint8_t *bytes, size_t size, uint64_t origin, rd_error *error);

/* Of a trailer with at least RD__TRAILER_REST_AT bytes: its whole length, by what it says. */
uint64_t rd__trailer_length(const uint8_t *bytes);
/* Likewise: how many of its bytes this version knows, RD_TRAILER_LEN or RD_TRAILER_BASIS_LEN. */
size_t rd__trailer_known(const uint8_t *bytes);

/* What a trailer says all of whose known bytes are there. The digest has RD_DIGEST_LEN bytes. */
uint64_t rd__trailer_new_size(const uint8_t *bytes);
const uint8_t *rd__trailer_digest(const uint8_t *bytes);
/* False: it does not know the basis. */
bool rd__trailer_basis(const uint8_t *bytes, rd__basis_id *basis);

/*
 * Where in the last `size` bytes of a delta, at `data`, a trailer seems to start that ends with them; `size` if
 * nowhere. Only reading the delta from its start makes sure.
 */
size_t rd__trailer_search(const uint8_t *data, size_t size);

#endif
