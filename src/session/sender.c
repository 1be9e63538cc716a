/*
 * The sender: it has the new file, and says sums of its stretches until enough of them are found; then it sends the
 * rest.
 *
 * The file is cut into blocks, whose sums go first (TOP), since what has moved far is found by searching all of the old
 * file for all of them at once. Then into lanes, which climb their ladders (engine/ladder.h) independently: while the
 * sums of one travel, another one's are made. A lane whose ladder has come to its end waits until those before it have
 * sent their literals, so that the receiver writes the file in order.
 *
 * The work of all lanes that have an answer is done by all threads. What a lane does depends on its answers alone.
 */
#include "session/session.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "compress/literals.h"
#include "file/segments.h"
#include "format/numbers.h"
#include "hash/rabinkarp.h"
#include "io/nearby.h"
#include "io/source.h"
#include "session/contexts.h"
#include "session/outline.h"
#include "session/output.h"
#include "session/plan.h"

#include <stdlib.h>

enum {
    LANES_MAX = 32,                 /* open at once */
    PORTION = 256 * 1024,           /* of literals that are compressed at once */
    SUM_PORTION = 64 * 1024,        /* of a stretch that is read at once */
    TOP_SEGMENT = 1024 * 1024,      /* at least */
    LITERALS_FEW = 8 * 1024 * 1024, /* of a lane: worth more time, since most lines are slow */
    LEVEL_SMALL = 12,
    LEVEL_LARGE = 3
};

typedef enum sender_phase {
    SENDER_DIGEST, /* of the file, which is to be made */
    SENDER_ANNOUNCED,
    SENDER_TOP, /* the receiver wants it */
    SENDER_TOP_SENT,
    SENDER_LANES,
    SENDER_SENT, /* all of it */
    SENDER_REPAIR
} sender_phase;

typedef struct sender_lane {
    uint64_t start; /* in the file */
    uint32_t length;
    bool waits; /* for the receiver's answer */
    bool ready; /* to do the next step */
    rd__ladder ladder;
    rd__climb climb;
    rd__round round;    /* under way */
    rd__growing answer; /* as it came */
    rd__growing body;   /* of the next round */
    rd_result result;
    rd_error error;
} sender_lane;

/* What a thread works on a lane with. */
typedef struct sender_slot {
    sender_lane *lane;
    rd__nearby nearby;
} sender_slot;

typedef struct sender {
    rd_session head;
    rd_source source;
    sender_phase phase;
    uint64_t size;
    uint64_t old_size;
    rd__plan plan;

    rd__outline outline;
    uint8_t *same; /* of each of its units: 1 if the receiver has it in the same place. NULL: it says nothing of that */

    uint64_t *sums; /* of the blocks; NULL: are not sent */
    uint8_t *found; /* of each block: 1 if the receiver has it */
    size_t block_count;

    size_t lane_count;
    size_t first; /* the lane that sends its literals next */
    size_t open_end;
    sender_lane *lanes; /* LANES_MAX, of which lane n is n modulo that */
    sender_slot *slots;
    void **slot_list;
    unsigned threads;
    size_t next_ready; /* of the run of threads: the lane that is looked at next */

    rd__literal_encoder encoder;
    rd__growing prefix;
    rd__growing history;
    rd__growing chunk; /* of a frame of DATA */
    bool data_begun;   /* of the first lane */
    size_t at;         /* its stretch */
    uint32_t at_offset;
    uint64_t unsent; /* literal bytes of the lane */

    rd__growing wrong; /* the leaves to be repaired: a bit each */
    size_t next_leaf;
    unsigned repairs;
} sender;

/* ---- The file ---------------------------------------------------------------------------------------------------- */

/* What is known without reading the file. It travels first: the receiver may have work of its own until the digest. */
static rd_result sender_announce(sender *s) {
    rd_session *const head = &s->head;
    rd__growing body = {0};
    head->record.file.size = s->size;
    head->record.last = true;
    head->record.holes = rd_source_holes(&s->source) > 0;
    head->has_file = true;
    head->figures.new_size = s->size;
    rd__file_record_put(&body, &head->record);
    const rd_result result = body.failed ? rd__fail_memory(&head->operation.error)
                                         : rd__session_send(head, RD__MESSAGE_FILE, 0, body.data, body.size);
    rd__growing_free(&body);
    head->rests = true;
    return result;
}

