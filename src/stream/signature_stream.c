/*
 * The signature stream: basis in, signature out. It signs several blocks at a time, to fill the kernels' lanes: where
 * they lie, if the caller hands over that many, else gathered. Blocks too long to gather are signed one by one as they
 * come. With a caller's context it gathers segments of so many blocks, which the threads of the context sign: within a
 * step, so that no thread is at work between two steps, whatever becomes of the stream or the process there.
 *
 * A prompt stream gives sums in every step that completes a block; during the first LAG_START bytes, those of all
 * blocks so far. Then, if a step completes several, it gives fewer and so falls behind, by up to LAG_BLOCKS. From then
 * on it gives as many as come, of blocks that were signed together. If it signed all blocks in the step that completes
 * them, most lanes would be idle: a program that passes 64 KiB of a file in blocks of 32 KiB completes two in each.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/signer.h"
#include "format/params.h"
#include "stream/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    GATHER_BYTES = 512 * 1024,
    GATHER_BLOCKS_MIN = 8, /* at least so many at once, if there are more bytes than that */
    GATHER_BLOCKS_MAX = 64,
    LAG_BLOCKS = 16, /* as many as fill the widest kernel */
    LAG_START = 1024 * 1024,
    SEGMENTS_MAX = 8,                /* gathered for threads: two for each ... */
    SEGMENTS_BYTES = 4 * 1024 * 1024 /* ... but no more bytes */
};

/* What a thread signs at a time, in a slot of the pipeline. */
typedef struct signature_segment {
    const uint8_t *data;
    size_t size;
    size_t count; /* of blocks, the last of which may be short */
    uint32_t weak[GATHER_BLOCKS_MAX];
    uint8_t strong[(size_t)GATHER_BLOCKS_MAX * RD_STRONG_LEN_MAX];
} signature_segment;

typedef struct signature_stream {
    rd_stream head;
    const rd__kernels *kernels;
    rd_params params;  /* resolved */
    rd__signer signer; /* for blocks that are too long to be gathered */
    uint8_t *gathered; /* NULL until there is something to gather */
    size_t gathered_size;
    bool prompt;
    uint64_t completed; /* blocks at the end of the last step, if prompt */
    bool finished;      /* the last entries are pending */
    size_t held;        /* entries that are made, but not pending yet ... */
    size_t held_first;  /* ... from this one on */
    uint8_t *entries;   /* room for those of all segments, and LAG_BLOCKS */
    unsigned threads;
    size_t segment_blocks; /* blocks of a segment */
    size_t segment_count;  /* segments that are gathered; 1 without threads */
    signature_segment *segments;
    const uint8_t *unsigned_data; /* what the pipeline has not fetched yet */
    size_t unsigned_size;
} signature_stream;

/* Adds entries to those that are held. */
static void signature_stream_hold(signature_stream *s, const uint32_t *weak, const uint8_t *strong, size_t count) {
    const size_t entry_size = rd__entry_size(&s->params);
    assert(s->head.pending_size == 0 && s->held + count <= LAG_BLOCKS + s->segment_count * GATHER_BLOCKS_MAX);
    memmove(s->entries, s->entries + s->held_first * entry_size, s->held * entry_size);
    s->held_first = 0;
    rd__signature_put_entries(s->entries + s->held * entry_size, &s->params, weak, strong, count);
    s->held += count;
    s->head.operation.stats.blocks += count;
}

/* Gives the first entries that are held. */
static void signature_stream_give(signature_stream *s, size_t count) {
    const size_t entry_size = rd__entry_size(&s->params);
    assert(count <= s->held);
    rd__stream_pend(&s->head, s->entries + s->held_first * entry_size, count * entry_size);
    s->held_first += count;
    s->held -= count;
}

/* ---- The pipeline ------------------------------------------------------------------------------------------------ */

static bool signature_stream_fetch(void *context, void *slot) {
    signature_stream *const s = context;
    signature_segment *const segment = slot;
    segment->data = s->unsigned_data;
    segment->size = rd__min_size(s->unsigned_size, s->segment_blocks * s->params.block_len);
    s->unsigned_data += segment->size;
    s->unsigned_size -= segment->size;
    return segment->size > 0;
}

static void signature_stream_work(const void *context, void *slot) {
    const signature_stream *const s = context;
    signature_segment *const segment = slot;
    segment->count =
        rd__sign_blocks(s->kernels, &s->params, segment->data, segment->size, NULL, segment->weak, segment->strong);
}

static rd_result signature_stream_finish(void *context, void *slot) {
    const signature_segment *const segment = slot;
    signature_stream_hold(context, segment->weak, segment->strong, segment->count);
    return RD_OK;
}

