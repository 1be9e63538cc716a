/*
 * The signature stream: basis in, signature out. It signs several blocks at a time, to fill the kernels' lanes: where
 * they lie, if the caller hands over that many, else gathered. Blocks too long to gather are signed one by one as they
 * come.
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
    LAG_START = 1024 * 1024
};

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
    uint8_t entries[(LAG_BLOCKS + GATHER_BLOCKS_MAX) * RD__ENTRY_MAX];
} signature_stream;

/* At most so many blocks are gathered. */
static size_t signature_stream_blocks(const rd_params *params) {
    const size_t fit = GATHER_BYTES / params->block_len;
    return fit < GATHER_BLOCKS_MIN ? GATHER_BLOCKS_MIN : rd__min_size(fit, GATHER_BLOCKS_MAX);
}

/* Adds entries to those that are held. */
static void signature_stream_hold(signature_stream *s, const uint32_t *weak, const uint8_t *strong, size_t count) {
    const size_t entry_size = rd__entry_size(&s->params);
    assert(s->head.pending_size == 0 && s->held <= LAG_BLOCKS && count <= GATHER_BLOCKS_MAX);
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

/* Makes the entries of these bytes, at most GATHER_BLOCKS_MAX blocks, of which the last one may be short. */
static void signature_stream_sign(signature_stream *s, const uint8_t *data, size_t size) {
    uint32_t weak[GATHER_BLOCKS_MAX];
    uint8_t strong[(size_t)GATHER_BLOCKS_MAX * RD_STRONG_LEN_MAX];
    signature_stream_hold(s, weak, strong, rd__sign_blocks(s->kernels, &s->params, data, size, NULL, weak, strong));
}

/* Makes the entries of the complete blocks that are gathered, of which there are some, and keeps the rest. */
static void signature_stream_sign_gathered(signature_stream *s) {
    const size_t rest = s->gathered_size % s->params.block_len;
    const size_t whole = s->gathered_size - rest;
    signature_stream_sign(s, s->gathered, whole);
    memmove(s->gathered, s->gathered + whole, rest);
    s->gathered_size = rest;
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
static void signature_stream_keep_up(signature_stream *s) {
    const size_t whole = s->gathered_size / s->params.block_len;
    const uint64_t completed = s->head.operation.stats.blocks + whole;
    const size_t behind = s->held + whole;
    const size_t lag = signature_stream_lag(s);
    const size_t due = behind > lag ? behind - lag : behind > 0 && completed > s->completed ? 1 : 0;
    s->completed = completed;
    if (due > s->held)
        signature_stream_sign_gathered(s);
    signature_stream_give(s, due);
}

/* Takes some bytes of `in`, which has some, and makes entries if blocks are complete. */
static rd_result signature_stream_take(signature_stream *s, rd_in *in) {
    const size_t block_len = s->params.block_len;
    const uint8_t *const data = (const uint8_t *)in->data + in->pos;
    const size_t whole = rd__min_size((in->size - in->pos) / block_len, GATHER_BLOCKS_MAX);
    if (block_len > RD__TOGETHER_MAX) {
        in->pos += rd__signer_take(&s->signer, data, in->size - in->pos);
        if (rd__signer_is_complete(&s->signer))
            signature_stream_end_block(s);
        signature_stream_give(s, s->held);
        return RD_OK;
    }
    const size_t enough = !s->prompt ? GATHER_BLOCKS_MIN : signature_stream_lag(s) > 0 ? LAG_BLOCKS : 1;
    if (s->gathered_size == 0 && whole >= enough) {
        signature_stream_sign(s, data, whole * block_len);
        signature_stream_give(s, s->held);
        in->pos += whole * block_len;
        return RD_OK;
    }
    const size_t room = signature_stream_blocks(&s->params) * block_len;
    if (!s->gathered)
        s->gathered = rd__alloc_array(room, 1);
    if (!s->gathered)
        return rd__fail_memory(&s->head.operation.error);
    const size_t size = rd__min_size(in->size - in->pos, room - s->gathered_size);
    memcpy(s->gathered + s->gathered_size, data, size);
    s->gathered_size += size;
    in->pos += size;
    if (s->gathered_size == room)
        signature_stream_sign_gathered(s);
    if (!s->prompt)
        signature_stream_give(s, s->held);
    else if (in->pos == in->size || s->held > LAG_BLOCKS)
        signature_stream_keep_up(s);
    return RD_OK;
}

static rd_result signature_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end) {
    signature_stream *const s = (signature_stream *)stream;
    for (;;) {
        if (!rd__stream_flush(stream, out))
            return RD_MORE;
        if (s->finished)
            return RD_OK;
        if (in->pos < in->size) {
            const rd_result result = signature_stream_take(s, in);
            if (result != RD_OK)
                return result;
        } else if (!end) {
            return RD_MORE;
        } else {
            if (s->signer.filled > 0)
                signature_stream_end_block(s);
            else if (s->gathered_size > 0)
                signature_stream_sign(s, s->gathered, s->gathered_size);
            signature_stream_give(s, s->held);
            s->finished = true;
        }
    }
}

static void signature_stream_close(rd_stream *stream) {
    free(((signature_stream *)stream)->gathered);
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
