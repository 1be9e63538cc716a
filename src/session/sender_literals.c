/* What was not found: the literals of each lane in order, and the leaves that turn out to be wrong. */
#include "session/sender.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/numbers.h"
#include "hash/digest.h"
#include "session/contexts.h"
#include "session/output.h"

enum {
    LITERAL_PORTION = 256 * 1024,   /* of literals that are compressed at once */
    LITERALS_FEW = 8 * 1024 * 1024, /* of a lane: worth more time, since most lines are slow */
    LEVEL_SMALL = 12,
    LEVEL_LARGE = 3
};

/* ---- Literals ---------------------------------------------------------------------------------------------------- */

static rd_result sender_read_context(void *reader, uint32_t start, uint32_t size, uint8_t *data) {
    sender *const s = reader;
    const uint64_t offset = rd__sender_lane_at(s, s->first)->start + start;
    rd__nearby *const nearby = &s->slots[0].nearby;
    const uint8_t *const from = rd__nearby_at(nearby, offset, size);
    if (!from) {
        s->head.operation.error = nearby->error;
        return nearby->result;
    }
    memcpy(data, from, size);
    return RD_OK;
}

/* The level: the caller's, or one that costs less time than the bytes take. */
static int sender_level(const sender *s, uint64_t size) {
    const int asked = s->head.operation.options.compression;
    if (!rd__session_compresses(&s->head) || asked == RD_COMPRESSION_NEVER)
        return 0;
    return asked != 0 ? asked : size <= LITERALS_FEW ? LEVEL_SMALL : LEVEL_LARGE;
}

static rd_result sender_begin_data(sender *s) {
    const sender_lane *const lane = rd__sender_lane_at(s, s->first);
    rd_error *const error = &s->head.operation.error;
    s->unsent = lane->length - rd__ladder_known(&lane->ladder);
    const int level = sender_level(s, s->unsent);
    s->at = 0;
    s->at_offset = 0;
    s->data_begun = true;
    rd__growing_clear(&s->chunk);
    rd__growing_put_byte(&s->chunk, level > 0);
    if (s->chunk.failed)
        return rd__fail_memory(error);
    if (s->unsent == 0)
        return RD_OK;
    rd__growing_clear(&s->prefix);
    if (level > 0) {
        rd__history_trim(&s->history);
        rd__growing_put(&s->prefix, s->history.data, s->history.size);
        const rd_result result = rd__contexts_add(&lane->ladder, sender_read_context, s, &s->prefix, error);
        if (result != RD_OK)
            return result;
    }
    if (s->prefix.failed)
        return rd__fail_memory(error);
    return rd__literals_start(&s->encoder, level, s->prefix.data, s->prefix.size, s->unsent, error);
}

/* Compresses the next literal bytes, until there is a portion for a frame. */
static rd_result sender_encode(sender *s) {
    const sender_lane *const lane = rd__sender_lane_at(s, s->first);
    rd__nearby *const nearby = &s->slots[0].nearby;
    rd_error *const error = &s->head.operation.error;
    size_t taken = 0;
    while (s->unsent > 0 && taken < LITERAL_PORTION && s->chunk.size < LITERAL_PORTION) {
        const rd__stretch *const stretch = &lane->ladder.stretches[s->at];
        if (stretch->state != RD__STRETCH_UNKNOWN || s->at_offset == stretch->length) {
            s->at++;
            s->at_offset = 0;
            continue;
        }
        const size_t size = rd__min_size(RD__SENDER_PORTION, stretch->length - s->at_offset);
        const uint8_t *const data = rd__nearby_at(nearby, lane->start + stretch->start + s->at_offset, size);
        if (!data) {
            *error = nearby->error;
            return nearby->result;
        }
        s->at_offset += (uint32_t)size;
        s->head.figures.done = lane->start + stretch->start + s->at_offset;
        s->unsent -= size;
        taken += size;
        s->head.figures.literal += size;
        rd__history_add(&s->history, data, size);
        if (s->history.failed) /* the other side has it, and takes it for the same */
            return rd__fail_memory(error);
        const rd_result result = rd__literals_encode(&s->encoder, data, size, s->unsent == 0, &s->chunk, error);
        if (result != RD_OK)
            return result;
    }
    return RD_OK;
}

/* Sends the next frames of the first lane's literals, and when they are complete, closes the lane. */
rd_result rd__sender_send_data(sender *s) {
    sender_lane *const lane = rd__sender_lane_at(s, s->first);
    rd_result result = s->data_begun ? RD_OK : sender_begin_data(s);
    if (result == RD_OK)
        result = sender_encode(s);
    if (result != RD_OK)
        return result;
    const bool last = s->unsent == 0;
    if (!last && s->chunk.size < LITERAL_PORTION)
        return RD_OK;                            /* more is to come, with the next portion */
    if (last && s->first + 1 == s->lane_count) { /* without this frame, nothing is replaced */
        result = rd__watch_end(&s->head.watch, &s->head.operation, RD_OK);
        if (result != RD_OK)
            return result;
    }
    for (size_t at = 0;;) {
        const size_t size = rd__min_size(s->chunk.size - at, RD__FRAME_PAYLOAD_MAX);
        const bool more = !last || at + size < s->chunk.size;
        rd__frame_put(
            &s->head.out,
            (rd__frame_header){.type = RD__MESSAGE_DATA, .more = more, .lane = s->first, .size = (uint32_t)size});
        rd__growing_put(&s->head.out, s->chunk.data + at, size);
        at += size;
        if (at == s->chunk.size)
            break;
    }
    rd__growing_clear(&s->chunk);
    if (s->head.out.failed)
        return rd__fail_memory(&s->head.operation.error);
    if (!last)
        return RD_OK;
    s->head.figures.done = lane->start + lane->length;
    rd__sender_close_lane(lane);
    s->data_begun = false;
    s->first++;
    if (s->first == s->lane_count)
        s->phase = SENDER_SENT;
    return RD_OK;
}

