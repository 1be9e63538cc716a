/* The signature of a whole basis as bytes, for operations of the library: also together with the digest of the basis.
 */
#ifndef RD_FILE_MAKE_SIGNATURE_H
#define RD_FILE_MAKE_SIGNATURE_H

#include "base/operation.h"

/*
 * What rd_signature_make does, within an operation. Unless `digest` is NULL, it gets the digest of the basis, which is
 * read only once for both, unless its blocks are very long, or of an odd length, or it can only be read in order.
 */
rd_result rd__signature_make(rd__operation *operation, const rd_source *basis, const rd_sink *out,
                             uint8_t digest[RD_DIGEST_LEN]);

#endif
