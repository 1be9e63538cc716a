/* See op_reader.h. Pure functions over memory. */
#include "format/op_reader.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/count.h"
#include "format/identify.h"
#include "format/magic.h"

#include <assert.h>

static rd_result op_reader_truncated(const rd__op_reader *reader, rd_error *error) {
    const bool in_trailer = reader->state == RD__READ_TRAILER;
    return rd__fail(error, RD_E_TRUNCATED, RD_ROLE_DELTA, reader->taken,
                    in_trailer ? "the delta ends inside its trailer" : "the delta ends before its END command");
}

/* Takes bytes until there are `needed`. False: `in` is used up. */
static bool op_reader_gather(rd__op_reader *reader, size_t needed, rd_in *in) {
    const size_t missing = needed > reader->filled ? needed - reader->filled : 0;
    const size_t size = rd__min_size(missing, in->size - in->pos);
    assert(needed <= sizeof reader->bytes);
    if (size > 0)
        memcpy(reader->bytes + reader->filled, (const uint8_t *)in->data + in->pos, size);
    reader->filled += size;
    reader->taken += size;
    in->pos += size;
    return size == missing;
}

/* Reads a command. RD_OK: *op is its op, or END was read and the state is another. RD_MORE: `in` is used up. */
static rd_result op_reader_command(rd__op_reader *reader, rd_in *in, rd_op *op, rd_error *error) {
    if (!op_reader_gather(reader, 1, in))
        return RD_MORE;
    const uint8_t opcode = reader->bytes[0];
    const uint64_t start = reader->taken - reader->filled;
    if (opcode >= RD__OP_RESERVED)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, start, "unknown delta command");
    if (opcode == RD__OP_END) {
        reader->state = RD__READ_TRAILER;
        reader->filled = 0;
        return RD_OK;
    }

    /* The operands: a copy has an offset and a length, a literal has a length unless the opcode is it. */
    const bool copies = opcode >= RD__OP_COPY;
    const size_t offset_width = copies ? (size_t)1 << (opcode - RD__OP_COPY) / 4 : 0;
    const size_t length_width = copies                     ? (size_t)1 << (opcode - RD__OP_COPY) % 4
                                : opcode >= RD__OP_LITERAL ? (size_t)1 << (opcode - RD__OP_LITERAL)
                                                           : 0;
    if (!op_reader_gather(reader, 1 + offset_width + length_width, in))
        return RD_MORE;
    const uint64_t offset = rd__load_be(reader->bytes + 1, offset_width);
    const uint64_t length = length_width > 0 ? rd__load_be(reader->bytes + 1 + offset_width, length_width) : opcode;
    if (length == 0)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, start, "a command has length 0");
    if (length > INT64_MAX || offset > INT64_MAX - length)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, start, "a command has an impossible length or offset");
    if (length > INT64_MAX - reader->target)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, start, "the new file would be longer than 2^63 bytes");
    if (reader->limit > 0 && reader->target + length > reader->limit)
        return rd__fail(error, RD_E_LIMIT, RD_ROLE_DELTA, start, "the delta makes a larger file than is allowed");

    *op = (rd_op){.kind = copies ? RD_COPY : RD_LITERAL,
                  .target_offset = reader->target,
                  .length = length,
                  .basis_offset = offset};
    rd__count_op(reader->stats, op, reader->filled);
    reader->target += length;
    if (copies && reader->reach < offset + length)
        reader->reach = offset + length;
    reader->literal_left = copies ? 0 : length;
    reader->filled = 0;
    return RD_OK;
}

/* The bytes of the trailer that are looked at: first its length, then as much of it as this version knows. */
static size_t op_reader_trailer_needs(const rd__op_reader *reader) {
    return reader->filled < RD__TRAILER_REST_AT ? RD__TRAILER_REST_AT : rd__trailer_known(reader->bytes);
}

/* Reads the trailer, if there is one. RD_OK: it is complete. RD_MORE: `in` is used up. */
static rd_result op_reader_trailer(rd__op_reader *reader, rd_in *in, rd_error *error) {
    const uint64_t origin = reader->taken - reader->trailer_taken;
    while (reader->filled < op_reader_trailer_needs(reader)) {
        const size_t before = reader->filled;
        const bool complete = op_reader_gather(reader, op_reader_trailer_needs(reader), in);
        reader->trailer_taken += reader->filled - before;
        const rd_result result = rd__trailer_check(reader->bytes, reader->filled, origin, error);
        if (result != RD_OK)
            return result;
        if (!complete)
            return RD_MORE;
    }
    /* What a later version has added is skipped. */
    const uint64_t rest = rd__trailer_length(reader->bytes) - reader->trailer_taken;
    const size_t skipped = (size_t)rd__min_u64(rest, in->size - in->pos);
    in->pos += skipped;
    reader->taken += skipped;
    reader->trailer_taken += skipped;
    return skipped == rest ? RD_OK : RD_MORE;
}

