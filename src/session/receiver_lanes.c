/*
 * The rounds of lanes are answered by all threads, several lanes at once. A search of the whole old file waits until
 * nothing else has come, since it is made for all lanes together.
 */
#include "session/receiver.h"

#include "base/bytes.h"
#include "base/result.h"

#include <stdlib.h>

enum {
    STRETCHES_MAX = 1 << 18, /* of a lane: with those of the old file that do not follow each other */
    ROUNDS_MAX = 40,         /* of a lane */
    LOCAL_LOG2_MAX = 16,     /* of the stretches of a search near where they are expected */
    WANTED_MAX = 1 << 20,    /* stretches that are searched for at once, in the whole old file; more are not found */
    SEARCHES_MAX = 24        /* of the whole old file */
};

/* The diagonals that lead into a lane: of the blocks found nearest, or of the files' starts or ends. */
static void receiver_set_diagonals(const receiver *r, receiver_lane *lane) {
    size_t i = (size_t)(lane->start >> r->top_log2);
    lane->before = 0;
    lane->after = r->old_size - r->size;
    for (size_t k = i; k-- > 0;) {
        if (r->blocks[k].place != RD__NOWHERE) {
            lane->before = r->blocks[k].place - r->blocks[k].offset;
            break;
        }
    }
    for (i = (size_t)((lane->start + lane->length) >> r->top_log2); i < r->block_count; i++) {
        if (r->blocks[i].place != RD__NOWHERE) {
            lane->after = r->blocks[i].place - r->blocks[i].offset;
            break;
        }
    }
}

/* The lane, opened if it was not. NULL: out of memory. */
receiver_lane *rd__receiver_open_lane(receiver *r, uint64_t number) {
    receiver_lane *const lane = &r->lanes[number % RD__RECEIVER_LANES_MAX];
    if (lane->open)
        return lane;
    const uint64_t start = number << RD__LANE_LOG2;
    const uint64_t length = rd__min_u64(r->size - start, (uint64_t)1 << RD__LANE_LOG2);
    *lane = (receiver_lane){.open = true, .start = start, .length = (uint32_t)length};
    rd__ladder_init(&lane->ladder, true);
    const uint64_t block = r->top_log2 > 0 ? (uint64_t)1 << r->top_log2 : length;
    for (uint64_t at = 0; at < length; at += block) {
        rd__stretch stretch = {.start = (uint32_t)at, .length = (uint32_t)rd__min_u64(block, length - at)};
        if (r->top_log2 > 0) {
            const rd__wanted *const w = &r->blocks[(start + at) >> r->top_log2];
            const bool found = w->place != RD__NOWHERE;
            stretch.state = !found                                ? RD__STRETCH_UNKNOWN
                            : rd__receiver_is_known(r, w->offset) ? RD__STRETCH_KNOWN
                                                                  : RD__STRETCH_FRESH;
            stretch.bits = (uint8_t)r->top_bits;
            stretch.place = found ? w->place : 0;
            stretch.sum = found ? w->sum : w->known;
        }
        if (!rd__ladder_add(&lane->ladder, stretch))
            return NULL;
    }
    if (r->top_log2 > 0)
        receiver_set_diagonals(r, lane);
    return lane;
}

void rd__receiver_close_lane(receiver_lane *lane) {
    rd__ladder_free(&lane->ladder);
    rd__growing_free(&lane->message);
    rd__growing_free(&lane->answer);
    free(lane->rolling);
    *lane = (receiver_lane){0};
}

rd_result rd__receiver_take_round(receiver *r, uint64_t number, const uint8_t *data, size_t size) {
    if (r->top_log2 == 0 || number < r->first || number >= r->lane_count ||
        number - r->first >= RD__RECEIVER_LANES_MAX || (number == r->first && r->data_begun) ||
        size < RD__ROUND_HEADER_LEN || size > RD__ROUND_MAX)
        return rd__session_refuse(&r->head, "a round at the wrong time");
    receiver_lane *const lane = rd__receiver_open_lane(r, number);
    if (!lane)
        return rd__fail_memory(&r->head.operation.error);
    if (lane->asked || ++lane->rounds > ROUNDS_MAX || !rd__round_get(data, &lane->round) ||
        (lane->round.kind == RD__ROUND_LOCAL && lane->round.size_log2 > LOCAL_LOG2_MAX))
        return rd__session_refuse(&r->head, "a round that is broken, or one too many");
    rd__growing_put(&lane->message, data + RD__ROUND_HEADER_LEN, size - RD__ROUND_HEADER_LEN);
    lane->asked = true;
    const unsigned rounds = lane->rounds + RD__SESSION_ROUNDS + r->places_blocks;
    if (rounds > r->head.figures.rounds)
        r->head.figures.rounds = rounds;
    return lane->message.failed ? rd__fail_memory(&r->head.operation.error) : RD_OK;
}

