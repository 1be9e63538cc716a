/* Judging the result of a patch by the trailer of its delta. */
#ifndef RD_ENGINE_VERIFIER_H
#define RD_ENGINE_VERIFIER_H

#include "format/trailer.h"

/* What a patch made. */
typedef struct rd__made {
    uint64_t size;
    uint8_t digest[RD__TRAILER_DIGEST_LEN];
    bool copied; /* some of it comes from the basis */
} rd__made;

/* RD_E_MISMATCH, the delta's fault, if its commands make a file of `size` bytes and its trailer says otherwise. */
rd_result rd__judge_size(const rd__trailer *trailer, uint64_t size, rd_error *error);

/*
 * The delta ended, and the reader took all that follows its END. Without a trailer, RD_OK, or RD_E_UNVERIFIED if
 * `required`. RD_E_TRUNCATED if it ends inside. RD_E_MISMATCH if what was made is not what the trailer is about; the
 * error says, as far as can be told, whether basis or delta is to blame.
 */
rd_result rd__judge(const rd__trailer_reader *reader, const rd__made *made, bool required, rd_error *error);

/* The failure of a patch: a basis that is too short is not the one that is due, RD_E_MISMATCH. Others stay as they are.
 */
rd_result rd__judge_failure(rd_result result, rd_error *error);

#endif
