/* See op_joiner.h. */
#include "engine/op_joiner.h"

#include "base/memory.h"

#include <assert.h>

void rd__op_joiner_add(rd__op_joiner *joiner, const rd_op *copy) {
    assert(joiner->incoming.length == 0);
    assert(copy->kind == RD_COPY && copy->length > 0 && copy->target_offset >= rd__op_joiner_needs(joiner));
    joiner->incoming = *copy;
}

uint64_t rd__op_joiner_needs(const rd__op_joiner *joiner) {
    return joiner->emitted + joiner->held.length;
}

bool rd__copies_join(rd_op *first, const rd_op *second) {
    if (first->length == 0 || first->target_offset + first->length != second->target_offset ||
        first->basis_offset + first->length != second->basis_offset)
        return false;
    first->length += second->length;
    return true;
}

static uint64_t op_joiner_literal_max(const rd__op_joiner *joiner) {
    return joiner->literal_max > 0 ? joiner->literal_max : RD__LITERAL_MAX;
}

static bool op_joiner_emit_held(rd__op_joiner *joiner, rd_op *op) {
    assert(joiner->held.target_offset == joiner->emitted);
    *op = joiner->held;
    joiner->emitted += op->length;
    joiner->held.length = 0;
    return true;
}

static bool op_joiner_emit_literal(rd__op_joiner *joiner, uint64_t end, rd_op *op) {
    assert(joiner->held.length == 0 && joiner->emitted < end);
    const uint64_t length = rd__min_u64(end - joiner->emitted, op_joiner_literal_max(joiner));
    *op = (rd_op){.kind = RD_LITERAL, .target_offset = joiner->emitted, .length = length};
    joiner->emitted += length;
    return true;
}

bool rd__op_joiner_next(rd__op_joiner *joiner, uint64_t reach, bool last, rd_op *op) {
    /* A copy is waiting: all ops before it are complete, or it continues the held one. */
    if (joiner->incoming.length > 0) {
        if (!rd__copies_join(&joiner->held, &joiner->incoming)) {
            if (joiner->held.length > 0)
                return op_joiner_emit_held(joiner, op);
            if (joiner->emitted < joiner->incoming.target_offset)
                return op_joiner_emit_literal(joiner, joiner->incoming.target_offset, op);
            joiner->held = joiner->incoming;
        }
        joiner->incoming.length = 0;
    }

    /* No copy is waiting: bytes after the held one complete it, and a literal is complete at its greatest length. */
    const uint64_t needs = rd__op_joiner_needs(joiner);
    const uint64_t unmatched = reach > needs ? reach - needs : 0;
    if (joiner->held.length > 0 && (unmatched > 0 || last))
        return op_joiner_emit_held(joiner, op);
    if (unmatched >= op_joiner_literal_max(joiner) || (last && unmatched > 0))
        return op_joiner_emit_literal(joiner, reach, op);
    return false;
}
