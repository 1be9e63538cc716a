/* See delta_part.h. Pure functions over memory. */
#include "format/delta_part.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/magic.h"
#include "format/numbers.h"
#include "format/signature.h"

#include <assert.h>

enum {
    FLAGS = RD__DELTA_PART_LAST | RD__DELTA_PART_DIGEST | RD__DELTA_PART_STATE,
    NEW_SIZE_AT = RD__PART_HEAD,
    HEADER_AT = NEW_SIZE_AT + 8,
    BLOCKS_AT = HEADER_AT + RD_SIGNATURE_HEADER_LEN,
    ORIGIN_AT = BLOCKS_AT + 8,
    IDENTITY_AT = ORIGIN_AT + 8
};

/* The length of a block, or 1, if there are none. */
static uint64_t part_block_len(const rd__delta_part *part) {
    return part->signature.exists ? part->signature.params.block_len : 1;
}

static uint64_t part_end(const rd__delta_part *part) {
    return part->head.offset + part->head.length;
}

uint64_t rd__delta_part_stop(const rd__delta_part *part) {
    return part->new_size - part_end(part) < part_block_len(part) ? UINT64_MAX : part_end(part);
}

uint64_t rd__delta_part_first_chunk(const rd__delta_part *part) {
    return rd__digest_chunks_before(part->head.offset);
}

uint64_t rd__delta_part_end_chunk(const rd__delta_part *part) {
    return rd__digest_chunks_before(part_end(part));
}

/* ---- What comes before the copies -------------------------------------------------------------------------------- */

size_t rd__delta_part_put(const rd__delta_part *part, uint8_t bytes[RD__DELTA_PART_HEAD + RD__DELTA_PART_STATE_LEN]) {
    memset(bytes, 0, RD__DELTA_PART_HEAD + RD__DELTA_PART_STATE_LEN);
    rd__part_head_put(bytes, &part->head);
    rd__store_be(bytes + NEW_SIZE_AT, 8, part->new_size);
    if (part->signature.exists) {
        rd__signature_put_header(bytes + HEADER_AT, &part->signature.params);
        rd__store_be(bytes + BLOCKS_AT, 8, part->signature.blocks);
        rd__store_be(bytes + ORIGIN_AT, 8, part->signature.origin);
        memcpy(bytes + IDENTITY_AT, part->signature.identity, RD__DELTA_PART_IDENTITY);
    }
    if ((part->head.flags & RD__DELTA_PART_STATE) == 0)
        return RD__DELTA_PART_HEAD;
    uint8_t *const state = bytes + RD__DELTA_PART_HEAD;
    rd__store_be(state, 8, part->state.device);
    rd__store_be(state + 8, 8, part->state.inode);
    rd__store_be(state + 16, 8, part->state.written);
    rd__store_be(state + 24, 8, part->state.changed);
    return RD__DELTA_PART_HEAD + RD__DELTA_PART_STATE_LEN;
}

static rd_result part_get_signature(const uint8_t bytes[RD__DELTA_PART_HEAD], rd__signature_id *id, rd_error *error) {
    *id = (rd__signature_id){.exists = !rd__is_zeros(bytes + HEADER_AT, RD__DELTA_PART_HEAD - HEADER_AT)};
    if (!id->exists)
        return RD_OK;
    if (rd__signature_get_header(bytes + HEADER_AT, &id->params, error) != RD_OK)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_NONE, HEADER_AT, "the part has an impossible signature");
    id->blocks = rd__load_be(bytes + BLOCKS_AT, 8);
    id->origin = rd__load_be(bytes + ORIGIN_AT, 8);
    memcpy(id->identity, bytes + IDENTITY_AT, RD__DELTA_PART_IDENTITY);
    return RD_OK;
}

rd_result rd__delta_part_get(const uint8_t bytes[RD__DELTA_PART_HEAD], rd__delta_part *part, rd_error *error) {
    *part = (rd__delta_part){.head = {.magic = RD__MAGIC_DELTA_PART}};
    rd_result result = rd__part_head_get(bytes, FLAGS, &part->head, error);
    if (result == RD_OK)
        result = part_get_signature(bytes, &part->signature, error);
    if (result != RD_OK)
        return result;
    part->new_size = rd__load_be(bytes + NEW_SIZE_AT, 8);
    const bool last = part->head.flags & RD__DELTA_PART_LAST;
    if (part->new_size > INT64_MAX || part_end(part) > part->new_size || last != (part_end(part) == part->new_size))
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_NONE, NEW_SIZE_AT, "the part has an impossible range");
    return RD_OK;
}

void rd__part_state_get(const uint8_t bytes[RD__DELTA_PART_STATE_LEN], rd__part_state *state) {
    *state = (rd__part_state){.device = rd__load_be(bytes, 8),
                              .inode = rd__load_be(bytes + 8, 8),
                              .written = rd__load_be(bytes + 16, 8),
                              .changed = rd__load_be(bytes + 24, 8)};
}

/* ---- Copies ------------------------------------------------------------------------------------------------------ */

uint64_t rd__part_copy_lacks(const rd__delta_part *part, const rd_op *copy) {
    const uint64_t block_len = part_block_len(part);
    return (block_len - copy->length % block_len) % block_len;
}

void rd__part_copy_put(rd__part_copies *copies, const rd__delta_part *part, const rd_op *copy, rd__growing *bytes) {
    const uint64_t block_len = part_block_len(part);
    const uint64_t block = (copy->basis_offset - part->signature.origin) / block_len;
    const uint64_t count = (copy->length + rd__part_copy_lacks(part, copy)) / block_len;
    assert(copy->length > 0 && copy->target_offset >= copies->at);
    rd__number_put(bytes, 1 + copy->target_offset - copies->at);
    rd__number_put(bytes, count);
    rd__number_put(bytes, rd__zigzag(block - copies->block));
    copies->at = copy->target_offset + copy->length;
    copies->block = block + count;
}

bool rd__part_copy_get(rd__part_copies *copies, const rd__delta_part *part, const uint64_t numbers[3], rd_op *copy) {
    const uint64_t block_len = part_block_len(part);
    const uint64_t before = numbers[0] - 1;
    const uint64_t count = numbers[1];
    const uint64_t block = copies->block + rd__unzigzag(numbers[2]);
    const uint64_t limit = rd__min_u64(part->new_size, rd__delta_part_stop(part)); /* no block starts there or later */
    if (copies->at >= limit || before >= limit - copies->at || count == 0 || block >= part->signature.blocks ||
        count > part->signature.blocks - block)
        return false;
    const uint64_t target = copies->at + before;
    if (count - 1 > (limit - 1 - target) / block_len)
        return false;
    *copy = (rd_op){.kind = RD_COPY,
                    .target_offset = target,
                    .length = count * block_len,
                    .basis_offset = part->signature.origin + block * block_len};
    copies->at = target + copy->length;
    copies->block = block + count;
    return true;
}

bool rd__part_copy_shorten(const rd__delta_part *part, uint64_t lacks, rd_op *copy) {
    const uint64_t block_len = part_block_len(part);
    const uint64_t basis_end = part->signature.origin + part->signature.blocks * block_len;
    if (lacks == 0)
        return !copy || copy->length <= part->new_size - copy->target_offset;
    if (!copy || lacks >= block_len || copy->basis_offset + copy->length != basis_end ||
        copy->length - lacks != part->new_size - copy->target_offset)
        return false;
    copy->length -= lacks;
    return true;
}