/* Reads what the round says; of a search, what is searched for. */
static rd_result lane_read(receiver_lane *lane) {
    rd__ladder *const ladder = &lane->ladder;
    const rd__round *const round = &lane->round;
    rd__bit_reader reader = {.data = lane->message.data};
    reader.end = lane->message.size > 0 ? reader.data + lane->message.size : reader.data;
    rd__ladder_get_checks(ladder, round, &reader);
    if (rd__ladder_bound(ladder, round) > RD__LADDER_MAX)
        return rd__fail(&lane->error, RD_E_LIMIT, RD_ROLE_NONE, RD_UNKNOWN, "a round with too many sums");
    if (reader.failed || !rd__ladder_begin(ladder, round))
        return reader.failed ? RD_MORE : rd__fail_memory(&lane->error);
    if (round->kind == RD__ROUND_SPLIT) {
        rd__ladder_get_sums(ladder, round, &reader);
    } else if (round->kind != RD__ROUND_CLOSE) {
        size_t count = 0;
        lane->rolling = rd__alloc_array((uint64_t)ladder->count, sizeof *lane->rolling);
        if (!lane->rolling)
            return rd__fail_memory(&lane->error);
        for (size_t i = 0; i < ladder->count; i++)
            if (ladder->stretches[i].flags & RD__STRETCH_TESTED)
                lane->rolling[count++] = (uint32_t)rd__bits_get(&reader, round->bits) << (32 - round->bits);
    }
    return rd__bits_at_end(&reader) ? RD_OK : RD_MORE;
}

/* Any thread: reads a lane's round, and answers it unless the whole old file is to be searched. */
static void lane_answer(const void *context, void *item) {
    receiver_slot *const slot = item;
    receiver_lane *const lane = slot->lane;
    const rd__seek_lane seek = {
        .ladder = &lane->ladder, .start = lane->start, .before = lane->before, .after = lane->after};
    (void)context;
    lane->result = lane_read(lane);
    if (lane->result == RD_MORE)
        lane->result = rd__fail(&lane->error, RD_E_CORRUPT, RD_ROLE_NONE, RD_UNKNOWN, "a broken round");
    if (lane->ladder.count >
        STRETCHES_MAX) /* then nothing more is found, which costs a sender that means well nothing */
        return;
    if (lane->result == RD_OK && lane->round.kind == RD__ROUND_SPLIT)
        lane->result = rd__seek_diagonals(&slot->seeker, &seek, &lane->error);
    if (lane->result == RD_OK && lane->round.kind == RD__ROUND_LOCAL)
        lane->result = rd__seek_nearby(&slot->seeker, &seek, lane->rolling, lane->round.bits, &lane->error);
}

static bool receiver_fetch_lane(void *context, void *item) {
    receiver *const r = context;
    receiver_slot *const slot = item;
    while (r->next_asked < RD__RECEIVER_LANES_MAX) {
        receiver_lane *const lane = &r->lanes[(r->first + r->next_asked++) % RD__RECEIVER_LANES_MAX];
        if (lane->open && lane->asked && !lane->rolling) {
            slot->lane = lane;
            return true;
        }
    }
    return false;
}

/* Sends the answer of a lane, and draws the conclusions. */
static rd_result receiver_send_answer(receiver *r, receiver_lane *lane) {
    rd__ladder_put_answers(&lane->ladder, &lane->round, &lane->answer);
    rd__ladder_end(&lane->ladder, &lane->round);
    const rd_result result = lane->answer.failed
                                 ? rd__fail_memory(&r->head.operation.error)
                                 : rd__session_send(&r->head, RD__MESSAGE_FOUND, lane->start >> RD__LANE_LOG2,
                                                    lane->answer.data, lane->answer.size);
    rd__growing_clear(&lane->answer);
    rd__growing_clear(&lane->message);
    free(lane->rolling);
    lane->rolling = NULL;
    lane->asked = false;
    return result;
}

static rd_result receiver_finish_lane(void *context, void *item) {
    receiver *const r = context;
    receiver_lane *const lane = ((const receiver_slot *)item)->lane;
    if (lane->result != RD_OK) {
        r->head.operation.error = lane->error;
        return lane->result;
    }
    return lane->round.kind == RD__ROUND_GLOBAL ? RD_OK : receiver_send_answer(r, lane);
}

void rd__receiver_count_known(receiver *r) {
    rd_session_state *const figures = &r->head.figures;
    figures->known = figures->done - figures->literal;
    for (size_t i = 0; i < RD__RECEIVER_LANES_MAX; i++)
        if (r->lanes[i].open && !(r->data_begun && i == r->first % RD__RECEIVER_LANES_MAX))
            figures->known += rd__ladder_known(&r->lanes[i].ladder);
}

