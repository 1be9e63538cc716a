/* See long_blocks.h. */
#include "file/long_blocks.h"

#include "base/memory.h"
#include "base/pipeline.h"
#include "base/result.h"
#include "io/holes.h"

#include <assert.h>
#include <stdlib.h>

enum {
    LANES = 8,                /* blocks that are hashed at once: as many as the widest kernel has lanes */
    CHUNK = 64 * 1024,        /* of each of them */
    GROUP = 32,               /* blocks in a group of a source with holes: lanes are free at different times */
    TAIL = RD__BLAKE2B_BLOCK, /* at most, the rest of a block, which is hashed after what all lanes advance by */
    PREFIX_MAX = 64,          /* chunks of zeros at the start of a block that need not be hashed */
    SLOTS_PER_THREAD = 2,
    EMPTY_MAX = 64 * 1024 /* blocks of zeros with one group, so that progress is reported */
};

/* The sums of a block that has come so far. */
typedef struct long_sums {
    uint32_t weak;
    rd__strong strong;
} long_sums;

/* A group: blocks in the order of the source, each after any number of blocks of zeros. */
typedef struct long_group {
    uint8_t *data; /* of each lane a chunk, and a tail */
    size_t count;
    uint64_t offsets[GROUP];
    uint64_t zeros[GROUP + 1]; /* blocks before each, and after the last */
    uint64_t end;              /* of the group in the source */
    /* What `work` makes: */
    size_t made; /* fewer than `count` if the source has become shorter: ... */
    uint64_t lengths[GROUP];
    rd__block_sums sums[GROUP];
    bool ended; /* ... it ends in this group */
    bool hashed;
    rd_result result;
    rd_error error;
} long_group;

typedef struct long_run {
    rd__long_blocks *blocks;
    rd__holes holes;
    size_t group;    /* blocks in a group, at most */
    uint64_t body;   /* bytes of a block that are hashed by chunks */
    size_t prefixes; /* how many of these are known: the sums of 0, 1, ... chunks of zeros */
    long_sums *prefix;
    uint64_t next; /* the offset of the next group */
    bool ended;
    bool has_zeros;
    rd__block_sums zeros; /* of a block of zeros, if they are known */
} long_run;

/* ---- Gathering --------------------------------------------------------------------------------------------------- */

static bool long_fetch(void *context, void *slot) {
    long_run *const run = context;
    long_group *const group = slot;
    const uint64_t block_len = run->blocks->params.block_len;
    const uint64_t size = run->blocks->source->size;
    uint64_t empty = 0;
    if (run->next == size)
        return false;
    *group = (long_group){.data = group->data};
    while (run->next < size && group->count < run->group && empty < EMPTY_MAX) {
        uint64_t length = 0;
        const bool is_hole = rd__holes_at(&run->holes, run->next, &length);
        if (is_hole && length >= block_len) {
            const uint64_t blocks = rd__min_u64(length / block_len, EMPTY_MAX - empty);
            group->zeros[group->count] += blocks;
            run->next += blocks * block_len;
            empty += blocks;
        } else {
            group->offsets[group->count++] = run->next;
            run->next += rd__min_u64(block_len, size - run->next);
        }
    }
    group->end = run->next;
    return true;
}

/* ---- Hashing ----------------------------------------------------------------------------------------------------- */

/* Reads `size` bytes of a block to `data`, or all that are left of the source. */
static size_t long_read(const long_run *run, rd__holes *holes, long_group *group, uint64_t offset, uint8_t *data,
                        uint64_t size) {
    rd__operation operation = rd__operation_none();
    const size_t wanted = (size_t)rd__min_u64(size, run->blocks->source->size - offset);
    size_t got = 0;
    const rd_result result =
        rd__holes_read(holes, run->blocks->source, &operation, run->blocks->role, offset, data, wanted, &got);
    if (result != RD_OK) {
        group->result = result;
        group->error = operation.error;
    }
    return got;
}

/* Signs block i alone. False: the source ends with it, or before it. */
static bool long_sign_one(const long_run *run, rd__holes *holes, long_group *group, size_t i) {
    rd__signer signer;
    size_t got = 1;
    rd__signer_init(&signer, run->blocks->kernels, &run->blocks->params);
    while (group->result == RD_OK && got > 0 && !rd__signer_is_complete(&signer)) {
        const uint64_t left = run->blocks->params.block_len - signer.filled;
        got = long_read(run, holes, group, group->offsets[i] + signer.filled, group->data, rd__min_u64(CHUNK, left));
        if (got > 0)
            (void)rd__signer_take(&signer, group->data, got);
    }
    group->lengths[i] = signer.filled;
    const bool complete = rd__signer_is_complete(&signer);
    if (signer.filled > 0) {
        group->made = i + 1;
        rd__signer_end(&signer, &group->sums[i].weak, group->sums[i].strong);
    }
    return complete;
}

