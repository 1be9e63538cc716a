/*
 * The receiver: it has the old file, says which stretches of the new one it finds there, and writes the new file.
 *
 * Sums mislead now and then. What they have led to is checked by other sums (engine/ladder.h), and in the end by the
 * digest of the file. If that is wrong, the sender gets sums of all leaves that were written, and those that are wrong
 * come once more, then, if need be, all of them: a wrong file is never taken for the new one.
 *
 * The rounds of lanes are answered by all threads, several lanes at once. A search of the whole old file waits until
 * nothing else has come, since it is made for all lanes together.
 */
#include "session/session.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "compress/literals.h"
#include "format/numbers.h"
#include "io/holes.h"
#include "io/sink.h"
#include "io/source.h"
#include "session/contexts.h"
#include "session/outline.h"
#include "session/output.h"
#include "session/seek.h"

#include <stdlib.h>

enum {
    LANES_MAX = 32,          /* that may be open */
    STRETCHES_MAX = 1 << 18, /* of a lane: with those of the old file that do not follow each other */
    ROUNDS_MAX = 40,         /* of a lane */
    LOCAL_LOG2_MAX = 16,     /* of the stretches of a search near where they are expected */
    WANTED_MAX = 1 << 20,    /* stretches that are searched for at once, in the whole old file; more are not found */
    SEARCHES_MAX = 24,       /* of the whole old file */
    TOP_HEADER = 3,
    TOP_LOG2_MIN = 5
};

typedef enum receiver_phase {
    RECEIVER_GREETING,
    RECEIVER_COMPARE, /* the file is announced */
    RECEIVER_LANES,
    RECEIVER_TOP, /* blocks are to be searched for */
    RECEIVER_WRITTEN,
    RECEIVER_REPAIR,
    RECEIVER_DONE
} receiver_phase;

typedef struct receiver_lane {
    bool open;
    bool asked; /* a round is to be answered */
    uint64_t start;
    uint32_t length;
    uint64_t before; /* diagonals */
    uint64_t after;
    unsigned rounds;
    rd__ladder ladder;
    rd__round round;
    rd__growing message; /* the round, as it came */
    rd__growing answer;
    uint32_t *rolling; /* of a search: what was sent for each stretch */
    rd_result result;
    rd_error error;
} receiver_lane;

typedef struct receiver_slot {
    receiver_lane *lane;
    rd__seeker seeker;
} receiver_slot;

typedef struct receiver {
    rd_session head;
    rd_source old_file;
    rd_sink sink;
    receiver_phase phase;
    bool has_old;
    bool data_begun;
    bool doubtful;  /* the literals of the lane cannot be read: hashes have misled */
    bool seen_leaf; /* of the repair: one came */
    uint64_t size;
    uint64_t old_size;

    bool hashed;                   /* the old file, which has the new one's size */
    uint8_t digest[RD_DIGEST_LEN]; /* of the old file */
    rd__outline outline;

    unsigned top_log2; /* 0: there is none */
    unsigned top_rolling_bits;
    unsigned top_bits;   /* of sums */
    bool places_blocks;  /* that it searches for: the sender has sent sums of them */
    uint8_t *same;       /* of each unit of the outline: 1 if both files have it in the same place */
    rd__wanted *blocks;  /* first those that are searched for; after the search in the order of the new file */
    size_t wanted_count; /* that are searched for */
    size_t block_count;

    size_t lane_count;
    size_t first; /* the lane whose literals come next */
    receiver_lane *lanes;
    receiver_slot *slots;
    void **slot_list;
    unsigned threads;
    size_t next_asked;
    unsigned searches;

    rd__session_output output;
    rd__literal_decoder decoder;
    rd__growing prefix;
    rd__growing history;
    size_t at; /* the stretch that is written */
    uint32_t at_offset;
    unsigned repairs;
} receiver;

/* ---- The file ---------------------------------------------------------------------------------------------------- */

