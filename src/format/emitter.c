/* See emitter.h. Pure functions over memory and ops. */
#include "format/emitter.h"

#include "base/bytes.h"
#include "format/count.h"
#include "format/magic.h"

#include <assert.h>

size_t rd__emit_magic(uint8_t bytes[RD__EMIT_MAX]) {
    rd__store_be32(bytes, RD__MAGIC_DELTA);
    return RD_DELTA_MAGIC_LEN;
}

/* Width code i stands for 2^i bytes. */
static size_t emitter_width_code(uint64_t value) {
    return value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
}

static size_t emitter_put_integer(uint8_t *p, size_t code, uint64_t value) {
    const size_t width = (size_t)1 << code;
    rd__store_be(p, width, value);
    return width;
}

static size_t emitter_put_literal(uint8_t *command, uint64_t length) {
    if (length <= RD__OP_LITERAL_SHORT_MAX) {
        command[0] = (uint8_t)length;
        return 1;
    }
    const size_t code = emitter_width_code(length);
    command[0] = (uint8_t)(RD__OP_LITERAL + code);
    return 1 + emitter_put_integer(command + 1, code, length);
}

static size_t emitter_put_copy(uint8_t *command, uint64_t offset, uint64_t length) {
    const size_t offset_code = emitter_width_code(offset);
    const size_t length_code = emitter_width_code(length);
    command[0] = (uint8_t)(RD__OP_COPY + 4 * offset_code + length_code);
    const size_t size = 1 + emitter_put_integer(command + 1, offset_code, offset);
    return size + emitter_put_integer(command + size, length_code, length);
}

size_t rd__emit_op(rd__emitter *emitter, const rd_op *op, uint8_t bytes[RD__EMIT_MAX]) {
    assert(op->length > 0 && op->target_offset == emitter->target);
    const size_t size = op->kind == RD_LITERAL ? emitter_put_literal(bytes, op->length)
                                               : emitter_put_copy(bytes, op->basis_offset, op->length);
    emitter->target += op->length;
    rd__count_op(emitter->stats, op, size);
    return size;
}

size_t rd__emit_end(const rd__emitter *emitter, const uint8_t *digest, const rd__basis_id *basis,
                    uint8_t bytes[RD__EMIT_MAX]) {
    bytes[0] = RD__OP_END;
    if (!digest)
        return RD_DELTA_END_LEN;
    return RD_DELTA_END_LEN + rd__trailer_put(bytes + RD_DELTA_END_LEN, emitter->target, digest, basis);
}

uint64_t rd_stats_delta_size(const rd_stats *stats) {
    const bool knows_basis =
        stats->size >= offsetof(rd_stats, has_basis_digest) + sizeof(bool) && stats->has_basis_digest;
    const size_t trailer = knows_basis ? RD_TRAILER_BASIS_LEN : RD_TRAILER_LEN;
    return RD_DELTA_MAGIC_LEN + stats->literal_command_bytes + stats->literal_bytes + stats->copy_command_bytes +
           RD_DELTA_END_LEN + (stats->has_digest ? trailer : 0);
}
