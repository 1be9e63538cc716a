/*
 * Lanes climb their ladders independently. What a lane does depends on its answers alone, so all threads take steps of
 * those that have one.
 */
#include "session/sender.h"

#include "base/bytes.h"
#include "base/result.h"
#include "hash/kernels.h"
#include "hash/rabinkarp.h"

static rd_result sender_open_lane(sender *s) {
    const size_t number = s->open_end++;
    sender_lane *const lane = rd__sender_lane_at(s, number);
    const uint64_t start = (uint64_t)number << RD__LANE_LOG2;
    const uint64_t length = rd__min_u64(s->size - start, (uint64_t)1 << RD__LANE_LOG2);
    *lane = (sender_lane){.start = start, .length = (uint32_t)length, .ready = true};
    rd__ladder_init(&lane->ladder, false);
    rd__climb_begin(&lane->climb, &s->plan, lane->length);
    const uint64_t block = s->block_count > 0 ? (uint64_t)1 << s->plan.top_log2 : length;
    for (uint64_t at = 0; at < length; at += block) {
        const size_t i = (size_t)((start + at) / block);
        rd__stretch stretch = {.start = (uint32_t)at, .length = (uint32_t)rd__min_u64(block, length - at)};
        if (s->block_count > 0)
            stretch.state = rd__sender_is_known(s, i) ? RD__STRETCH_KNOWN
                            : s->found[i]             ? RD__STRETCH_FRESH
                                                      : RD__STRETCH_UNKNOWN;
        if (s->sums) {
            stretch.bits = (uint8_t)s->plan.top_sum_bits;
            stretch.sum = s->sums[i];
        }
        if (!rd__ladder_add(&lane->ladder, stretch))
            return rd__fail_memory(&s->head.operation.error);
    }
    return RD_OK;
}

void rd__sender_close_lane(sender_lane *lane) {
    rd__ladder_free(&lane->ladder);
    rd__growing_free(&lane->answer);
    rd__growing_free(&lane->body);
}

/* The sum of a stretch, and its rolling sum times the key if `rolling` is not NULL. False: it cannot be read. */
static bool sender_sum(const sender *s, sender_slot *slot, const rd__stretch *stretch, uint64_t *sum,
                       uint32_t *rolling) {
    const rd__kernels *const kernels = rd__kernels_best();
    const uint64_t start = slot->lane->start + stretch->start;
    uint32_t weak = RD__RABINKARP_SEED;
    *sum = 0;
    for (uint32_t at = 0; at < stretch->length; at += RD__SENDER_PORTION) {
        const size_t size = rd__min_size(RD__SENDER_PORTION, stretch->length - at);
        const uint8_t *const data = rd__nearby_at(&slot->nearby, start + at, size);
        if (!data)
            return false;
        if (rolling)
            weak = kernels->weak_update[RD_RABINKARP](weak, data, size);
        else
            *sum ^= rd__stretch_sum(&s->head.keys.stretch, data, size, (start + at) / RD__LEAF);
    }
    if (rolling)
        *rolling = weak * s->head.keys.rolling;
    return true;
}

/* Makes the sums of what is tested; those of a search are written at once. */
static bool lane_make_sums(const sender *s, sender_slot *slot, rd__bit_writer *writer) {
    sender_lane *const lane = slot->lane;
    const rd__round *const round = &lane->round;
    for (size_t i = 0; i < lane->ladder.count; i++) {
        rd__stretch *const stretch = &lane->ladder.stretches[i];
        uint32_t rolling = 0;
        uint64_t sum = 0;
        if (!(stretch->flags & RD__STRETCH_TESTED))
            continue;
        if (round->kind == RD__ROUND_SPLIT) {
            if (!sender_sum(s, slot, stretch, &sum, NULL))
                return false;
            stretch->sum = sum;
            continue;
        }
        if (!sender_sum(s, slot, stretch, &sum, &rolling))
            return false;
        rd__bits_put(writer, rolling >> (32 - round->bits), round->bits);
    }
    return true;
}

static void lane_fail(sender_slot *slot, rd_result result, const char *reason) {
    slot->lane->result = rd__fail(&slot->lane->error, result, RD_ROLE_NONE, RD_UNKNOWN, reason);
}

/* Any thread: takes the answer of a lane's round, and makes the next round, if there is one. */
static void lane_step(const void *context, void *item) {
    const sender *const s = context;
    sender_slot *const slot = item;
    sender_lane *const lane = slot->lane;
    rd__bit_writer writer = {.out = &lane->body};
    rd__growing_clear(&lane->body);
    if (lane->waits) {
        if (!rd__ladder_get_answers(&lane->ladder, &lane->round, lane->answer.data, lane->answer.size)) {
            lane_fail(slot, RD_E_CORRUPT, "broken answers");
            return;
        }
        rd__climb_learn(&lane->climb, &lane->ladder, &lane->round);
        rd__ladder_end(&lane->ladder, &lane->round);
        rd__growing_clear(&lane->answer);
        lane->waits = false;
    }
    if (lane->climb.parked != RD__PARKED_NOT || !rd__climb_next(&lane->climb, &s->plan, &lane->ladder, &lane->round))
        return;
    rd__round_put(&lane->body, &lane->round);
    rd__ladder_put_checks(&lane->ladder, &lane->round, &writer);
    if (!rd__ladder_begin(&lane->ladder, &lane->round)) {
        lane->result = rd__fail_memory(&lane->error);
        return;
    }
    if (!lane_make_sums(s, slot, &writer)) {
        lane->result = slot->nearby.result;
        lane->error = slot->nearby.error;
        return;
    }
    if (lane->round.kind == RD__ROUND_SPLIT)
        rd__ladder_put_sums(&lane->ladder, &lane->round, &writer);
    rd__bits_finish(&writer);
    lane->climb.spent += lane->body.size;
    lane->waits = true;
    if (lane->body.failed)
        lane->result = rd__fail_memory(&lane->error);
}