static rd_result receiver_prepare(receiver *r) {
    rd_session *const head = &r->head;
    r->threads = r->old_file.concurrent
                     ? rd__operation_threads_for(&head->operation, r->size > r->old_size ? r->size : r->old_size)
                     : 1; /* only the caller's thread may read it */
    r->lanes = rd__alloc_zeroed(LANES_MAX, sizeof *r->lanes);
    r->slots = rd__alloc_zeroed((uint64_t)r->threads + 1, sizeof *r->slots);
    r->slot_list = rd__alloc_array((uint64_t)r->threads + 1, sizeof *r->slot_list);
    bool good = r->lanes && r->slots && r->slot_list;
    for (unsigned i = 0; good && i <= r->threads; i++) {
        r->slot_list[i] = &r->slots[i];
        r->slots[i].seeker = (rd__seeker){.keys = &head->keys, .old_size = r->old_size};
        good = rd__nearby_init(&r->slots[i].seeker.nearby, &r->old_file, RD_ROLE_BASIS);
    }
    if (!good)
        return rd__fail_memory(&head->operation.error);
    return rd__session_output_init(&r->output, &r->sink, &head->operation, &head->keys, r->size,
                                   head->record.holes || (r->has_old && rd_source_holes(&r->old_file) > 0));
}

static rd_result receiver_finish_file(receiver *r);

static rd_result receiver_go(receiver *r) {
    rd__growing body = {0};
    rd_result result = receiver_prepare(r);
    rd__number_put(&body, r->old_size);
    for (size_t i = 0; i < r->outline.unit_count; i++) {
        uint8_t *const to = rd__growing_add(&body, RD__OUTLINE_SUM_LEN);
        if (to)
            rd__store_le32(to, rd__outline_sum(&r->outline, &r->head.keys.stretch, i));
    }
    rd__outline_free(&r->outline);
    if (result == RD_OK)
        result = body.failed ? rd__fail_memory(&r->head.operation.error)
                             : rd__session_send(&r->head, RD__MESSAGE_GO, 0, body.data, body.size);
    rd__growing_free(&body);
    r->phase = RECEIVER_LANES;
    r->head.figures.rounds = 2;
    return result == RD_OK && r->lane_count == 0 ? receiver_finish_file(r) : result;
}

static rd_result receiver_take_file(receiver *r, const uint8_t *data, size_t size) {
    rd_session *const head = &r->head;
    if (!rd__file_record_get(data, size, &head->record))
        return rd__session_refuse(head, "a broken record of a file");
    if (!head->record.last)
        return rd__session_refuse(head, "several files, which this version cannot receive");
    r->size = head->record.file.size;
    head->has_file = true;
    head->figures.new_size = r->size;
    r->lane_count = (size_t)((r->size + ((uint64_t)1 << RD__LANE_LOG2) - 1) >> RD__LANE_LOG2);
    const rd_result result = rd__operation_allow_output(&head->operation, r->size);
    r->phase = RECEIVER_COMPARE;
    return result;
}

static rd_result receiver_take_digest(receiver *r, const uint8_t *data, size_t size) {
    if (r->head.announced || size != sizeof r->head.digest)
        return rd__session_refuse(&r->head, "a broken or second digest");
    memcpy(r->head.digest, data, size);
    r->head.announced = true;
    return RD_OK;
}

/* A file that has the old one's size may be the same. The old one is hashed while the sender hashes the new one. */
static rd_result receiver_hash(receiver *r) {
    uint64_t size = 0;
    r->hashed = true;
    return rd__outline_make(&r->outline, &r->old_file, &r->head.operation, RD_ROLE_BASIS, r->digest, &size);
}

/* Are the files equal? */
static rd_result receiver_compare(receiver *r, bool *done) {
    rd_session *const head = &r->head;
    const bool alike = r->has_old && r->old_size == r->size;
    *done = true;
    if (alike && !r->hashed)
        return receiver_hash(r);
    *done = head->announced;
    if (!head->announced)
        return RD_OK;
    if (!alike || memcmp(r->digest, head->digest, sizeof r->digest) != 0)
        return receiver_go(r);
    head->figures.identical = true;
    head->figures.known = head->figures.done = r->size;
    head->figures.has_digest = true;
    head->figures.rounds = 1;
    memcpy(head->figures.digest, r->digest, sizeof r->digest);
    head->finished = true;
    return rd__session_send(head, RD__MESSAGE_SAME, 0, NULL, 0);
}