/* Makes the entries of these bytes, of which the last block may be short: no more than all segments hold. */
static rd_result signature_stream_sign(signature_stream *s, const uint8_t *data, size_t size) {
    rd__operation *const operation = &s->head.operation;
    void *slots[SEGMENTS_MAX];
    s->unsigned_data = data;
    s->unsigned_size = size;
    if (size <= s->segment_blocks * s->params.block_len) {
        (void)signature_stream_fetch(s, s->segments);
        signature_stream_work(s, s->segments);
        return signature_stream_finish(s, s->segments);
    }
    for (size_t i = 0; i < s->segment_count; i++)
        slots[i] = &s->segments[i];
    const rd__pipeline pipeline = {.fetch = signature_stream_fetch,
                                   .work = signature_stream_work,
                                   .finish = signature_stream_finish,
                                   .context = s,
                                   .slots = slots,
                                   .slot_count = s->segment_count,
                                   .threads = s->threads,
                                   .pool = &operation->context->pool};
    rd__context_enter(operation->context);
    return rd__pipeline_run(&pipeline, &operation->error);
}

/* ---- Gathering --------------------------------------------------------------------------------------------------- */

/* Makes the entries of the complete blocks that are gathered, of which there are some, and keeps the rest. */
static rd_result signature_stream_sign_gathered(signature_stream *s) {
    const size_t rest = s->gathered_size % s->params.block_len;
    const size_t whole = s->gathered_size - rest;
    const rd_result result = signature_stream_sign(s, s->gathered, whole);
    memmove(s->gathered, s->gathered + whole, rest);
    s->gathered_size = rest;
    return result;
}

/* Ends the block that comes in chunks. */
static void signature_stream_end_block(signature_stream *s) {
    uint32_t weak = 0;
    uint8_t strong[RD_STRONG_LEN_MAX];
    rd__signer_end(&s->signer, &weak, strong);
    signature_stream_hold(s, &weak, strong, 1);
}

/* How many blocks the stream may be behind. */
static size_t signature_stream_lag(const signature_stream *s) {
    return s->prompt && s->head.operation.stats.in_bytes >= LAG_START ? LAG_BLOCKS : 0;
}

/* The end of a prompt step's input: gives an entry if a block was completed, and more if the stream is too far behind.
 */
static rd_result signature_stream_keep_up(signature_stream *s) {
    const size_t whole = s->gathered_size / s->params.block_len;
    const uint64_t completed = s->head.operation.stats.blocks + whole;
    const size_t behind = s->held + whole;
    const size_t lag = signature_stream_lag(s);
    const size_t due = behind > lag ? behind - lag : behind > 0 && completed > s->completed ? 1 : 0;
    s->completed = completed;
    const rd_result result = due > s->held ? signature_stream_sign_gathered(s) : RD_OK;
    if (result == RD_OK)
        signature_stream_give(s, due);
    return result;
}

/* Signs whole blocks of `in` where they lie, if so many are there that it is worth it. */
static rd_result signature_stream_take_whole(signature_stream *s, rd_in *in) {
    const size_t block_len = s->params.block_len;
    const size_t most = s->segment_count * s->segment_blocks;
    const size_t whole = rd__min_size((in->size - in->pos) / block_len, most);
    const size_t prompt_enough = signature_stream_lag(s) > 0 ? LAG_BLOCKS : 1;
    const size_t enough = s->prompt ? prompt_enough : s->segment_count > 1 ? most : GATHER_BLOCKS_MIN;
    if (s->gathered_size > 0 || whole < enough)
        return RD_OK;
    const rd_result result = signature_stream_sign(s, (const uint8_t *)in->data + in->pos, whole * block_len);
    if (result == RD_OK)
        signature_stream_give(s, s->held);
    in->pos += whole * block_len;
    return result;
}

/* Gathers some bytes of `in`, and signs what is gathered if there is room for no more. */
static rd_result signature_stream_gather(signature_stream *s, rd_in *in) {
    const size_t room = s->segment_count * s->segment_blocks * s->params.block_len;
    if (!s->gathered)
        s->gathered = rd__alloc_array(room, 1);
    if (!s->gathered)
        return rd__fail_memory(&s->head.operation.error);
    const size_t size = rd__min_size(in->size - in->pos, room - s->gathered_size);
    memcpy(s->gathered + s->gathered_size, (const uint8_t *)in->data + in->pos, size);
    s->gathered_size += size;
    in->pos += size;
    const rd_result result = s->gathered_size == room ? signature_stream_sign_gathered(s) : RD_OK;
    if (result != RD_OK)
        return result;
    if (s->prompt && (in->pos == in->size || s->held > LAG_BLOCKS))
        return signature_stream_keep_up(s);
    if (!s->prompt)
        signature_stream_give(s, s->held);
    return RD_OK;
}