static rd_result sender_send_digest(sender *s) {
    rd_session *const head = &s->head;
    uint64_t size = 0;
    const rd_result result =
        rd__outline_make(&s->outline, &s->source, &head->operation, RD_ROLE_NEW, head->digest, &size);
    if (result != RD_OK)
        return result;
    if (size != s->size)
        return rd__fail(&head->operation.error, RD_E_CHANGED, RD_ROLE_NEW, size, "changed while it was being read");
    head->announced = true;
    head->figures.has_digest = true;
    memcpy(head->figures.digest, head->digest, sizeof head->figures.digest);
    s->phase = SENDER_ANNOUNCED;
    return rd__session_send(head, RD__MESSAGE_DIGEST, 0, head->digest, sizeof head->digest);
}

/* Compares the sums of the receiver's outline with one's own. *unknown: the bytes in units that differ. */
static rd_result sender_take_outline(sender *s, const uint8_t *sums, size_t size, uint64_t *unknown) {
    rd__outline *const outline = &s->outline;
    const unsigned bits = s->head.forced_bits;
    const uint32_t mask = bits > 0 && bits < 32 ? ((uint32_t)1 << bits) - 1 : UINT32_MAX;
    if (s->old_size != s->size || outline->unit_log2 == 0 || size != outline->unit_count * RD__OUTLINE_SUM_LEN)
        return rd__session_refuse(&s->head, "sums of another outline");
    s->same = rd__alloc_array(outline->unit_count, 1);
    if (!s->same)
        return rd__fail_memory(&s->head.operation.error);
    *unknown = 0;
    for (size_t i = 0; i < outline->unit_count; i++) {
        const uint32_t sum = rd__outline_sum(outline, &s->head.keys.stretch, i);
        s->same[i] = ((sum ^ rd__load_le32(sums + i * RD__OUTLINE_SUM_LEN)) & mask) == 0;
        *unknown += s->same[i] ? 0 : rd__outline_unit_size(outline, i);
    }
    return RD_OK;
}

/* Does the receiver have this block of the new file in the same place, as its outline tells? */
static bool sender_is_known(const sender *s, size_t block) {
    return s->same && s->same[(uint64_t)block << s->plan.top_log2 >> s->outline.unit_log2];
}

/* ---- The top ----------------------------------------------------------------------------------------------------- */

typedef struct top_slot {
    rd__segment segment;
} top_slot;

/* In the room beside the segment: the sums of its blocks, each 64 bits and then the rolling one. */
typedef struct top_sums {
    uint64_t sum;
    uint32_t rolling;
} top_sums;

typedef struct top_run {
    sender *sender;
    size_t block;
    uint64_t size; /* that was read */
    rd__bit_writer writer;
} top_run;

static void top_work(const void *context, void *slot) {
    const top_run *const run = context;
    const rd__segment *const segment = &((top_slot *)slot)->segment;
    const sender *const s = run->sender;
    const rd__kernels *const kernels = rd__kernels_best();
    top_sums *const sums = (top_sums *)(void *)segment->extra;
    const size_t block = (size_t)1 << s->plan.top_log2;
    for (size_t at = 0, i = 0; at < segment->got; at += block, i++) {
        const size_t size = rd__min_size(block, segment->got - at);
        const uint8_t *const data = segment->data + at;
        if (sender_is_known(s, (size_t)((segment->offset + at) / block)))
            continue;
        sums[i].sum = rd__stretch_sum(&s->head.keys.stretch, data, size, (segment->offset + at) / RD__LEAF);
        sums[i].rolling = kernels->weak_update[RD_RABINKARP](RD__RABINKARP_SEED, data, size);
    }
}

static rd_result top_finish(void *context, void *slot) {
    top_run *const run = context;
    sender *const s = run->sender;
    const rd__segment *const segment = &((top_slot *)slot)->segment;
    const top_sums *const sums = (const top_sums *)(const void *)segment->extra;
    const size_t block = (size_t)1 << s->plan.top_log2;
    for (size_t at = 0, i = 0; at < segment->got && run->block < s->block_count; at += block, i++, run->block++) {
        const uint32_t rolling = sums[i].rolling * s->head.keys.rolling;
        if (sender_is_known(s, run->block))
            continue;
        s->sums[run->block] = sums[i].sum;
        if (segment->got - at >= block)
            rd__bits_put(&run->writer, rolling >> (32 - s->plan.top_rolling_bits), s->plan.top_rolling_bits);
        rd__bits_put(&run->writer, sums[i].sum, s->plan.top_sum_bits);
    }
    run->size = segment->offset + segment->got;
    return RD_OK;
}