static bool sender_fetch_lane(void *context, void *item) {
    sender *const s = context;
    sender_slot *const slot = item;
    while (s->next_ready < s->open_end) {
        slot->lane = rd__sender_lane_at(s, s->next_ready++);
        if (slot->lane->ready)
            return true;
    }
    return false;
}

static rd_result sender_finish_lane(void *context, void *item) {
    sender *const s = context;
    const sender_slot *const slot = item;
    sender_lane *const lane = slot->lane;
    lane->ready = false;
    if (lane->result != RD_OK) {
        s->head.operation.error = lane->error;
        return lane->result;
    }
    if (!lane->waits)
        return RD_OK;
    const rd_result result =
        rd__session_send(&s->head, RD__MESSAGE_ROUND, lane->start >> RD__LANE_LOG2, lane->body.data, lane->body.size);
    rd__growing_free(&lane->body);
    return result;
}

/* All lanes that are ready take their next step. */
static rd_result sender_step_lanes(sender *s, bool *done) {
    size_t ready = 0;
    for (size_t i = s->first; i < s->open_end; i++)
        ready += rd__sender_lane_at(s, i)->ready;
    *done = ready > 0;
    if (ready == 0)
        return RD_OK;
    s->next_ready = s->first;
    const unsigned threads = (unsigned)rd__min_size(s->threads, ready);
    const rd__pipeline pipeline = {.fetch = sender_fetch_lane,
                                   .work = lane_step,
                                   .finish = sender_finish_lane,
                                   .context = s,
                                   .slots = s->slot_list,
                                   .slot_count = s->threads + 1,
                                   .threads = threads,
                                   .pool = &s->head.operation.context->pool};
    const rd_result result = rd__pipeline_run(&pipeline, &s->head.operation.error);
    s->head.figures.known = s->head.figures.done - s->head.figures.literal;
    for (size_t i = s->first; i < s->open_end; i++) {
        sender_lane *const lane = rd__sender_lane_at(s, i);
        s->plan.searched += lane->climb.searched;
        s->plan.found += lane->climb.found;
        lane->climb.searched = lane->climb.found = 0;
        if (i > s->first || !s->data_begun)
            s->head.figures.known += rd__ladder_known(&lane->ladder);
        const unsigned rounds = lane->climb.rounds + RD__SESSION_ROUNDS + (s->sums != NULL);
        if (rounds > s->head.figures.rounds)
            s->head.figures.rounds = rounds;
    }
    return result;
}

/* Once no search is under way, the parked lanes go on, all at once: the receiver searches for all of them in one go. */
static bool sender_unpark(sender *s) {
    bool any = false;
    uint64_t unknown = 0;
    for (size_t i = s->first; i < s->open_end; i++) {
        const sender_lane *const lane = rd__sender_lane_at(s, i);
        if (lane->climb.parked != RD__PARKED_NOT)
            unknown += lane->length - rd__ladder_known(&lane->ladder);
        if (lane->waits && (lane->round.kind == RD__ROUND_LOCAL || lane->round.kind == RD__ROUND_GLOBAL))
            return false;
        any |= lane->climb.parked != RD__PARKED_NOT;
    }
    for (size_t i = s->first; any && i < s->open_end; i++) {
        sender_lane *const lane = rd__sender_lane_at(s, i);
        if (lane->climb.parked == RD__PARKED_NOT)
            continue;
        rd__climb_unpark(&lane->climb, &s->plan, unknown);
        lane->ready = true;
    }
    return any;
}

rd_result rd__sender_work_lanes(sender *s, bool *done) {
    const size_t most = (size_t)rd__min_u64(s->head.other.lanes, RD__SENDER_LANES_MAX);
    while (s->open_end < s->lane_count && s->open_end - s->first < most) {
        const rd_result result = sender_open_lane(s);
        if (result != RD_OK)
            return result;
    }
    const rd_result result = sender_step_lanes(s, done);
    if (result != RD_OK || *done)
        return result;
    *done = sender_unpark(s);
    if (*done)
        return RD_OK;
    const sender_lane *const lane = rd__sender_lane_at(s, s->first);
    if (s->first == s->open_end || lane->waits || lane->climb.parked != RD__PARKED_NOT)
        return RD_OK;
    *done = true;
    return rd__sender_send_data(s);
}

rd_result rd__sender_take_found(sender *s, uint64_t number, const uint8_t *data, size_t size) {
    sender_lane *const lane = number < s->lane_count ? rd__sender_lane_at(s, (size_t)number) : NULL;
    if (!lane || number < s->first || number >= s->open_end || !lane->waits || lane->ready || size > RD__ROUND_MAX)
        return rd__session_refuse(&s->head, "answers that nobody asked for");
    rd__growing_put(&lane->answer, data, size);
    lane->ready = true;
    return lane->answer.failed ? rd__fail_memory(&s->head.operation.error) : RD_OK;
}