/* A block that is being hashed. Its strong sum lies apart, with those of the other lanes. */
typedef struct long_lane {
    size_t block;
    uint64_t at; /* bytes that were hashed */
    uint8_t *chunk;
    size_t left; /* bytes of the chunk to be hashed; they end at chunk + size */
    size_t size;
} long_lane;

/* Starts block i in a lane, after the zeros of a hole at its start. */
static void long_start(const long_run *run, rd__holes *holes, long_group *group, size_t i, long_lane *lane,
                       rd__strong *strong) {
    uint64_t length = 0;
    uint64_t zeros = 0;
    if (run->prefixes > 1 && rd__holes_at(holes, group->offsets[i], &length))
        zeros = rd__min_u64(length / CHUNK, run->prefixes - 1);
    *strong = run->prefix[zeros].strong;
    group->sums[i].weak = run->prefix[zeros].weak;
    lane->block = i;
    lane->at = zeros * CHUNK;
    lane->left = 0;
}

/* Reads the next chunk of the block in the lane; with the last one comes the tail. False: it ends before. */
static bool long_fill(const long_run *run, rd__holes *holes, long_group *group, long_lane *lane) {
    const rd_weak weak = run->blocks->params.weak;
    uint32_t *const sum = &group->sums[lane->block].weak;
    const size_t left = (size_t)rd__min_u64(CHUNK, run->body - lane->at);
    const bool last = lane->at + left == run->body;
    const size_t size = left + (last ? (size_t)(run->blocks->params.block_len - run->body) : 0);
    if (long_read(run, holes, group, group->offsets[lane->block] + lane->at, lane->chunk, size) < size)
        return false;
    *sum = run->blocks->kernels->weak_update[weak](*sum, lane->chunk, size);
    lane->left = lane->size = left;
    return true;
}

/* Is the block in the lane hashed but for its tail? Then it gets its sums. */
static bool long_end(const long_run *run, long_group *group, const long_lane *lane, rd__strong *strong) {
    if (lane->at < run->body)
        return false;
    rd__strong_update(strong, lane->chunk + lane->size, (size_t)(run->blocks->params.block_len - run->body));
    rd__strong_final(strong, group->sums[lane->block].strong);
    group->lengths[lane->block] = run->blocks->params.block_len;
    return true;
}

/* Signs the first `count` blocks, which are whole. False: one of them is not, or cannot be read. */
static bool long_sign_many(const long_run *run, rd__holes *holes, long_group *group, size_t count) {
    rd__strong_advance_fn *const advance = run->blocks->kernels->strong_advance[run->blocks->params.strong];
    rd__strong strong[LANES];
    long_lane lanes[LANES];
    size_t next = 0;
    size_t used = 0;
    for (; used < LANES && next < count; used++, next++) {
        lanes[used].chunk = group->data + used * (CHUNK + TAIL);
        long_start(run, holes, group, next, &lanes[used], &strong[used]);
    }
    while (used > 0) {
        const uint8_t *data[LANES];
        size_t size = CHUNK;
        for (size_t i = 0; i < used; i++) {
            if (lanes[i].left == 0 && !long_fill(run, holes, group, &lanes[i]))
                return false;
            data[i] = lanes[i].chunk + lanes[i].size - lanes[i].left;
            size = rd__min_size(size, lanes[i].left);
        }
        advance(strong, data, size, used);
        for (size_t i = used; i-- > 0;) {
            lanes[i].left -= size;
            lanes[i].at += size;
            if (!long_end(run, group, &lanes[i], &strong[i]))
                continue;
            if (next < count) {
                long_start(run, holes, group, next++, &lanes[i], &strong[i]);
            } else {
                lanes[i] = lanes[--used];
                strong[i] = strong[used];
            }
        }
    }
    group->made = count;
    return true;
}

static void long_work(const void *context, void *slot) {
    const long_run *const run = context;
    long_group *const group = slot;
    rd__holes holes = rd__holes_share(&run->holes);
    group->hashed = !atomic_load(&run->blocks->pause);
    if (!group->hashed)
        return;
    const uint64_t block_len = run->blocks->params.block_len;
    size_t whole = group->count;
    if (whole > 0 && run->blocks->source->size - group->offsets[whole - 1] < block_len)
        whole--;
    size_t i = whole;
    if (whole > 0 && !long_sign_many(run, &holes, group, whole))
        i = 0; /* the source became shorter: where does it end? */
    for (; i < group->count && group->result == RD_OK; i++) {
        if (!long_sign_one(run, &holes, group, i)) {
            group->ended = true;
            break;
        }
    }
}