/* Adds the sums of all blocks that are not known. */
static rd_result sender_sum_blocks(sender *s, rd__growing *body) {
    static const rd__segment_work work = {.slot_size = sizeof(top_slot), .work = top_work, .finish = top_finish};
    rd__operation *const operation = &s->head.operation;
    const size_t block = (size_t)1 << s->plan.top_log2;
    const size_t size = block > TOP_SEGMENT ? block : TOP_SEGMENT;
    top_run run = {.sender = s, .writer.out = body};
    s->sums = rd__alloc_zeroed(s->block_count, sizeof *s->sums);
    if (!s->sums)
        return rd__fail_memory(&operation->error);
    rd__segments segments = {.source = &s->source,
                             .operation = operation,
                             .role = RD_ROLE_NEW,
                             .size = size,
                             .extra = size / block * sizeof(top_sums),
                             .work = &work,
                             .context = &run};
    const rd_result result = rd__segments_run(&segments, rd__operation_threads_for(operation, s->size));
    rd__bits_finish(&run.writer);
    if (result == RD_OK && run.size != s->size)
        return rd__fail(&operation->error, RD_E_CHANGED, RD_ROLE_NEW, RD_UNKNOWN, "changed while it was being read");
    return result;
}

/* Adds which units are the same. */
static void sender_put_same(const sender *s, rd__growing *body) {
    rd__bit_model models[2] = {RD__BIT_MODEL_EVEN, RD__BIT_MODEL_EVEN};
    rd__growing answers = {0};
    rd__bit_encoder encoder;
    rd__bit_encoder_init(&encoder, &answers);
    for (size_t i = 0; i < s->outline.unit_count; i++)
        rd__bit_encode(&encoder, &models[i > 0 && s->same[i - 1]], s->same[i]);
    rd__bit_encoder_finish(&encoder);
    rd__number_put(body, answers.size);
    rd__growing_put(body, answers.data, answers.size);
    body->failed |= answers.failed;
    rd__growing_free(&answers);
}

static rd_result sender_send_top(sender *s) {
    rd__operation *const operation = &s->head.operation;
    const uint64_t block = (uint64_t)1 << s->plan.top_log2;
    const bool searches = s->plan.top_rolling_bits > 0;
    rd__growing body = {0};
    s->block_count = (size_t)((s->size + block - 1) / block);
    s->found = rd__alloc_zeroed(s->block_count, 1);
    rd_result result = s->found ? RD_OK : rd__fail_memory(&operation->error);
    rd__growing_put_byte(&body, (uint8_t)s->plan.top_log2);
    rd__growing_put_byte(&body, (uint8_t)s->plan.top_rolling_bits);
    rd__growing_put_byte(&body, (uint8_t)s->plan.top_sum_bits);
    if (s->same)
        sender_put_same(s, &body);
    if (result == RD_OK && searches)
        result = sender_sum_blocks(s, &body);
    if (result == RD_OK && body.failed)
        result = rd__fail_memory(&operation->error);
    if (result == RD_OK)
        result = rd__session_send(&s->head, RD__MESSAGE_TOP, 0, body.data, body.size);
    rd__growing_free(&body);
    s->head.figures.rounds += searches;
    s->phase = searches ? SENDER_TOP_SENT : SENDER_LANES;
    return result;
}

static rd_result sender_take_placed(sender *s, const uint8_t *data, size_t size) {
    rd__bit_model models[2] = {RD__BIT_MODEL_EVEN, RD__BIT_MODEL_EVEN};
    rd__bit_decoder decoder;
    uint8_t before = 0;
    rd__bit_decoder_init(&decoder, data, data + size);
    for (size_t i = 0; i < s->block_count; i++)
        if (!sender_is_known(s, i))
            s->found[i] = before = rd__bit_decode(&decoder, &models[before]);
    if (!rd__bit_decoder_at_end(&decoder))
        return rd__session_refuse(&s->head, "broken answers");
    s->phase = SENDER_LANES;
    return RD_OK;
}

/* ---- Lanes ------------------------------------------------------------------------------------------------------- */

static sender_lane *sender_lane_at(const sender *s, size_t number) {
    return &s->lanes[number % LANES_MAX];
}

