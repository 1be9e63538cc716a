/* The digest of a whole source. */
#ifndef RD_FILE_DIGEST_H
#define RD_FILE_DIGEST_H

#include "base/operation.h"

/* Reads the source with all threads of the operation; *size is the number of its bytes. Errors: those of reading. */
rd_result rd__source_digest(const rd_source *source, rd__operation *operation, uint8_t digest[RD_DIGEST_LEN],
                            uint64_t *size);

#endif