/* ---- The top ----------------------------------------------------------------------------------------------------- */

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

static bool receiver_is_known(const receiver *r, uint64_t offset) {
    return r->same && r->same[offset >> r->outline.unit_log2];
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
        unknown -= receiver_is_known(r, (uint64_t)i << r->top_log2);
    if (r->places_blocks && unknown > (size_t)(end - at) * 8 / r->top_bits) /* before memory is taken for them */
        return rd__session_refuse(&r->head, "too few sums of blocks");
    r->blocks = rd__alloc_array((uint64_t)r->block_count, sizeof *r->blocks);
    if (!r->blocks)
        return rd__fail_memory(&r->head.operation.error);
    rd__bit_reader reader = {.data = at, .end = end};
    size_t next = 0;
    for (size_t i = 0; i < r->block_count; i++) {
        rd__wanted block = {.bits = r->top_bits, .offset = (uint64_t)i << r->top_log2, .place = RD__NOWHERE};
        if (receiver_is_known(r, block.offset)) {
            block.place = block.offset;
            r->blocks[unknown++] = block;
            continue;
        }
        if (r->places_blocks && i < whole)
            block.rolling = (uint32_t)rd__bits_get(&reader, r->top_rolling_bits) << (32 - r->top_rolling_bits);
        if (r->places_blocks)
            block.known = rd__bits_get(&reader, r->top_bits);
        r->wanted_count += i < whole;
        r->blocks[next++] = block;
    }
    return rd__bits_at_end(&reader) ? RD_OK : rd__session_refuse(&r->head, "broken sums of blocks");
}