static rd_result sender_open_lane(sender *s) {
    const size_t number = s->open_end++;
    sender_lane *const lane = sender_lane_at(s, number);
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
            stretch.state = sender_is_known(s, i) ? RD__STRETCH_KNOWN
                            : s->found[i]         ? RD__STRETCH_FRESH
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

static void sender_close_lane(sender_lane *lane) {
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
    for (uint32_t at = 0; at < stretch->length; at += SUM_PORTION) {
        const size_t size = rd__min_size(SUM_PORTION, stretch->length - at);
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

static bool lane_fetch(void *context, void *item) {
    sender *const s = context;
    sender_slot *const slot = item;
    while (s->next_ready < s->open_end) {
        slot->lane = sender_lane_at(s, s->next_ready++);
        if (slot->lane->ready)
            return true;
    }
    return false;
}

static rd_result lane_finish(void *context, void *item) {
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
        ready += sender_lane_at(s, i)->ready;
    *done = ready > 0;
    if (ready == 0)
        return RD_OK;
    s->next_ready = s->first;
    const unsigned threads = (unsigned)rd__min_size(s->threads, ready);
    const rd__pipeline pipeline = {.fetch = lane_fetch,
                                   .work = lane_step,
                                   .finish = lane_finish,
                                   .context = s,
                                   .slots = s->slot_list,
                                   .slot_count = s->threads + 1,
                                   .threads = threads,
                                   .pool = &s->head.operation.context->pool};
    const rd_result result = rd__pipeline_run(&pipeline, &s->head.operation.error);
    s->head.figures.known = s->head.figures.done - s->head.figures.literal;
    for (size_t i = s->first; i < s->open_end; i++) {
        sender_lane *const lane = sender_lane_at(s, i);
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

/* ---- Literals ---------------------------------------------------------------------------------------------------- */

static rd_result sender_read_context(void *reader, uint32_t start, uint32_t size, uint8_t *data) {
    sender *const s = reader;
    const uint64_t offset = sender_lane_at(s, s->first)->start + start;
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
    const sender_lane *const lane = sender_lane_at(s, s->first);
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
    const sender_lane *const lane = sender_lane_at(s, s->first);
    rd__nearby *const nearby = &s->slots[0].nearby;
    rd_error *const error = &s->head.operation.error;
    size_t taken = 0;
    while (s->unsent > 0 && taken < PORTION && s->chunk.size < PORTION) {
        const rd__stretch *const stretch = &lane->ladder.stretches[s->at];
        if (stretch->state != RD__STRETCH_UNKNOWN || s->at_offset == stretch->length) {
            s->at++;
            s->at_offset = 0;
            continue;
        }
        const size_t size = rd__min_size(SUM_PORTION, stretch->length - s->at_offset);
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
static rd_result sender_send_data(sender *s) {
    sender_lane *const lane = sender_lane_at(s, s->first);
    rd_result result = s->data_begun ? RD_OK : sender_begin_data(s);
    if (result == RD_OK)
        result = sender_encode(s);
    if (result != RD_OK)
        return result;
    const bool last = s->unsent == 0;
    if (!last && s->chunk.size < PORTION)
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
    sender_close_lane(lane);
    s->data_begun = false;
    s->first++;
    if (s->first == s->lane_count)
        s->phase = SENDER_SENT;
    return RD_OK;
}

/* Once no search is under way, the parked lanes go on, all at once: the receiver searches for all of them in one go. */
static bool sender_unpark(sender *s) {
    bool any = false;
    uint64_t unknown = 0;
    for (size_t i = s->first; i < s->open_end; i++) {
        const sender_lane *const lane = sender_lane_at(s, i);
        if (lane->climb.parked != RD__PARKED_NOT)
            unknown += lane->length - rd__ladder_known(&lane->ladder);
        if (lane->waits && (lane->round.kind == RD__ROUND_LOCAL || lane->round.kind == RD__ROUND_GLOBAL))
            return false;
        any |= lane->climb.parked != RD__PARKED_NOT;
    }
    for (size_t i = s->first; any && i < s->open_end; i++) {
        sender_lane *const lane = sender_lane_at(s, i);
        if (lane->climb.parked == RD__PARKED_NOT)
            continue;
        rd__climb_unpark(&lane->climb, &s->plan, unknown);
        lane->ready = true;
    }
    return any;
}

static rd_result sender_work_lanes(sender *s, bool *done) {
    const size_t most = (size_t)rd__min_u64(s->head.other.lanes, LANES_MAX);
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
    const sender_lane *const lane = sender_lane_at(s, s->first);
    if (s->first == s->open_end || lane->waits || lane->climb.parked != RD__PARKED_NOT)
        return RD_OK;
    *done = true;
    return sender_send_data(s);
}

/* ---- Repair ------------------------------------------------------------------------------------------------------ */

/* Compares the receiver's sums of leaves: a bit in `wrong` for each that differs. */
static rd_result sender_take_leaves(sender *s, const uint8_t *data, size_t size) {
    rd_error *const error = &s->head.operation.error;
    const uint32_t leaf = rd__session_leaf_size(s->size);
    const size_t count = (size_t)((s->size + leaf - 1) / leaf);
    sender_lane lane = {0};
    const bool all = size == 0; /* the file as a whole */
    if (s->phase != SENDER_SENT || s->repairs == 2 || (!all && size != count * sizeof(uint64_t)))
        return rd__session_refuse(&s->head, "sums of leaves that nobody asked for");
    sender_slot *const slot = &s->slots[0];
    const rd_result watched = rd__watch_end(&s->head.watch, &s->head.operation, RD_OK);
    if (watched != RD_OK) /* then no repair makes what was announced */
        return watched;
    rd__growing_clear(&s->wrong);
    slot->lane = &lane;
    for (size_t i = 0; i < count; i++) {
        const uint64_t offset = (uint64_t)i * leaf;
        uint64_t sum = 0;
        const rd__stretch stretch = {.length = (uint32_t)rd__min_u64(leaf, s->size - offset)};
        lane.start = offset;
        if (!all && !sender_sum(s, slot, &stretch, &sum, NULL)) {
            *error = slot->nearby.error;
            return slot->nearby.result;
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
static rd_result sender_send_repair(sender *s) {
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
        for (uint64_t at = offset; at < end && result == RD_OK; at += SUM_PORTION) {
            const size_t size = (size_t)rd__min_u64(SUM_PORTION, end - at);
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

/* ---- The side ---------------------------------------------------------------------------------------------------- */

static rd_result sender_prepare(sender *s) {
    /* Of some sources, only the caller's thread may read. */
    s->threads = s->source.concurrent ? rd__operation_threads_for(&s->head.operation, s->size) : 1;
    s->lanes = rd__alloc_zeroed(LANES_MAX, sizeof *s->lanes);
    s->slots = rd__alloc_zeroed((uint64_t)s->threads + 1, sizeof *s->slots);
    s->slot_list = rd__alloc_array((uint64_t)s->threads + 1, sizeof *s->slot_list);
    bool good = s->lanes && s->slots && s->slot_list;
    for (unsigned i = 0; good && i <= s->threads; i++) {
        s->slot_list[i] = &s->slots[i];
        good = rd__nearby_init(&s->slots[i].nearby, &s->source, RD_ROLE_NEW);
    }
    return good ? RD_OK : rd__fail_memory(&s->head.operation.error);
}

static rd_result sender_take_go(sender *s, const uint8_t *data, size_t size) {
    const uint8_t *at = data;
    uint64_t unknown = s->size;
    if (!rd__number_get(&at, data + size, &s->old_size) || s->old_size > INT64_MAX)
        return rd__session_refuse(&s->head, "a broken answer to the file");
    const rd_result result =
        at < data + size ? sender_take_outline(s, at, (size_t)(data + size - at), &unknown) : RD_OK;
    rd__outline_free(&s->outline);
    if (result != RD_OK)
        return result;
    s->head.figures.old_size = s->old_size;
    s->head.figures.rounds = 2;
    s->lane_count = (size_t)((s->size + ((uint64_t)1 << RD__LANE_LOG2) - 1) >> RD__LANE_LOG2);
    rd__plan_make(&s->plan, s->size, s->old_size, s->head.operation.options.max_rounds, s->head.forced_bits);
    if (s->same)
        rd__plan_take_outline(&s->plan, s->outline.unit_log2, s->size, unknown);
    s->phase = s->lane_count == 0 ? SENDER_SENT : s->plan.top_log2 > 0 ? SENDER_TOP : SENDER_LANES;
    return sender_prepare(s);
}

static rd_result sender_take_found(sender *s, uint64_t number, const uint8_t *data, size_t size) {
    sender_lane *const lane = number < s->lane_count ? sender_lane_at(s, (size_t)number) : NULL;
    if (!lane || number < s->first || number >= s->open_end || !lane->waits || lane->ready || size > RD__ROUND_MAX)
        return rd__session_refuse(&s->head, "answers that nobody asked for");
    rd__growing_put(&lane->answer, data, size);
    lane->ready = true;
    return lane->answer.failed ? rd__fail_memory(&s->head.operation.error) : RD_OK;
}

/* The receiver has the file: before, or since it got the last of it (sender_send_data has looked whether it changed).
 */
static rd_result sender_end(sender *s, bool identical) {
    const rd_result result = identical ? rd__watch_end(&s->head.watch, &s->head.operation, RD_OK) : RD_OK;
    s->head.figures.identical = identical;
    s->head.figures.done = s->size;
    s->head.finished = result == RD_OK;
    if (identical)
        s->head.figures.known = s->size;
    if (s->head.figures.rounds == 0)
        s->head.figures.rounds = 1;
    return result;
}

static rd_result sender_take(rd_session *session, rd__message_type type, uint64_t lane, const uint8_t *data,
                             size_t size, bool more) {
    sender *const s = (sender *)session;
    (void)more;
    if (type == RD__MESSAGE_SAME && s->phase == SENDER_ANNOUNCED && size == 0)
        return sender_end(s, true);
    if (type == RD__MESSAGE_GO && s->phase == SENDER_ANNOUNCED)
        return sender_take_go(s, data, size);
    if (type == RD__MESSAGE_PLACED && s->phase == SENDER_TOP_SENT)
        return sender_take_placed(s, data, size);
    if (type == RD__MESSAGE_FOUND && s->phase == SENDER_LANES)
        return sender_take_found(s, lane, data, size);
    if (type == RD__MESSAGE_LEAVES)
        return sender_take_leaves(s, data, size);
    if (type == RD__MESSAGE_DONE && s->phase == SENDER_SENT && size == 0)
        return sender_end(s, false);
    return rd__session_refuse(session, "a message at the wrong time");
}

static rd_result sender_work(rd_session *session, bool *done) {
    sender *const s = (sender *)session;
    *done = true;
    switch (s->phase) {
    case SENDER_DIGEST: return sender_send_digest(s);
    case SENDER_TOP: return sender_send_top(s);
    case SENDER_LANES: return sender_work_lanes(s, done);
    case SENDER_REPAIR: return sender_send_repair(s);
    default: *done = false; return RD_OK;
    }
}

static void sender_close(rd_session *session) {
    sender *const s = (sender *)session;
    for (size_t i = 0; s->lanes && i < LANES_MAX; i++)
        sender_close_lane(&s->lanes[i]);
    for (unsigned i = 0; s->slots && i <= s->threads; i++)
        rd__nearby_free(&s->slots[i].nearby);
    free(s->lanes);
    free(s->slots);
    free(s->slot_list);
    free(s->same);
    free(s->sums);
    free(s->found);
    rd__outline_free(&s->outline);
    rd__literal_encoder_free(&s->encoder);
    rd__growing_free(&s->prefix);
    rd__growing_free(&s->history);
    rd__growing_free(&s->chunk);
    rd__growing_free(&s->wrong);
}

static const rd__session_side sender_side = {
    .take = sender_take, .work = sender_work, .close = sender_close, .works_first = true};

rd_result rd_session_sender_new(rd_session **session, const rd_source *new_file, const rd_session_file *file,
                                const rd_options *options) {
    rd_result result = rd__session_new(session, sizeof(sender), &sender_side, false, options);
    sender *const s = (sender *)*session;
    if (result == RD_OK)
        result = rd__source_check_seekable(new_file, RD_ROLE_NEW, RD_E_PARAMETER, &s->head.operation.error);
    if (result == RD_OK && new_file->size == RD_UNKNOWN)
        result = rd__fail(&s->head.operation.error, RD_E_PARAMETER, RD_ROLE_NEW, RD_UNKNOWN, "its size is not known");
    if (result == RD_OK && new_file->size > (uint64_t)1 << RD__SESSION_FILE_LOG2)
        result = rd__fail(&s->head.operation.error, RD_E_LIMIT, RD_ROLE_NEW, RD_UNKNOWN, "too large for a session");
    if (result == RD_OK) {
        s->source = *new_file;
        s->size = new_file->size;
        s->head.record.file = file ? *file : (rd_session_file){0};
        s->head.watch = rd__watch_begin(&s->source, RD_ROLE_NEW);
        result = sender_announce(s);
    }
    return rd__session_made(session, result);
}