/* The delta has ended, with a complete trailer or without any. */
static rd_result op_reader_finish(const rd__op_reader *reader, rd_error *error) {
    if (!reader->has_trailer && reader->verify == RD_VERIFY_ALWAYS)
        return rd__fail(error, RD_E_UNVERIFIED, RD_ROLE_DELTA, reader->taken, "the delta has no digest to verify by");
    if (reader->has_trailer && rd__trailer_new_size(reader->bytes) != reader->target)
        return rd__fail(error, RD_E_MISMATCH, RD_ROLE_DELTA, RD_UNKNOWN,
                        "the delta was altered: its commands make a file of another length than its trailer says");
    rd__basis_id basis;
    if (reader->has_trailer && rd__trailer_basis(reader->bytes, &basis) && reader->reach > basis.size)
        return rd__fail(error, RD_E_MISMATCH, RD_ROLE_DELTA, RD_UNKNOWN,
                        "the delta was altered: it copies from beyond the end of the basis that its trailer is about");
    return RD_OK;
}

/* Reads what follows the END command: the trailer, if there is one, and nothing else if the delta must end there. */
static rd_result op_reader_end(rd__op_reader *reader, rd_in *in, bool end, rd_error *error) {
    if (reader->state == RD__READ_TRAILER) {
        const rd_result result = op_reader_trailer(reader, in, error);
        if (result == RD_MORE && !end)
            return RD_MORE;
        if (result == RD_MORE && reader->trailer_taken > 0)
            return op_reader_truncated(reader, error);
        if (result != RD_OK && result != RD_MORE)
            return result;
        reader->has_trailer = result == RD_OK;
        reader->state = RD__READ_REST;
    }
    if (reader->whole && in->pos < in->size)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, reader->taken, "the delta continues after its trailer");
    if (reader->whole && !end)
        return RD_MORE;
    return op_reader_finish(reader, error);
}

rd_result rd__op_reader_next(rd__op_reader *reader, rd_in *in, bool end, rd_op *op, rd_error *error) {
    rd_result result = RD_OK;
    op->length = 0;
    if (reader->state == RD__READ_MAGIC) {
        if (!op_reader_gather(reader, RD_DELTA_MAGIC_LEN, in))
            return end ? op_reader_truncated(reader, error) : RD_MORE;
        result = rd__expect_kind(RD_KIND_DELTA, reader->bytes, RD_ROLE_DELTA, error);
        if (result != RD_OK)
            return result;
        reader->state = RD__READ_COMMAND;
        reader->filled = 0;
    }
    if (reader->state == RD__READ_COMMAND) {
        const uint8_t *skipped = NULL;
        while (reader->literal_left > 0) {
            if (rd__op_reader_literal(reader, in, SIZE_MAX, &skipped) == 0)
                return end ? op_reader_truncated(reader, error) : RD_MORE;
        }
        result = op_reader_command(reader, in, op, error);
        if (result == RD_MORE && end)
            return op_reader_truncated(reader, error);
        if (result != RD_OK)
            return result;
        if (op->length > 0)
            return RD_MORE;
        if (reader->verify == RD_VERIFY_NEVER)
            return RD_OK;
    }
    return op_reader_end(reader, in, end, error);
}

size_t rd__op_reader_literal(rd__op_reader *reader, rd_in *in, size_t size, const uint8_t **data) {
    const size_t there = rd__min_size(size, in->size - in->pos);
    const size_t taken = (size_t)rd__min_u64(there, reader->literal_left);
    *data = taken > 0 ? (const uint8_t *)in->data + in->pos : NULL;
    in->pos += taken;
    reader->taken += taken;
    reader->literal_left -= taken;
    return taken;
}

void rd__op_reader_skipped(rd__op_reader *reader, uint64_t size) {
    assert(size <= reader->literal_left);
    reader->literal_left -= size;
    reader->taken += size;
}

const uint8_t *rd__op_reader_digest(const rd__op_reader *reader) {
    assert(reader->has_trailer);
    return rd__trailer_digest(reader->bytes);
}

bool rd__op_reader_basis(const rd__op_reader *reader, rd__basis_id *basis) {
    return reader->has_trailer && rd__trailer_basis(reader->bytes, basis);
}
