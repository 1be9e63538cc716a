/* See patcher.h. */
#include "engine/patcher.h"

#include "base/memory.h"
#include "base/result.h"
#include "engine/count.h"

#include <string.h>

/* A kernel copies pages that go to other places in pages piece by piece, which is slower than to read and write them.
 */
enum { PAGE = 4096 };

void rd__patcher_init(rd__patcher *patcher, rd__basis_fn *basis, void *context, rd_stats *stats) {
    *patcher = (rd__patcher){.basis = basis, .context = context, .stats = stats, .reached = RD_UNKNOWN};
}

/* May the op just decoded be executed? */
static rd_result check_limit(const rd__patcher *patcher, rd_error *error) {
    if (patcher->limit == 0 || patcher->op.target_offset + patcher->op.length <= patcher->limit)
        return RD_OK;
    return rd__fail(error, RD_E_LIMIT, RD_ROLE_DELTA, patcher->taken - patcher->decoder.command_size,
                    "the delta makes a larger file than is allowed");
}

/* Decodes the next op. RD_OK: it is patcher->op, or the delta has ended. */
static rd_result next_op(rd__patcher *patcher, rd_in *in, bool end, rd_error *error) {
    const uint8_t *const data = in->size > in->pos ? (const uint8_t *)in->data + in->pos : NULL;
    size_t used = 0;
    rd_result result = rd__delta_decode(&patcher->decoder, data, in->size - in->pos, &used, &patcher->op, error);
    in->pos += used;
    patcher->taken += used;
    if (result == RD_MORE && end)
        return rd__delta_truncated(patcher->taken, error);
    if (result != RD_OK || patcher->decoder.ended)
        return result;
    patcher->done = 0;
    result = check_limit(patcher, error);
    if (result == RD_OK)
        rd__count_op(patcher->stats, &patcher->op, patcher->decoder.command_size);
    return result;
}

static rd_result run_literal(rd__patcher *patcher, rd_in *in, rd_out *out, bool end, rd_error *error) {
    const uint64_t left = patcher->op.length - patcher->done;
    const size_t size = (size_t)rd__min_u64(left, rd__min_size(in->size - in->pos, out->size - out->pos));
    if (size > 0)
        memcpy((uint8_t *)out->data + out->pos, (const uint8_t *)in->data + in->pos, size);
    in->pos += size;
    out->pos += size;
    patcher->taken += size;
    patcher->done += size;
    if (size < left && in->pos == in->size && end)
        return rd__delta_truncated(patcher->taken, error);
    return size < left ? RD_MORE : RD_OK;
}

bool rd__patcher_large(const rd__patcher *patcher, uint64_t *offset, uint64_t *size) {
    *offset = patcher->op.basis_offset + patcher->done;
    *size = patcher->op.length - patcher->done;
    const uint64_t shift = patcher->op.target_offset - patcher->op.basis_offset;
    return patcher->op.kind == RD_COPY && patcher->large > 0 && *size >= patcher->large && shift % PAGE == 0;
}

void rd__patcher_copied(rd__patcher *patcher, uint64_t size) {
    patcher->done += size;
    patcher->reached = patcher->op.basis_offset + patcher->done;
}

static rd_result run_copy(rd__patcher *patcher, rd_out *out) {
    uint64_t offset = 0;
    uint64_t left = 0;
    if (rd__patcher_large(patcher, &offset, &left))
        return RD_MORE;
    const size_t size = (size_t)rd__min_u64(left, out->size - out->pos);
    size_t got = 0;
    rd_result result = RD_OK;
    if (size > 0)
        result = patcher->basis(patcher->context, offset, (uint8_t *)out->data + out->pos, size, &got);
    out->pos += got;
    rd__patcher_copied(patcher, got);
    return result == RD_OK && size < left ? RD_MORE : result;
}

rd_result rd__patcher_step(rd__patcher *patcher, rd_in *in, rd_out *out, bool end, rd_error *error) {
    rd_result result = RD_OK;
    while (result == RD_OK && !patcher->decoder.ended) {
        if (patcher->done == patcher->op.length)
            result = next_op(patcher, in, end, error);
        else if (patcher->op.kind == RD_LITERAL)
            result = run_literal(patcher, in, out, end, error);
        else
            result = run_copy(patcher, out);
    }
    return result;
}