/* ---- Repair ------------------------------------------------------------------------------------------------------ */

/* The sum of the node of a leaf. False: it cannot be read. */
static bool sender_leaf_sum(const sender *s, size_t leaf, uint64_t start, uint64_t end, uint64_t *sum) {
    uint8_t node[RD__BLAKE3_LEN];
    rd__digest range;
    rd__digest_init(&range, start / RD__BLAKE3_CHUNK);
    for (uint64_t at = start; at < end; at += RD__SENDER_PORTION) {
        const size_t size = (size_t)rd__min_u64(RD__SENDER_PORTION, end - at);
        const uint8_t *const data = rd__nearby_at(&s->slots[0].nearby, at, size);
        if (!data)
            return false;
        rd__digest_add(&range, rd__kernels_best(), data, size);
    }
    rd__digest_node(&range, node);
    *sum = rd__stretch_sum(&s->head.keys.stretch, node, sizeof node, leaf);
    return true;
}

/* Compares the receiver's sums of leaves: a bit in `wrong` for each that differs. */
rd_result rd__sender_take_leaves(sender *s, const uint8_t *data, size_t size) {
    rd_error *const error = &s->head.operation.error;
    const uint32_t leaf = rd__session_leaf_size(s->size);
    const size_t count = (size_t)((s->size + leaf - 1) / leaf);
    const bool all = size == 0; /* the file as a whole */
    if (s->phase != SENDER_SENT || s->repairs == 2 || (!all && size != count * sizeof(uint64_t)))
        return rd__session_refuse(&s->head, "sums of leaves that nobody asked for");
    const rd_result watched = rd__watch_end(&s->head.watch, &s->head.operation, RD_OK);
    if (watched != RD_OK) /* then no repair makes what was announced */
        return watched;
    rd__growing_clear(&s->wrong);
    for (size_t i = 0; i < count; i++) {
        const uint64_t offset = (uint64_t)i * leaf;
        uint64_t sum = 0;
        if (!all && !sender_leaf_sum(s, i, offset, rd__min_u64(offset + leaf, s->size), &sum)) {
            *error = s->slots[0].nearby.error;
            return s->slots[0].nearby.result;
        }
        rd__growing_put_byte(&s->wrong, all || sum != rd__load_le64(data + i * sizeof(uint64_t)));
    }
    s->repairs++;
    s->next_leaf = 0;
    s->phase = SENDER_REPAIR;
    s->head.figures.rounds++;
    return s->wrong.failed ? rd__fail_memory(error) : RD_OK;
}

/* Sends the next leaf that is wrong, in a frame of its own, and at the end an empty one. */
rd_result rd__sender_send_repair(sender *s) {
    rd_error *const error = &s->head.operation.error;
    const uint32_t leaf = rd__session_leaf_size(s->size);
    while (s->next_leaf < s->wrong.size && !s->wrong.data[s->next_leaf])
        s->next_leaf++;
    const bool last = s->next_leaf == s->wrong.size;
    rd__growing_clear(&s->chunk);
    if (!last) {
        const uint64_t offset = (uint64_t)s->next_leaf * leaf;
        const uint64_t end = rd__min_u64(offset + leaf, s->size);
        const int level = sender_level(s, end - offset);
        rd__growing_put_byte(&s->chunk, level > 0);
        rd__number_put(&s->chunk, s->next_leaf++);
        rd_result result = rd__literals_start(&s->encoder, level, NULL, 0, end - offset, error);
        for (uint64_t at = offset; at < end && result == RD_OK; at += RD__SENDER_PORTION) {
            const size_t size = (size_t)rd__min_u64(RD__SENDER_PORTION, end - at);
            const uint8_t *const data = rd__nearby_at(&s->slots[0].nearby, at, size);
            if (!data) {
                *error = s->slots[0].nearby.error;
                return s->slots[0].nearby.result;
            }
            result = rd__literals_encode(&s->encoder, data, size, at + size == end, &s->chunk, error);
        }
        if (result != RD_OK)
            return result;
        s->head.figures.repaired += end - offset;
    }
    rd__message_put(&s->head.out, RD__MESSAGE_REPAIR, 0, s->chunk.data, s->chunk.size);
    if (last)
        s->phase = SENDER_SENT;
    return s->head.out.failed || s->chunk.failed ? rd__fail_memory(error) : RD_OK;
}
