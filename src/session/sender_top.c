/* The top, which goes first: which units are the same, and the sums of the other blocks, if these are searched for. */
#include "session/sender.h"

#include "base/result.h"
#include "file/segments.h"
#include "format/numbers.h"
#include "hash/kernels.h"
#include "hash/rabinkarp.h"

enum {
    TOP_SEGMENT = 1024 * 1024 /* at least */
};

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
    const size_t first = (size_t)(segment->offset / block);
    /* A file that grew meanwhile has more of them. */
    for (size_t at = 0, i = 0; at < segment->got && first + i < s->block_count; at += block, i++) {
        const size_t size = rd__min_size(block, segment->got - at);
        const uint8_t *const data = segment->data + at;
        if (rd__sender_is_known(s, first + i))
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
        if (rd__sender_is_known(s, run->block))
            continue;
        const uint32_t rolling = sums[i].rolling * s->head.keys.rolling;
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

rd_result rd__sender_send_top(sender *s) {
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

rd_result rd__sender_take_placed(sender *s, const uint8_t *data, size_t size) {
    rd__bit_model models[2] = {RD__BIT_MODEL_EVEN, RD__BIT_MODEL_EVEN};
    rd__bit_decoder decoder;
    uint8_t before = 0;
    rd__bit_decoder_init(&decoder, data, data + size);
    for (size_t i = 0; i < s->block_count; i++)
        if (!rd__sender_is_known(s, i))
            s->found[i] = before = rd__bit_decode(&decoder, &models[before]);
    if (!rd__bit_decoder_at_end(&decoder))
        return rd__session_refuse(&s->head, "broken answers");
    s->phase = SENDER_LANES;
    return RD_OK;
}