/* Without a search, the rounds follow at once. */
static rd_result receiver_take_top(receiver *r, const uint8_t *data, size_t size) {
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

static rd_result receiver_search_top(receiver *r) {
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
        if (receiver_is_known(r, r->blocks[i].offset))
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

/* ---- Lanes ------------------------------------------------------------------------------------------------------- */

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
static receiver_lane *receiver_open_lane(receiver *r, uint64_t number) {
    receiver_lane *const lane = &r->lanes[number % LANES_MAX];
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
            stretch.state = !found                            ? RD__STRETCH_UNKNOWN
                            : receiver_is_known(r, w->offset) ? RD__STRETCH_KNOWN
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

static void receiver_close_lane(receiver_lane *lane) {
    rd__ladder_free(&lane->ladder);
    rd__growing_free(&lane->message);
    rd__growing_free(&lane->answer);
    free(lane->rolling);
    *lane = (receiver_lane){0};
}

static rd_result receiver_take_round(receiver *r, uint64_t number, const uint8_t *data, size_t size) {
    if (r->top_log2 == 0 || number < r->first || number >= r->lane_count || number - r->first >= LANES_MAX ||
        (number == r->first && r->data_begun) || size < RD__ROUND_HEADER_LEN || size > RD__ROUND_MAX)
        return rd__session_refuse(&r->head, "a round at the wrong time");
    receiver_lane *const lane = receiver_open_lane(r, number);
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

static bool lane_fetch(void *context, void *item) {
    receiver *const r = context;
    receiver_slot *const slot = item;
    while (r->next_asked < LANES_MAX) {
        receiver_lane *const lane = &r->lanes[(r->first + r->next_asked++) % LANES_MAX];
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

static rd_result lane_finish(void *context, void *item) {
    receiver *const r = context;
    receiver_lane *const lane = ((const receiver_slot *)item)->lane;
    if (lane->result != RD_OK) {
        r->head.operation.error = lane->error;
        return lane->result;
    }
    return lane->round.kind == RD__ROUND_GLOBAL ? RD_OK : receiver_send_answer(r, lane);
}

static void receiver_count_known(receiver *r) {
    rd_session_state *const figures = &r->head.figures;
    figures->known = figures->done - figures->literal;
    for (size_t i = 0; i < LANES_MAX; i++)
        if (r->lanes[i].open && !(r->data_begun && i == r->first % LANES_MAX))
            figures->known += rd__ladder_known(&r->lanes[i].ladder);
}

/* Answers all rounds that are here, but for searches of the whole old file. */
static rd_result receiver_answer_lanes(receiver *r, bool *done) {
    size_t asked = 0;
    for (size_t i = 0; i < LANES_MAX; i++)
        asked += r->lanes[i].asked && !r->lanes[i].rolling;
    *done = asked > 0;
    if (asked == 0)
        return RD_OK;
    r->next_asked = 0;
    const rd__pipeline pipeline = {.fetch = lane_fetch,
                                   .work = lane_answer,
                                   .finish = lane_finish,
                                   .context = r,
                                   .slots = r->slot_list,
                                   .slot_count = (size_t)r->threads + 1,
                                   .threads = (unsigned)rd__min_size(r->threads, asked),
                                   .pool = &r->head.operation.context->pool};
    const rd_result result = rd__pipeline_run(&pipeline, &r->head.operation.error);
    receiver_count_known(r);
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
    for (size_t i = 0; i < LANES_MAX; i++) {
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
    for (uint32_t i = 0; wanted && i < LANES_MAX; i++) {
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
static rd_result receiver_search(receiver *r, bool *done) {
    unsigned size_log2 = 0;
    unsigned bits = 0;
    size_t count = 0;
    for (size_t i = 0; i < LANES_MAX && size_log2 == 0; i++)
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
    for (size_t i = 0; i < LANES_MAX && result == RD_OK; i++) {
        receiver_lane *const lane = &r->lanes[(r->first + i) % LANES_MAX];
        if (lane_searches(lane, size_log2))
            result = receiver_send_answer(r, lane);
    }
    receiver_count_known(r);
    return result;
}

/* ---- Literals ---------------------------------------------------------------------------------------------------- */

/* Known bytes of the first lane: from wherever they lie in the old file. The stretches are gone through in order. */
typedef struct known_reader {
    receiver *receiver;
    size_t at;
} known_reader;

static rd_result receiver_read_known(void *reader, uint32_t start, uint32_t size, uint8_t *data) {
    known_reader *const known = reader;
    receiver *const r = known->receiver;
    const rd__ladder *const ladder = &r->lanes[r->first % LANES_MAX].ladder;
    rd__nearby *const nearby = &r->slots[0].seeker.nearby;
    while (size > 0) {
        const rd__stretch *const s = &ladder->stretches[known->at];
        if (start >= s->start + s->length) {
            known->at++;
            continue;
        }
        const size_t now = rd__min_size(size, s->start + s->length - start);
        const uint8_t *const from = rd__nearby_at(nearby, s->place + (start - s->start), now);
        if (!from) {
            r->head.operation.error = nearby->error;
            return nearby->result;
        }
        memcpy(data, from, now);
        data += now;
        start += (uint32_t)now;
        size -= (uint32_t)now;
    }
    return RD_OK;
}

static rd_result receiver_begin_data(receiver *r, bool compressed) {
    const receiver_lane *const lane = &r->lanes[r->first % LANES_MAX];
    rd_error *const error = &r->head.operation.error;
    known_reader reader = {.receiver = r};
    r->data_begun = true;
    r->doubtful = false;
    r->at = 0;
    r->at_offset = 0;
    rd__growing_clear(&r->prefix);
    if (compressed && rd__ladder_known(&lane->ladder) < lane->length) {
        rd__history_trim(&r->history);
        rd__growing_put(&r->prefix, r->history.data, r->history.size);
        const rd_result result = rd__contexts_add(&lane->ladder, receiver_read_known, &reader, &r->prefix, error);
        if (result != RD_OK)
            return result;
    }
    if (r->prefix.failed)
        return rd__fail_memory(error);
    return rd__literals_open(&r->decoder, compressed, r->prefix.data, r->prefix.size, error);
}

/* Writes the next bytes of a known stretch. */
static rd_result receiver_copy(receiver *r, const rd__stretch *s, size_t *put) {
    const uint64_t place = s->place + r->at_offset;
    const uint32_t left = s->length - r->at_offset;
    uint64_t copied = 0;
    size_t room = 0;
    size_t got = 0;
    rd_result result = rd__session_output_copy(&r->output, &r->old_file, place, left, r->threads, &copied);
    *put = (size_t)copied;
    if (result != RD_OK || copied > 0)
        return result;
    uint8_t *const to = rd__session_output_room(&r->output, &room);
    *put = rd__min_size(room, left);
    result = rd__basis_read(&r->old_file, &r->head.operation, place, to, *put, &got);
    return result == RD_OK ? rd__session_output_put(&r->output, *put) : result;
}

/* Writes the next bytes of a literal, as far as there are any. */
static rd_result receiver_decode(receiver *r, const rd__stretch *s, rd_in *in, size_t *put) {
    size_t room = 0;
    uint8_t *const to = rd__session_output_room(&r->output, &room);
    rd_out out = {.data = to, .size = rd__min_size(room, s->length - r->at_offset)};
    const rd_result decoded = r->doubtful ? RD_E_CORRUPT : rd__literals_decode(&r->decoder, in, &out);
    if (decoded == RD_E_MEMORY)
        return rd__fail_memory(&r->head.operation.error);
    r->doubtful = decoded != RD_OK;
    if (r->doubtful) { /* whatever is written now, it will be repaired */
        memset(to + out.pos, 0, out.size - out.pos);
        out.pos = out.size;
        in->pos = in->size;
    }
    *put = out.pos;
    if (out.pos > 0)
        rd__history_add(&r->history, to, out.pos);
    r->head.figures.literal += out.pos;
    if (r->history.failed)
        return rd__fail_memory(&r->head.operation.error);
    return out.pos > 0 ? rd__session_output_put(&r->output, out.pos) : RD_OK;
}

/* Writes the lane as far as the literals in `in` go; with `end`, to its end. */
static rd_result receiver_write(receiver *r, rd_in *in, bool end) {
    const rd__ladder *const ladder = &r->lanes[r->first % LANES_MAX].ladder;
    while (r->at < ladder->count) {
        const rd__stretch *const s = &ladder->stretches[r->at];
        size_t put = 0;
        const rd_result result =
            s->state == RD__STRETCH_KNOWN ? receiver_copy(r, s, &put) : receiver_decode(r, s, in, &put);
        if (result != RD_OK)
            return result;
        r->at_offset += (uint32_t)put;
        r->head.figures.done += put;
        if (r->at_offset == s->length) {
            r->at++;
            r->at_offset = 0;
        } else if (put == 0 && in->pos == in->size) {
            if (!end)
                return RD_OK;
            r->doubtful = true; /* there are too few literals */
        }
    }
    return RD_OK;
}

static rd_result receiver_end_lane(receiver *r) {
    receiver_close_lane(&r->lanes[r->first % LANES_MAX]);
    r->data_begun = false;
    r->first++;
    return r->first == r->lane_count ? receiver_finish_file(r) : RD_OK;
}

static rd_result receiver_take_data(receiver *r, uint64_t number, const uint8_t *data, size_t size, bool more) {
    rd_in in = {.data = data, .size = size};
    if (r->phase != RECEIVER_LANES || number != r->first)
        return rd__session_refuse(&r->head, "literals at the wrong time");
    if (!r->data_begun) {
        const receiver_lane *const lane = receiver_open_lane(r, number);
        if (!lane)
            return rd__fail_memory(&r->head.operation.error);
        if (lane->asked || !rd__ladder_is_settled(&lane->ladder) || size < 1 || data[0] > 1)
            return rd__session_refuse(&r->head, "literals of a lane that is not settled");
        const rd_result result = receiver_begin_data(r, data[0] == 1);
        if (result != RD_OK)
            return result;
        in.pos = 1;
    }
    const rd_result result = receiver_write(r, &in, !more);
    return result == RD_OK && !more ? receiver_end_lane(r) : result;
}

/* ---- The end ----------------------------------------------------------------------------------------------------- */

static rd_result receiver_done(receiver *r) {
    rd_session *const head = &r->head;
    const rd_result result = rd__watch_end(&head->watch, &head->operation, RD_OK);
    head->figures.has_digest = true;
    head->figures.done = r->size;
    memcpy(head->figures.digest, head->digest, sizeof head->figures.digest);
    head->finished = true;
    r->phase = RECEIVER_DONE;
    (void)result; /* the new file is right, whatever became of the old one */
    return rd__session_send(head, RD__MESSAGE_DONE, 0, NULL, 0);
}

/* Asks for what is wrong: first with the sums of all leaves, then, without any, for all of the file. */
static rd_result receiver_ask_repair(receiver *r) {
    rd_session *const head = &r->head;
    rd__growing body = {0};
    if (r->repairs == 2)
        return rd__fail(&head->operation.error, RD_E_MISMATCH, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "it is not what the other side has announced");
    for (size_t i = 0; r->repairs == 0 && i < rd__session_output_leaves(&r->output); i++) {
        uint8_t *const to = rd__growing_add(&body, sizeof(uint64_t));
        if (to)
            rd__store_le64(to, rd__session_output_sum(&r->output, i));
    }
    r->repairs++;
    r->phase = RECEIVER_REPAIR;
    head->figures.rounds++;
    const rd_result result = body.failed ? rd__fail_memory(&head->operation.error)
                                         : rd__session_send(head, RD__MESSAGE_LEAVES, 0, body.data, body.size);
    rd__growing_free(&body);
    return result;
}

static rd_result receiver_judge(receiver *r, const uint8_t *digest) {
    return memcmp(digest, r->head.digest, RD_DIGEST_LEN) == 0 ? receiver_done(r) : receiver_ask_repair(r);
}

static rd_result receiver_finish_file(receiver *r) {
    uint8_t digest[RD_DIGEST_LEN];
    const rd_result result = rd__session_output_finish(&r->output, digest);
    r->phase = RECEIVER_WRITTEN;
    return result == RD_OK ? receiver_judge(r, digest) : result;
}

/* A leaf anew; at the end an empty message. */
static rd_result receiver_take_repair(receiver *r, const uint8_t *data, size_t size, bool more) {
    rd_error *const error = &r->head.operation.error;
    uint8_t digest[RD_DIGEST_LEN];
    rd__growing *const gathered = &r->prefix;
    if (r->phase != RECEIVER_REPAIR)
        return rd__session_refuse(&r->head, "a repair that nobody asked for");
    if (!r->seen_leaf)
        rd__growing_clear(gathered);
    r->seen_leaf = more;
    if (size > 2 * (size_t)r->output.leaf_size + RD__FRAME_PAYLOAD_MAX - gathered->size)
        return rd__session_refuse(&r->head, "a leaf that is too long");
    rd__growing_put(gathered, data, size);
    if (gathered->failed)
        return rd__fail_memory(error);
    if (more)
        return RD_OK;
    if (gathered->size == 0) {
        rd__session_output_digest(&r->output, digest);
        return receiver_judge(r, digest);
    }
    const uint8_t *at = gathered->data;
    const uint8_t *const end = at + gathered->size;
    const bool compressed = *at == 1;
    uint64_t leaf = 0;
    if (*at++ > 1 || !rd__number_get(&at, end, &leaf) || leaf >= rd__session_output_leaves(&r->output))
        return rd__session_refuse(&r->head, "a broken leaf");
    const uint64_t offset = leaf * r->output.leaf_size;
    const size_t length = (size_t)rd__min_u64(r->output.leaf_size, r->size - offset);
    uint8_t *const made = rd__alloc_buffer(length, 1);
    rd_in in = {.data = at, .size = (size_t)(end - at)};
    rd_out out = {.data = made, .size = length};
    rd_result result = made ? rd__literals_open(&r->decoder, compressed, NULL, 0, error) : rd__fail_memory(error);
    if (result == RD_OK)
        result = rd__literals_decode(&r->decoder, &in, &out);
    if (result == RD_E_MEMORY)
        result = rd__fail_memory(error);
    else if (result != RD_OK || out.pos < length)
        result = rd__session_refuse(&r->head, "a broken leaf");
    if (result == RD_OK)
        result = rd__session_output_repair(&r->output, (size_t)leaf, made, length);
    r->head.figures.repaired += length;
    rd__free_buffer(made);
    return result;
}

/* ---- The side ---------------------------------------------------------------------------------------------------- */

static rd_result receiver_take(rd_session *session, rd__message_type type, uint64_t lane, const uint8_t *data,
                               size_t size, bool more) {
    receiver *const r = (receiver *)session;
    if (type == RD__MESSAGE_FILE && r->phase == RECEIVER_GREETING)
        return receiver_take_file(r, data, size);
    if (type == RD__MESSAGE_DIGEST && r->phase == RECEIVER_COMPARE)
        return receiver_take_digest(r, data, size);
    if (type == RD__MESSAGE_TOP && r->phase == RECEIVER_LANES)
        return receiver_take_top(r, data, size);
    if (type == RD__MESSAGE_ROUND && r->phase == RECEIVER_LANES)
        return receiver_take_round(r, lane, data, size);
    if (type == RD__MESSAGE_DATA)
        return receiver_take_data(r, lane, data, size, more);
    if (type == RD__MESSAGE_REPAIR)
        return receiver_take_repair(r, data, size, more);
    return rd__session_refuse(session, "a message at the wrong time");
}

static rd_result receiver_work(rd_session *session, bool *done) {
    receiver *const r = (receiver *)session;
    *done = true;
    if (r->phase == RECEIVER_COMPARE)
        return receiver_compare(r, done);
    if (r->phase == RECEIVER_TOP)
        return receiver_search_top(r);
    *done = false;
    if (r->phase != RECEIVER_LANES)
        return RD_OK;
    const rd_result result = receiver_answer_lanes(r, done);
    return result == RD_OK && !*done ? receiver_search(r, done) : result;
}

static void receiver_close(rd_session *session) {
    receiver *const r = (receiver *)session;
    for (size_t i = 0; r->lanes && i < LANES_MAX; i++)
        receiver_close_lane(&r->lanes[i]);
    for (unsigned i = 0; r->slots && i <= r->threads; i++)
        rd__nearby_free(&r->slots[i].seeker.nearby);
    free(r->lanes);
    free(r->slots);
    free(r->slot_list);
    free(r->blocks);
    free(r->same);
    rd__outline_free(&r->outline);
    rd__session_output_free(&r->output);
    rd__literal_decoder_free(&r->decoder);
    rd__growing_free(&r->prefix);
    rd__growing_free(&r->history);
}

static const rd__session_side receiver_side = {.take = receiver_take, .work = receiver_work, .close = receiver_close};

rd_result rd_session_receiver_new(rd_session **session, const rd_source *old_file, const rd_sink *out,
                                  const rd_options *options) {
    static const rd_source nothing = {.memory = "", .fd = -1, .seekable = true, .concurrent = true};
    rd_result result = rd__session_new(session, sizeof(receiver), &receiver_side, true, options);
    receiver *const r = (receiver *)*session;
    if (result == RD_OK && old_file)
        result = rd__source_check_seekable(old_file, RD_ROLE_BASIS, RD_E_PARAMETER, &r->head.operation.error);
    if (result == RD_OK && old_file && old_file->size == RD_UNKNOWN)
        result = rd__fail(&r->head.operation.error, RD_E_PARAMETER, RD_ROLE_BASIS, RD_UNKNOWN, "its size is not known");
    if (result == RD_OK && old_file)
        result = rd__sink_check_apart(out, old_file, RD_ROLE_BASIS, &r->head.operation.error);
    if (result == RD_OK) {
        r->has_old = old_file != NULL;
        r->old_file = old_file ? *old_file : nothing;
        r->old_size = r->old_file.size;
        r->sink = *out;
        r->head.figures.old_size = r->old_size;
        r->head.watch = rd__watch_begin(&r->old_file, RD_ROLE_BASIS);
    }
    return rd__session_made(session, result);
}
