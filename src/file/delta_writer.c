/*
 * The public delta writer: makes a delta of copies and literals that the caller gives in order (write_delta.h), and
 * with the help of the basis, its digest. Copies that continue each other become one, and literals are gathered and cut
 * as everywhere, so that the delta does not depend on the chunks in which the caller gives them.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/patcher.h"
#include "file/write_delta.h"
#include "hash/digest.h"
#include "io/sink.h"
#include "io/source.h"

#include <stdlib.h>
#include <string.h>

enum { COPY_CHUNK = 256 * 1024 };

struct rd_delta_writer {
    rd__operation operation;
    rd_sink out;
    rd_source basis;
    bool has_basis;
    bool digests; /* the digest is made here, with the help of the basis */
    rd__digester digester;
    rd__basis_id id;        /* of the basis, for the trailer ... */
    bool has_id;            /* ... if the caller has set it */
    uint64_t reach;         /* where in the basis the copies so far end */
    rd_result state;        /* RD_OK while more may be written */
    rd__delta_writer delta; /* of it, all zeros until it is open */
};

rd_result rd_delta_writer_new(rd_delta_writer **writer, const rd_sink *out, const rd_source *basis,
                              const rd_options *options) {
    rd_delta_writer *const w = rd__alloc_zeroed(1, sizeof *w);
    *writer = NULL;
    if (!w)
        return rd__fail_memory_of(options);
    w->out = *out;
    rd_result result = rd__operation_start(&w->operation, options, RD_UNKNOWN);
    rd_error *const error = &w->operation.error;
    if (basis) {
        w->basis = *basis;
        w->has_basis = true;
        w->digests = w->operation.options.verify != RD_VERIFY_NEVER;
    }
    if (result == RD_OK && basis)
        result = rd__source_check_seekable(basis, RD_ROLE_BASIS, RD_E_PARAMETER, error);
    if (result == RD_OK && basis)
        result = rd__sink_check_apart(out, basis, RD_ROLE_BASIS, error);
    if (result == RD_OK && w->digests && !rd__digester_init(&w->digester, rd__kernels_best()))
        result = rd__fail_memory(error);
    if (result == RD_OK)
        result = rd__delta_writer_open(&w->delta, &w->out, &w->operation);
    if (result == RD_OK) {
        *writer = w;
        return RD_OK;
    }
    if (w->operation.options.error)
        *w->operation.options.error = *error;
    rd_delta_writer_free(w);
    return result;
}

/* Hashes what the copy makes. */
static rd_result delta_writer_hash_copy(rd_delta_writer *w, uint64_t offset, uint64_t length) {
    rd_context *const kept = w->operation.context;
    uint8_t *const chunk = rd__context_take(kept, COPY_CHUNK, 1);
    rd_result result = chunk ? RD_OK : rd__fail_memory(&w->operation.error);
    while (result == RD_OK && length > 0) {
        size_t size = (size_t)rd__min_u64(length, COPY_CHUNK);
        result = rd__basis_read(&w->basis, &w->operation, offset, chunk, size, &size);
        rd__digester_take(&w->digester, chunk, size);
        offset += size;
        length -= size;
    }
    rd__context_give(kept, chunk);
    return result;
}

rd_result rd_delta_writer_copy(rd_delta_writer *w, uint64_t offset, uint64_t length) {
    if (w->state != RD_OK)
        return RD_E_STATE;
    if (length == 0)
        return RD_OK;
    rd_result result = RD_OK;
    if (length > INT64_MAX || offset > INT64_MAX - length || length > INT64_MAX - rd__delta_writer_target(&w->delta))
        result = rd__fail(&w->operation.error, RD_E_PARAMETER, RD_ROLE_DELTA, RD_UNKNOWN,
                          "the offset or the length of a copy is out of range");
    else if (w->digests)
        result = delta_writer_hash_copy(w, offset, length);
    else if (w->has_basis && w->basis.size != RD_UNKNOWN && offset + length > w->basis.size) /* which nobody reads */
        result = rd__fail(&w->operation.error, RD_E_TRUNCATED, RD_ROLE_BASIS, w->basis.size,
                          "the basis is too short: the copy ends beyond it");
    if (result == RD_OK)
        result = rd__delta_writer_copy(&w->delta, offset, length);
    if (w->reach < offset + length)
        w->reach = offset + length;
    return w->state = result;
}

rd_result rd_delta_writer_literal(rd_delta_writer *w, const void *data, size_t size) {
    if (w->state != RD_OK)
        return RD_E_STATE;
    rd_result result = RD_OK;
    if (size > INT64_MAX - rd__delta_writer_target(&w->delta))
        result = rd__fail(&w->operation.error, RD_E_PARAMETER, RD_ROLE_DELTA, RD_UNKNOWN,
                          "the new file would be longer than 2^63 bytes");
    else if (w->digests)
        rd__digester_take(&w->digester, data, size);
    if (result == RD_OK)
        result = rd__delta_writer_literal(&w->delta, data, size);
    return w->state = result;
}

rd_result rd_delta_writer_set_basis(rd_delta_writer *w, uint64_t size, const uint8_t digest[RD_DIGEST_LEN]) {
    if (w->state != RD_OK)
        return RD_E_STATE;
    if (size > INT64_MAX)
        return w->state = rd__fail(&w->operation.error, RD_E_PARAMETER, RD_ROLE_BASIS, RD_UNKNOWN,
                                   "the size of the basis is out of range");
    w->id.size = size;
    memcpy(w->id.digest, digest, RD_DIGEST_LEN);
    w->has_id = true;
    return RD_OK;
}

rd_result rd_delta_writer_finish(rd_delta_writer *w, const uint8_t *digest) {
    uint8_t own[RD_DIGEST_LEN];
    if (w->state != RD_OK)
        return RD_E_STATE;
    const rd_verify verify = w->operation.options.verify;
    rd_result result = RD_OK;
    if (!digest && w->digests) {
        rd__digester_final(&w->digester, own);
        digest = own;
    }
    if (verify == RD_VERIFY_NEVER)
        digest = NULL;
    if (w->has_id && w->reach > w->id.size)
        result = rd__fail(&w->operation.error, RD_E_PARAMETER, RD_ROLE_BASIS, RD_UNKNOWN,
                          "the delta copies from beyond the end of the basis that its trailer is to be about");
    else if (!digest && verify == RD_VERIFY_ALWAYS)
        result = rd__fail(&w->operation.error, RD_E_UNVERIFIED, RD_ROLE_DELTA, RD_UNKNOWN,
                          "there is no digest of the new file to write into a trailer");
    if (result == RD_OK)
        result = rd__delta_writer_finish(&w->delta, digest, w->has_id ? &w->id : NULL);
    w->operation.stats.identical =
        result == RD_OK && w->has_basis && rd__patcher_copies_all(&w->operation.stats, w->basis.size);
    w->state = result == RD_OK ? RD_E_STATE : result;
    return result;
}

rd_result rd_delta_writer_stats(const rd_delta_writer *w, rd_stats *stats) {
    return rd__stats_copy(stats, &w->operation.stats);
}

const rd_error *rd_delta_writer_error(const rd_delta_writer *w) {
    return &w->operation.error;
}

void rd_delta_writer_free(rd_delta_writer *w) {
    if (!w)
        return;
    rd__delta_writer_close(&w->delta);
    rd__digester_free(&w->digester);
    rd__context_release(&w->operation.own);
    free(w);
}
