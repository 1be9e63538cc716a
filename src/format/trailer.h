/*
 * The trailer: what a delta may carry behind END, where readers of librsync do not look, so that a patch can be
 * verified.
 *
 *     bytes
 *     4      0x72730256
 *     4      length of the rest, 48 (a later version may be longer: what it adds is skipped)
 *     8      length of the new file
 *     1      kind of digest: 1 is that of hash/digest.h
 *     7      zero
 *     32     digest of the new file
 */
#ifndef RD_FORMAT_TRAILER_H
#define RD_FORMAT_TRAILER_H

#include "redelta.h"

enum { RD__TRAILER_LEN = 56, RD__TRAILER_DIGEST_LEN = 32 };

typedef struct rd__trailer {
    uint64_t new_size;
    uint8_t digest[RD__TRAILER_DIGEST_LEN];
} rd__trailer;

void rd__trailer_put(uint8_t bytes[RD__TRAILER_LEN], const rd__trailer *trailer);

/* What follows END, read in any portions. All zero at the start, but for `origin`. */
typedef struct rd__trailer_reader {
    uint64_t origin; /* where it begins in the delta */
    uint64_t taken;
    uint8_t bytes[RD__TRAILER_LEN]; /* its begin */
} rd__trailer_reader;

/*
 * Takes what belongs to the trailer; *used is the number of bytes. RD_OK: it is complete. RD_MORE: all was used.
 * Errors: RD_E_CORRUPT, as soon as what follows END is no trailer; RD_E_UNVERIFIED, if its digest is of a kind not
 * known.
 */
rd_result rd__trailer_take(rd__trailer_reader *reader, const uint8_t *data, size_t size, size_t *used, rd_error *error);

/* The delta ended. RD_OK: it has no trailer, or a complete one. RD_E_TRUNCATED: it ends inside. */
rd_result rd__trailer_finish(const rd__trailer_reader *reader, rd_error *error);

/* What a complete trailer says. */
rd__trailer rd__trailer_get(const rd__trailer_reader *reader);

/*
 * Where in the last `size` bytes of a delta, at `data`, a trailer seems to begin that ends with them; `size` if
 * nowhere. Only who reads the delta from its front can be sure.
 */
size_t rd__trailer_search(const uint8_t *data, size_t size);

#endif
