/* See verifier.h. */
#include "engine/verifier.h"

#include "base/result.h"

#include <string.h>

rd_result rd__judge_size(const rd__trailer *trailer, uint64_t size, rd_error *error) {
    if (trailer->new_size == size)
        return RD_OK;
    return rd__fail(error, RD_E_MISMATCH, RD_ROLE_DELTA, RD_UNKNOWN,
                    "the delta was altered: its commands make a file of another length than its trailer says");
}

/* The digests differ, of files of the same length. */
static rd_result fail_digest(const rd__made *made, rd_error *error) {
    if (!made->copied)
        return rd__fail(error, RD_E_MISMATCH, RD_ROLE_DELTA, RD_UNKNOWN,
                        "the delta was altered: its bytes are not those that its trailer is about");
    return rd__fail(error, RD_E_MISMATCH, RD_ROLE_BASIS, RD_UNKNOWN,
                    "this is not the basis that the delta was made for, or the delta was altered");
}

rd_result rd__judge(const rd__trailer_reader *reader, const rd__made *made, bool required, rd_error *error) {
    rd_result result = rd__trailer_finish(reader, error);
    if (result != RD_OK)
        return result;
    if (reader->taken == 0)
        return required ? rd__fail(error, RD_E_UNVERIFIED, RD_ROLE_DELTA, reader->origin,
                                   "the delta has no trailer to verify the result by")
                        : RD_OK;
    const rd__trailer trailer = rd__trailer_get(reader);
    result = rd__judge_size(&trailer, made->size, error);
    if (result != RD_OK)
        return result;
    return memcmp(trailer.digest, made->digest, sizeof made->digest) == 0 ? RD_OK : fail_digest(made, error);
}

rd_result rd__judge_failure(rd_result result, rd_error *error) {
    if (result != RD_E_TRUNCATED || error->role != RD_ROLE_BASIS)
        return result;
    return rd__fail(
        error, RD_E_MISMATCH, RD_ROLE_BASIS, error->offset,
        "it ends before what the delta copies from it: this is not the basis that the delta was made for, or "
        "the delta was altered");
}
