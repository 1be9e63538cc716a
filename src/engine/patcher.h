/*
 * The patcher: executes the ops of a delta that arrives in chunks of any size. Literals go from the delta to the new
 * file, copies from the basis to the new file; it keeps none of the bytes.
 */
#ifndef RD_ENGINE_PATCHER_H
#define RD_ENGINE_PATCHER_H

#include "format/op_reader.h"

/*
 * Reads `size` bytes of the basis at `offset`; *got is the number read, less only with RD_MORE, if the basis has no
 * more to give now, and with a failure.
 */
typedef rd_result rd__basis_fn(void *context, uint64_t offset, uint8_t *data, size_t size, size_t *got);

typedef struct rd__patcher {
    rd__op_reader reader; /* to be set up by the caller */
    rd__basis_fn *basis;
    void *context;
    uint64_t large;   /* copies of so many bytes, from page to page, are left to the caller; 0: none */
    rd_op op;         /* being executed */
    uint64_t done;    /* bytes of it */
    bool copies;      /* some of the new file comes from the basis */
    uint64_t reached; /* if so: the offset in the basis where the last copy has ended so far */
} rd__patcher;

/*
 * Executes what `in` holds of the delta and `out` has room for. RD_OK: the delta has ended. RD_MORE: `in` is used up or
 * `out` is full, or the basis has nothing to give now, or the next is a copy for the caller. `end`, and the errors, are
 * those of rd__op_reader_next. After RD_E_LIMIT nothing of the op that would pass the limit was done.
 */
rd_result rd__patcher_step(rd__patcher *patcher, rd_in *in, rd_out *out, bool end, rd_error *error);

/*
 * After RD_MORE: is the next a copy that is left to the caller? It is of the basis from *offset on, *size bytes; what
 * is in `out` comes before it. rd__patcher_copied reports how many of them the caller copied. With patcher->large set
 * to 0, the patcher copies the rest.
 */
bool rd__patcher_large(const rd__patcher *patcher, uint64_t *offset, uint64_t *size);
void rd__patcher_copied(rd__patcher *patcher, uint64_t size);

/*
 * The delta of the patcher has ended. Is what it made, with this digest of RD_DIGEST_LEN bytes, what its trailer is
 * about? RD_E_MISMATCH: it is not; the error says, as far as can be known, whether basis or delta is to blame. A delta
 * without a trailer says nothing: RD_OK.
 */
rd_result rd__patcher_verify(const rd__patcher *patcher, const uint8_t *digest, rd_error *error);

/*
 * What was made is not what the trailer is about; the trailer knows the basis; and the digest of the one that was used
 * is this. RD_E_MISMATCH, about basis or delta.
 */
rd_result rd__patcher_blame(const rd__patcher *patcher, const uint8_t *basis_digest, rd_error *error);

/* Was the delta with these statistics, of a patch that is done, one copy of the whole basis? */
static inline bool rd__patcher_copies_all(const rd_stats *stats, uint64_t basis_size) {
    return stats->literal_bytes == 0 && stats->copy_commands <= 1 && stats->copy_bytes == basis_size;
}

/*
 * The failure of a patch that is to be verified: a basis that is too short is the wrong one, RD_E_MISMATCH. Others stay
 * as they are.
 */
rd_result rd__patcher_failure(rd_result result, rd_error *error);

#endif
