/* See delta.h. Pure functions over memory and ops. */
#include "format/delta.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/identify.h"
#include "format/magic.h"

enum {
    OP_END = 0x00,
    OP_LITERAL_SHORT_MAX = 0x40,
    OP_LITERAL = 0x41, /* + width code */
    OP_COPY = 0x45,    /* + 4 * width code of the offset + width code of the length */
    OP_RESERVED = 0x55
};

/* Width code i stands for 2^i bytes. */
static size_t width_code(uint64_t value) {
    return value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
}

static size_t put_integer(uint8_t *p, size_t code, uint64_t value) {
    const size_t width = (size_t)1 << code;
    rd__store_be(p, width, value);
    return width;
}

size_t rd__delta_put_magic(uint8_t command[RD__COMMAND_MAX]) {
    rd__store_be32(command, RD__MAGIC_DELTA);
    return RD__MAGIC_LEN;
}

size_t rd__delta_put_end(uint8_t command[RD__COMMAND_MAX]) {
    command[0] = OP_END;
    return 1;
}

static size_t put_literal(uint8_t *command, uint64_t length) {
    if (length <= OP_LITERAL_SHORT_MAX) {
        command[0] = (uint8_t)length;
        return 1;
    }
    const size_t code = width_code(length);
    command[0] = (uint8_t)(OP_LITERAL + code);
    return 1 + put_integer(command + 1, code, length);
}

static size_t put_copy(uint8_t *command, uint64_t offset, uint64_t length) {
    const size_t offset_code = width_code(offset);
    const size_t length_code = width_code(length);
    command[0] = (uint8_t)(OP_COPY + 4 * offset_code + length_code);
    const size_t size = 1 + put_integer(command + 1, offset_code, offset);
    return size + put_integer(command + size, length_code, length);
}

size_t rd__delta_put_op(uint8_t command[RD__COMMAND_MAX], const rd_op *op) {
    return op->kind == RD_LITERAL ? put_literal(command, op->length) : put_copy(command, op->basis_offset, op->length);
}

size_t rd__delta_op_size(const rd_op *op) {
    uint8_t command[RD__COMMAND_MAX];
    return rd__delta_put_op(command, op);
}

/* The widths of a command's operands; 0 where there is none. */
typedef struct operands {
    size_t offset_width;
    size_t length_width;
} operands;

static operands operands_of(uint8_t opcode) {
    operands o = {0, 0};
    if (opcode >= OP_COPY) {
        o.offset_width = (size_t)1 << (opcode - OP_COPY) / 4;
        o.length_width = (size_t)1 << (opcode - OP_COPY) % 4;
    } else if (opcode >= OP_LITERAL) {
        o.length_width = (size_t)1 << (opcode - OP_LITERAL);
    }
    return o;
}

static rd_result corrupt(const rd__delta_decoder *decoder, const char *reason, rd_error *error) {
    return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, decoder->offset, reason);
}

/* The op of the complete command in the decoder, checked. */
static rd_result read_op(const rd__delta_decoder *decoder, operands o, rd_op *op, rd_error *error) {
    const uint8_t opcode = decoder->command[0];
    const uint8_t *const length_at = decoder->command + 1 + o.offset_width;
    *op = (rd_op){.kind = opcode >= OP_COPY ? RD_COPY : RD_LITERAL, .target_offset = decoder->target};
    op->basis_offset = rd__load_be(decoder->command + 1, o.offset_width);
    op->length = o.length_width > 0 ? rd__load_be(length_at, o.length_width) : opcode;
    if (op->length == 0)
        return corrupt(decoder, "a command has length 0", error);
    if (op->length > INT64_MAX || op->basis_offset > INT64_MAX - op->length)
        return corrupt(decoder, "a command has an impossible length or offset", error);
    if (op->length > INT64_MAX - op->target_offset)
        return corrupt(decoder, "the new file would be longer than 2^63 bytes", error);
    return RD_OK;
}

/* Takes bytes until the command holds `needed`. */
static bool gather(rd__delta_decoder *decoder, size_t needed, const uint8_t *data, size_t size, size_t *used) {
    const size_t missing = needed > decoder->filled ? needed - decoder->filled : 0;
    const size_t taken = rd__min_size(missing, size - *used);
    if (taken > 0)
        memcpy(decoder->command + decoder->filled, data + *used, taken);
    decoder->filled += taken;
    *used += taken;
    return taken == missing;
}

static void next_command(rd__delta_decoder *decoder, uint64_t bytes) {
    decoder->offset += bytes;
    decoder->filled = 0;
}

rd_result rd__delta_decode(rd__delta_decoder *decoder, const uint8_t *data, size_t size, size_t *used, rd_op *op,
                           rd_error *error) {
    *used = 0;
    if (!decoder->begun) {
        if (!gather(decoder, RD__MAGIC_LEN, data, size, used))
            return RD_MORE;
        const rd_result result = rd__expect_kind(RD_KIND_DELTA, decoder->command, RD_ROLE_DELTA, error);
        if (result != RD_OK)
            return result;
        decoder->begun = true;
        next_command(decoder, RD__MAGIC_LEN);
    }
    if (!gather(decoder, 1, data, size, used))
        return RD_MORE;
    const uint8_t opcode = decoder->command[0];
    if (opcode >= OP_RESERVED)
        return corrupt(decoder, "a command byte is not one of the delta format", error);
    if (opcode == OP_END) {
        decoder->ended = true;
        next_command(decoder, 1);
        return RD_OK;
    }
    const operands o = operands_of(opcode);
    const size_t needed = 1 + o.offset_width + o.length_width;
    if (!gather(decoder, needed, data, size, used))
        return RD_MORE;
    const rd_result result = read_op(decoder, o, op, error);
    if (result != RD_OK)
        return result;
    decoder->target += op->length;
    decoder->command_size = needed;
    next_command(decoder, needed + (op->kind == RD_LITERAL ? op->length : 0));
    return RD_OK;
}

rd_result rd__delta_truncated(uint64_t size, rd_error *error) {
    return rd__fail(error, RD_E_TRUNCATED, RD_ROLE_DELTA, size, "the delta ends before its END command");
}