/* Takes some bytes of `in`, which has some, and makes entries if blocks are complete. */
static rd_result signature_stream_take(signature_stream *s, rd_in *in) {
    if (s->params.block_len <= RD__TOGETHER_MAX) {
        const size_t before = in->pos;
        const rd_result result = signature_stream_take_whole(s, in);
        return result != RD_OK || in->pos > before ? result : signature_stream_gather(s, in);
    }
    in->pos += rd__signer_take(&s->signer, (const uint8_t *)in->data + in->pos, in->size - in->pos);
    if (rd__signer_is_complete(&s->signer))
        signature_stream_end_block(s);
    signature_stream_give(s, s->held);
    return RD_OK;
}

/* Makes all entries that are left. */
static rd_result signature_stream_end(signature_stream *s) {
    rd_result result = RD_OK;
    if (s->signer.filled > 0)
        signature_stream_end_block(s);
    else if (s->gathered_size > 0)
        result = signature_stream_sign(s, s->gathered, s->gathered_size);
    if (result == RD_OK)
        signature_stream_give(s, s->held);
    s->finished = true;
    return result;
}

static rd_result signature_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    signature_stream *const s = (signature_stream *)stream;
    for (;;) {
        if (!rd__stream_flush(stream, out))
            return RD_MORE;
        if (s->finished)
            return RD_OK;
        if (in->pos == in->size && !end)
            return RD_MORE;
        const rd_result result = in->pos < in->size ? signature_stream_take(s, in) : signature_stream_end(s);
        if (result != RD_OK)
            return result;
    }
}

static void signature_stream_close(rd_stream *stream) {
    signature_stream *const s = (signature_stream *)stream;
    free(s->gathered);
    free(s->entries);
    free(s->segments);
}

/* Decides how much is gathered, and by how many threads it is signed. */
static rd_result signature_stream_plan(signature_stream *s) {
    const rd__operation *const operation = &s->head.operation;
    const size_t fit = GATHER_BYTES / s->params.block_len;
    const bool shares = !s->prompt && operation->options.context;
    s->threads = shares ? rd__operation_threads(operation) : 1;
    s->segment_blocks = fit < GATHER_BLOCKS_MIN ? GATHER_BLOCKS_MIN : rd__min_size(fit, GATHER_BLOCKS_MAX);
    const size_t segments = (size_t)(SEGMENTS_BYTES / ((uint64_t)s->segment_blocks * s->params.block_len));
    s->segment_count =
        s->threads > 1 && segments > 1 ? rd__min_size((size_t)2 * s->threads, rd__min_size(segments, SEGMENTS_MAX)) : 1;
    s->entries = rd__alloc_array(LAG_BLOCKS + s->segment_count * GATHER_BLOCKS_MAX, rd__entry_size(&s->params));
    s->segments = rd__alloc_array(s->segment_count, sizeof *s->segments);
    return s->entries && s->segments ? RD_OK : rd__fail_memory(&s->head.operation.error);
}

static rd_result signature_stream_new(rd_stream **stream, const rd_options *options, bool prompt) {
    rd_result result = rd__stream_new(stream, sizeof(signature_stream), RD_ROLE_BASIS, options, signature_stream_step,
                                      signature_stream_close);
    if (result != RD_OK)
        return result;
    signature_stream *const s = (signature_stream *)*stream;
    rd__operation *const operation = &s->head.operation;
    s->kernels = rd__kernels_best();
    s->prompt = prompt;
    s->params = operation->options.params;
    result = rd__params_resolve(&s->params, RD_UNKNOWN, &operation->error);
    if (result == RD_OK)
        result = signature_stream_plan(s);
    if (result == RD_OK) {
        rd__signer_init(&s->signer, s->kernels, &s->params);
        rd__signature_put_header(s->head.small, &s->params);
        rd__stream_pend(*stream, s->head.small, RD_SIGNATURE_HEADER_LEN);
        result = rd__stream_compress(stream, options);
    }
    return rd__stream_made(stream, result);
}

rd_result rd_signature_stream_new(rd_stream **stream, const rd_options *options) {
    return signature_stream_new(stream, options, false);
}

rd_result rd__signature_stream_new_prompt(rd_stream **stream, const rd_options *options) {
    return signature_stream_new(stream, options, true);
}
