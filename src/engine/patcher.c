/* See patcher.h. */
#include "engine/patcher.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <string.h>

/* A kernel that cannot move whole pages copies them in parts, which is slower than to read and write them.
 */
enum { PAGE = 4096 };

bool rd__patcher_large(const rd__patcher *patcher, uint64_t *offset, uint64_t *size) {
    *offset = patcher->op.basis_offset + patcher->done;
    *size = patcher->op.length - patcher->done;
    const uint64_t shift = patcher->op.target_offset - patcher->op.basis_offset;
    return patcher->op.kind == RD_COPY && patcher->large > 0 && *size >= patcher->large && shift % PAGE == 0;
}

void rd__patcher_copied(rd__patcher *patcher, uint64_t size) {
    assert(patcher->op.kind == RD_COPY && size <= patcher->op.length - patcher->done);
    patcher->done += size;
    patcher->copies = true;
    patcher->reached = patcher->op.basis_offset + patcher->done;
}

rd_result rd__patcher_step(rd__patcher *patcher, rd_in *in, rd_out *out, bool end, rd_error *error) {
    rd_op *const op = &patcher->op;
    for (;;) {
        const uint64_t left = op->length - patcher->done;
        const size_t room = (size_t)rd__min_u64(left, out->size - out->pos);
        uint8_t *const to = room > 0 ? (uint8_t *)out->data + out->pos : NULL;
        uint64_t offset = 0;
        uint64_t large = 0;
        if (left == 0) {
            patcher->done = 0;
            const rd_result result = rd__op_reader_next(&patcher->reader, in, end, op, error);
            if (result != RD_MORE || op->length == 0)
                return result;
        } else if (op->kind == RD_LITERAL) {
            const uint8_t *from = NULL;
            const size_t size = rd__op_reader_literal(&patcher->reader, in, room, &from);
            if (to && size > 0)
                memcpy(to, from, size);
            out->pos += size;
            patcher->done += size;
            if (size == left)
                continue;
            if (in->pos < in->size || !end)
                return RD_MORE;
            /* The literal is cut short: the reader says so. */
            return rd__op_reader_next(&patcher->reader, in, end, op, error);
        } else {
            if (room == 0 || rd__patcher_large(patcher, &offset, &large))
                return RD_MORE;
            size_t got = 0;
            const rd_result result = patcher->basis(patcher->context, op->basis_offset + patcher->done, to, room, &got);
            out->pos += got;
            rd__patcher_copied(patcher, got);
            if (result != RD_OK || room < left)
                return result == RD_OK ? RD_MORE : result;
        }
    }
}

rd_result rd__patcher_verify(const rd__patcher *patcher, const uint8_t *digest, rd_error *error) {
    if (!patcher->reader.has_trailer || memcmp(rd__op_reader_digest(&patcher->reader), digest, RD_DIGEST_LEN) == 0)
        return RD_OK;
    if (patcher->copies)
        return rd__fail(error, RD_E_MISMATCH, RD_ROLE_BASIS, RD_UNKNOWN,
                        "this is not the basis that the delta was made for, or the delta was altered");
    return rd__fail(error, RD_E_MISMATCH, RD_ROLE_DELTA, RD_UNKNOWN,
                    "the delta was altered: its bytes are not those that its trailer is about");
}

rd_result rd__patcher_blame(const rd__patcher *patcher, const uint8_t *basis_digest, rd_error *error) {
    rd__basis_id basis;
    const bool knows = rd__op_reader_basis(&patcher->reader, &basis);
    assert(knows);
    if (knows && memcmp(basis.digest, basis_digest, RD_DIGEST_LEN) != 0)
        return rd__fail(error, RD_E_MISMATCH, RD_ROLE_BASIS, RD_UNKNOWN,
                        "this is not the basis of the delta: its contents differ");
    return rd__fail(error, RD_E_MISMATCH, RD_ROLE_DELTA, RD_UNKNOWN,
                    "the delta was altered: from its basis, it makes another file than its trailer is about");
}

rd_result rd__patcher_failure(rd_result result, rd_error *error) {
    if (result != RD_E_TRUNCATED || error->role != RD_ROLE_BASIS)
        return result;
    return rd__fail(error, RD_E_MISMATCH, RD_ROLE_BASIS, error->offset,
                    "it is too short: the delta copies from beyond its end; this is not the basis that the delta was "
                    "made for, or the delta was altered");
}
