/* The top: which units both files have in the same place, and the blocks that are searched for. */
#include "session/receiver.h"

#include "base/result.h"
#include "format/numbers.h"

#include <stdlib.h>

enum { TOP_HEADER = 3, TOP_LOG2_MIN = 5 };

static int wanted_compare(const void *one, const void *other) {
    const rd__wanted *const a = one;
    const rd__wanted *const b = other;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Reads which units both files have in the same place; *at moves on. False: that is broken. */
static bool receiver_read_same(receiver *r, const uint8_t **at, const uint8_t *end) {
    rd__bit_model models[2] = {RD__BIT_MODEL_EVEN, RD__BIT_MODEL_EVEN};
    rd__bit_decoder decoder;
    uint64_t size = 0;
    uint8_t before = 0;
    if (!rd__number_get(at, end, &size) || size > (size_t)(end - *at))
        return false;
    rd__bit_decoder_init(&decoder, *at, *at + size);
    for (size_t i = 0; i < r->outline.unit_count; i++)
        r->same[i] = before = rd__bit_decode(&decoder, &models[before]);
    *at += size;
    return rd__bit_decoder_at_end(&decoder);
}

/* Reads what TOP says of all blocks. Their sums follow from *at on, if there are any. */
static rd_result receiver_read_top(receiver *r, const uint8_t **at, const uint8_t *end) {
    const bool has_outline = r->outline.unit_count > 0;
    const uint8_t *const header = *at;
    if (end - header < TOP_HEADER || header[0] < TOP_LOG2_MIN || header[0] >= RD__LANE_LOG2 ||
        (has_outline && header[0] > r->outline.unit_log2))
        return rd__session_refuse(&r->head, "blocks of a wrong size");
    r->places_blocks = header[1] > 0 || header[2] > 0 || !has_outline;
    if (r->places_blocks && (header[1] < RD__ROLLING_BITS_MIN || header[1] > RD__ROLLING_BITS_MAX || header[2] < 1 ||
                             header[2] > RD__SUM_BITS_MAX))
        return rd__session_refuse(&r->head, "broken sums of blocks");
    *at += TOP_HEADER;
    if (has_outline) {
        r->same = rd__alloc_array((uint64_t)r->outline.unit_count, 1);
        if (!r->same)
            return rd__fail_memory(&r->head.operation.error);
        if (!receiver_read_same(r, at, end))
            return rd__session_refuse(&r->head, "broken answers to the sums of units");
    }
    r->top_log2 = header[0];
    r->top_rolling_bits = header[1];
    r->top_bits = header[2];
    return RD_OK;
}

/*
 * Reads the sums of the blocks that are to be searched for, which come first. The last one, if it is short, is not
 * searched for, and comes behind them; then those that are known.
 */
static rd_result receiver_read_blocks(receiver *r, const uint8_t *at, const uint8_t *end) {
    const uint64_t whole = r->size >> r->top_log2; /* perhaps more than a size_t holds */
    const size_t rest = (r->size & (((uint64_t)1 << r->top_log2) - 1)) > 0;
    if (whole > RD__BLOCKS_MAX)
        return rd__session_refuse(&r->head, "too many blocks");
    r->block_count = (size_t)whole + rest;
    size_t unknown = r->block_count;
    for (size_t i = 0; r->same && i < r->block_count; i++)
        unknown -= rd__receiver_is_known(r, (uint64_t)i << r->top_log2);
    if (r->places_blocks && unknown > (size_t)(end - at) * 8 / r->top_bits) /* before memory is taken for them */
        return rd__session_refuse(&r->head, "too few sums of blocks");
    r->blocks = rd__alloc_array((uint64_t)r->block_count, sizeof *r->blocks);
    if (!r->blocks)
        return rd__fail_memory(&r->head.operation.error);
    rd__bit_reader reader = {.data = at, .end = end};
    size_t next = 0;
    for (size_t i = 0; i < r->block_count; i++) {
        rd__wanted block = {.bits = r->top_bits, .offset = (uint64_t)i << r->top_log2, .place = RD__NOWHERE};
        if (rd__receiver_is_known(r, block.offset)) {
            block.place = block.offset;
            r->blocks[unknown++] = block;
            continue;
        }
        if (r->top_rolling_bits > 0 && i < whole)
            block.rolling = (uint32_t)rd__bits_get(&reader, r->top_rolling_bits) << (32 - r->top_rolling_bits);
        if (r->places_blocks)
            block.known = rd__bits_get(&reader, r->top_bits);
        r->wanted_count += i < whole;
        r->blocks[next++] = block;
    }
    return rd__bits_at_end(&reader) ? RD_OK : rd__session_refuse(&r->head, "broken sums of blocks");
}

/* Without a search, the rounds follow at once. */
rd_result rd__receiver_take_top(receiver *r, const uint8_t *data, size_t size) {
    const uint8_t *at = data;
    if (r->first > 0 || r->data_begun || r->top_log2 > 0 || r->old_size == 0)
        return rd__session_refuse(&r->head, "sums of blocks at the wrong time");
    rd_result result = receiver_read_top(r, &at, data + size);
    if (result == RD_OK)
        result = receiver_read_blocks(r, at, data + size);
    if (result != RD_OK)
        return result;
    if (r->places_blocks)
        r->phase = RECEIVER_TOP;
    else
        qsort(r->blocks, r->block_count, sizeof *r->blocks, wanted_compare);
    r->head.figures.rounds += r->places_blocks;
    return RD_OK;
}

rd_result rd__receiver_search_top(receiver *r) {
    rd_session *const head = &r->head;
    rd__bit_model models[2] = {RD__BIT_MODEL_EVEN, RD__BIT_MODEL_EVEN};
    rd__growing body = {0};
    rd__bit_encoder encoder;
    bool before = false;
    rd_result result = rd__seek_blocks(&r->slots[0].seeker, &head->operation, r->blocks, r->wanted_count,
                                       (uint32_t)1 << r->top_log2, r->top_rolling_bits);
    r->phase = RECEIVER_LANES;
    if (result != RD_OK)
        return result;
    qsort(r->blocks, r->block_count, sizeof *r->blocks, wanted_compare);
    rd__bit_encoder_init(&encoder, &body);
    for (size_t i = 0; i < r->block_count; i++) {
        const bool found = r->blocks[i].place != RD__NOWHERE;
        if (rd__receiver_is_known(r, r->blocks[i].offset))
            continue;
        rd__bit_encode(&encoder, &models[before], found);
        before = found;
    }
    rd__bit_encoder_finish(&encoder);
    result = body.failed ? rd__fail_memory(&head->operation.error)
                         : rd__session_send(head, RD__MESSAGE_PLACED, 0, body.data, body.size);
    rd__growing_free(&body);
    return result;
}