/* ---- Giving ------------------------------------------------------------------------------------------------------ */

static rd_result long_give_zeros(long_run *run, uint64_t count) {
    if (count == 0)
        return RD_OK;
    if (!run->has_zeros)
        rd__sign_zeros(run->blocks->kernels, &run->blocks->params, &run->zeros);
    run->has_zeros = true;
    return run->blocks->take(run->blocks->context, &run->zeros, count, count * run->blocks->params.block_len);
}

static rd_result long_finish(void *context, void *slot) {
    long_run *const run = context;
    const long_group *const group = slot;
    rd__operation *const operation = run->blocks->operation;
    if (run->ended) /* the source became shorter after this group was gathered: leave it out */
        return RD_OK;
    if (group->result != RD_OK) {
        operation->error = group->error;
        return group->result;
    }
    const uint64_t block_len = run->blocks->params.block_len;
    const size_t made = group->hashed ? group->made : group->count;
    rd_result result = RD_OK;
    for (size_t i = 0; result == RD_OK && i < made; i++) {
        const uint64_t left = rd__min_u64(block_len, run->blocks->source->size - group->offsets[i]);
        result = long_give_zeros(run, group->zeros[i]);
        if (result == RD_OK)
            result = run->blocks->take(run->blocks->context, group->hashed ? &group->sums[i] : NULL, 1,
                                       group->hashed ? group->lengths[i] : left);
    }
    run->ended = group->ended;
    if (result == RD_OK && !group->ended)
        result = long_give_zeros(run, group->zeros[group->count]);
    operation->stats.in_bytes = group->end;
    return result == RD_OK ? rd__operation_progress(operation, group->end) : result;
}

/* Makes the sums of what blocks may start with: nothing, or, in a source with holes, some chunks of zeros. */
static bool long_make_prefixes(long_run *run) {
    static const uint8_t zeros[CHUNK];
    const uint8_t *const data = zeros;
    const rd_params *const params = &run->blocks->params;
    const rd__kernels *const kernels = run->blocks->kernels;
    run->body = ((uint64_t)params->block_len - 1) / TAIL * TAIL;
    run->group = rd__holes_any(&run->holes) ? GROUP : LANES;
    run->prefixes = run->group == GROUP ? (size_t)rd__min_u64((run->body - 1) / CHUNK, PREFIX_MAX) + 1 : 1;
    run->prefix = rd__alloc_array(run->prefixes, sizeof *run->prefix);
    if (!run->prefix)
        return false;
    rd__strong_init(&run->prefix[0].strong, params->strong);
    run->prefix[0].weak = rd__weak_seed(params->weak);
    for (size_t i = 1; i < run->prefixes; i++) {
        run->prefix[i] = run->prefix[i - 1];
        kernels->strong_advance[params->strong](&run->prefix[i].strong, &data, CHUNK, 1);
        run->prefix[i].weak = kernels->weak_update[params->weak](run->prefix[i].weak, data, CHUNK);
    }
    return true;
}

rd_result rd__long_blocks_run(rd__long_blocks *blocks) {
    rd__operation *const operation = blocks->operation;
    rd_context *const kept = operation->context;
    const unsigned threads = rd__operation_threads(operation);
    const uint64_t groups = (rd_block_count(&blocks->params, blocks->source->size) + LANES - 1) / LANES;
    const size_t slot_count = (size_t)rd__min_u64((uint64_t)threads * SLOTS_PER_THREAD, groups);
    long_run run = {.blocks = blocks, .holes = rd__holes_open(blocks->source)};
    long_group *const all = rd__alloc_zeroed(slot_count, sizeof *all);
    void **const slots = rd__alloc_zeroed(slot_count, sizeof *slots);
    assert(blocks->source->size > 0);
    bool complete = all && slots && long_make_prefixes(&run);
    for (size_t i = 0; complete && i < slot_count; i++) {
        slots[i] = &all[i];
        all[i].data = rd__context_take(kept, LANES, CHUNK + TAIL);
        complete = all[i].data != NULL;
    }
    const rd__pipeline pipeline = {.fetch = long_fetch,
                                   .work = long_work,
                                   .finish = long_finish,
                                   .context = &run,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = threads,
                                   .pool = &kept->pool,
                                   .owner = operation->owner};
    const rd_result result =
        complete ? rd__pipeline_run(&pipeline, &operation->error) : rd__fail_memory(&operation->error);
    for (size_t i = 0; all && i < slot_count; i++)
        rd__context_give(kept, all[i].data);
    free((void *)slots);
    free(all);
    free(run.prefix);
    rd__holes_close(&run.holes);
    return result;
}
