/* See op_joiner.h. */
#include "engine/op_joiner.h"

#include "base/memory.h"

void rd__op_joiner_add(rd__op_joiner *joiner, const rd_op *copy) {
    joiner->incoming = *copy;
}

uint64_t rd__op_joiner_needs(const rd__op_joiner *joiner) {
    return joiner->given + joiner->held.length;
}

bool rd__copies_join(rd_op *first, const rd_op *second) {
    if (first->length == 0 || first->target_offset + first->length != second->target_offset ||
        first->basis_offset + first->length != second->basis_offset)
        return false;
    first->length += second->length;
    return true;
}

static bool give_held(rd__op_joiner *joiner, rd_op *op) {
    *op = joiner->held;
    joiner->given += op->length;
    joiner->held.length = 0;
    return true;
}

static bool give_literal(rd__op_joiner *joiner, uint64_t end, rd_op *op) {
    const uint64_t length = rd__min_u64(end - joiner->given, RD__LITERAL_MAX);
    *op = (rd_op){.kind = RD_LITERAL, .target_offset = joiner->given, .length = length};
    joiner->given += length;
    return true;
}

/* With a copy waiting: what comes before it is complete. False once it has become part of, or become, the held copy. */
static bool next_before_copy(rd__op_joiner *joiner, rd_op *op) {
    if (rd__copies_join(&joiner->held, &joiner->incoming)) {
        joiner->incoming.length = 0;
        return false;
    }
    if (joiner->held.length > 0)
        return give_held(joiner, op);
    if (joiner->given < joiner->incoming.target_offset)
        return give_literal(joiner, joiner->incoming.target_offset, op);
    joiner->held = joiner->incoming;
    joiner->incoming.length = 0;
    return false;
}

bool rd__op_joiner_next(rd__op_joiner *joiner, uint64_t reach, bool last, rd_op *op) {
    if (joiner->incoming.length > 0 && next_before_copy(joiner, op))
        return true;
    const uint64_t unmatched = reach > rd__op_joiner_needs(joiner) ? reach - rd__op_joiner_needs(joiner) : 0;
    if (joiner->held.length > 0 && (unmatched > 0 || last))
        return give_held(joiner, op);
    if (unmatched >= RD__LITERAL_MAX || (last && unmatched > 0))
        return give_literal(joiner, reach, op);
    return false;
}
