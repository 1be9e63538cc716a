/* The digest of a whole source or of a range, and that of long holes. */
#ifndef RD_FILE_DIGEST_H
#define RD_FILE_DIGEST_H

#include "base/operation.h"
#include "hash/digest.h"

/*
 * Reads the source, a file of this role, with all threads of the operation; *size is the number of its bytes. Errors:
 * those of reading.
 */
rd_result rd__source_digest(const rd_source *source, rd__operation *operation, rd_role role,
                            uint8_t digest[RD_DIGEST_LEN], uint64_t *size);

/*
 * Likewise; and of each part of 2^RD__DIGEST_PART_LOG2 bytes, of which the last may have fewer, the first 8 bytes of
 * the sum of its subtree, for as many as there is room for in `parts`. If there is, the source is larger than a part.
 */
enum { RD__DIGEST_PART_LOG2 = 18 };
rd_result rd__source_digest_parts(const rd_source *source, rd__operation *operation, rd_role role, uint64_t *parts,
                                  size_t part_count, uint8_t digest[RD_DIGEST_LEN], uint64_t *size);

/*
 * Likewise of a source that is a range of a file, where chunk `first` of that starts; of the rest of the file, unless
 * it has whole chunks.
 */
rd_result rd__source_digest_range(const rd_source *source, rd__operation *operation, rd_role role, uint64_t first,
                                  rd__digest *digest, uint64_t *size);

/*
 * Like rd__digester_take_zeros, for the next `size` bytes of what the operation reads: many are hashed by as many
 * threads as it may use. Reports progress. Errors: RD_E_MEMORY, RD_E_CANCELLED.
 */
rd_result rd__digester_take_hole(rd__digester *digester, rd__operation *operation, uint64_t size);

#endif