/* Answers all rounds that are here, but for searches of the whole old file. */
rd_result rd__receiver_answer_lanes(receiver *r, bool *done) {
    size_t asked = 0;
    for (size_t i = 0; i < RD__RECEIVER_LANES_MAX; i++)
        asked += r->lanes[i].asked && !r->lanes[i].rolling;
    *done = asked > 0;
    if (asked == 0)
        return RD_OK;
    r->next_asked = 0;
    const rd__pipeline pipeline = {.fetch = receiver_fetch_lane,
                                   .work = lane_answer,
                                   .finish = receiver_finish_lane,
                                   .context = r,
                                   .slots = r->slot_list,
                                   .slot_count = (size_t)r->threads + 1,
                                   .threads = (unsigned)rd__min_size(r->threads, asked),
                                   .pool = &r->head.operation.context->pool};
    const rd_result result = rd__pipeline_run(&pipeline, &r->head.operation.error);
    rd__receiver_count_known(r);
    return result;
}

/* Does the lane wait for a search of the whole old file, for stretches of this size? 0: of any. */
static bool lane_searches(const receiver_lane *lane, unsigned size_log2) {
    return lane->asked && (size_log2 == 0 || lane->round.size_log2 == size_log2);
}

/* What the lanes search for: *bits are the fewest that any of them has of rolling sums. NULL: out of memory. */
static rd__wanted *receiver_wanted(const receiver *r, unsigned size_log2, unsigned *bits, size_t *count) {
    size_t most = 1;
    *bits = RD__ROLLING_BITS_MAX;
    *count = 0;
    for (size_t i = 0; i < RD__RECEIVER_LANES_MAX; i++) {
        const receiver_lane *const lane = &r->lanes[i];
        if (!lane_searches(lane, size_log2))
            continue;
        *bits = lane->round.bits < *bits ? lane->round.bits : *bits;
        for (size_t k = 0; k < lane->ladder.count; k++)
            most += (lane->ladder.stretches[k].flags & RD__STRETCH_TESTED) != 0;
    }
    most = rd__min_size(most, WANTED_MAX);
    rd__wanted *const wanted = rd__alloc_array((uint64_t)most, sizeof *wanted);
    const uint32_t mask = (uint32_t)(UINT64_MAX << (32 - *bits));
    for (uint32_t i = 0; wanted && i < RD__RECEIVER_LANES_MAX; i++) {
        const receiver_lane *const lane = &r->lanes[i];
        size_t tested = 0;
        for (uint32_t k = 0; lane_searches(lane, size_log2) && k < lane->ladder.count; k++) {
            const rd__stretch *const s = &lane->ladder.stretches[k];
            if ((s->flags & RD__STRETCH_TESTED) && *count < most)
                wanted[(*count)++] = (rd__wanted){.rolling = lane->rolling[tested++] & mask,
                                                  .bits = s->bits,
                                                  .known = s->sum,
                                                  .offset = lane->start + s->start,
                                                  .place = RD__NOWHERE,
                                                  .stretch = k,
                                                  .lane = i};
        }
    }
    return wanted;
}

/* Searches the whole old file for the lanes that ask for one size, if any does, and answers them. */
rd_result rd__receiver_search(receiver *r, bool *done) {
    unsigned size_log2 = 0;
    unsigned bits = 0;
    size_t count = 0;
    for (size_t i = 0; i < RD__RECEIVER_LANES_MAX && size_log2 == 0; i++)
        size_log2 = lane_searches(&r->lanes[i], 0) ? r->lanes[i].round.size_log2 : 0;
    *done = size_log2 > 0;
    if (size_log2 == 0)
        return RD_OK;
    rd__wanted *const wanted = receiver_wanted(r, size_log2, &bits, &count);
    if (!wanted)
        return rd__fail_memory(&r->head.operation.error);
    rd_result result = RD_OK;
    if (r->searches++ < SEARCHES_MAX)
        result =
            rd__seek_everywhere(&r->slots[0].seeker, &r->head.operation, wanted, count, (uint32_t)1 << size_log2, bits);
    for (size_t i = 0; i < count && result == RD_OK; i++)
        rd__seek_note(&r->lanes[wanted[i].lane].ladder.stretches[wanted[i].stretch], &wanted[i]);
    free(wanted);
    for (size_t i = 0; i < RD__RECEIVER_LANES_MAX && result == RD_OK; i++) {
        receiver_lane *const lane = &r->lanes[(r->first + i) % RD__RECEIVER_LANES_MAX];
        if (lane_searches(lane, size_log2))
            result = receiver_send_answer(r, lane);
    }
    rd__receiver_count_known(r);
    return result;
}
