/* See output.h. */
#define _GNU_SOURCE
#include "session/output.h"

#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "io/sink.h"
#include "io/source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 256 * 1024 };

uint32_t rd__session_leaf_size(uint64_t size) {
    uint64_t leaf = RD__SESSION_REPAIR_LEAF_MIN;
    while (leaf * RD__SESSION_REPAIR_LEAVES_MAX < size && leaf < (uint64_t)1 << 30)
        leaf *= 2;
    return (uint32_t)leaf;
}

/* Where the file starts in what the sink writes to. */
static uint64_t output_position(const rd_sink *sink) {
    const int64_t position = sink->fd >= 0 ? rd__system_position(sink->fd) : 0;
    return position > 0 ? (uint64_t)position : 0;
}

rd_result rd__session_output_init(rd__session_output *output, const rd_sink *sink, rd__operation *operation,
                                  uint64_t size, bool sparse) {
    *output = (rd__session_output){.sink = sink,
                                   .operation = operation,
                                   .sparse = rd__sparse_of(sink, operation, sparse),
                                   .start = output_position(sink),
                                   .size = size,
                                   .leaf_size = rd__session_leaf_size(size)};
    output->buffer = rd__alloc_buffer(BUFFER, 1);
    output->nodes = rd__alloc_array(size / output->leaf_size + 1, sizeof *output->nodes);
    rd__digest_init(&output->range, 0);
    if (output->buffer && output->nodes)
        return RD_OK;
    rd__session_output_free(output);
    return rd__fail_memory(&operation->error);
}

void rd__session_output_free(rd__session_output *output) {
    rd__free_buffer(output->buffer);
    free(output->nodes);
    output->buffer = NULL;
    output->nodes = NULL;
}

/* A leaf is whole: its node is kept, and the next one begins. */
static void output_end_leaf(rd__session_output *output) {
    const uint64_t end = output->written;
    rd__digest_node(&output->range, output->nodes[end / output->leaf_size - 1]);
    if (end == output->size) /* the digest of the file may need more of it */
        return;
    rd__digest_init(&output->range, end / RD__BLAKE3_CHUNK);
}

/* Hashes the next bytes, which do not go beyond the leaf. */
static void output_hash(rd__session_output *output, const uint8_t *data, size_t size) {
    rd__digest_add(&output->range, rd__kernels_best(), data, size);
    output->written += size;
    if (output->written % output->leaf_size == 0)
        output_end_leaf(output);
}

static rd_result output_write(rd__session_output *output, const uint8_t *data, size_t size) {
    while (size > 0) {
        bool zeros = false;
        const size_t run = rd__sparse_run(&output->sparse, data, size, &zeros);
        const rd_result result =
            zeros ? rd__sparse_zeros(&output->sparse, run) : rd__sink_write(output->sink, output->operation, data, run);
        if (result != RD_OK)
            return result;
        data += run;
        size -= run;
    }
    return RD_OK;
}

static rd_result output_flush(rd__session_output *output) {
    for (size_t at = 0; at < output->filled;) {
        const uint64_t left = output->leaf_size - output->written % output->leaf_size;
        const size_t now = (size_t)rd__min_u64(output->filled - at, left);
        output_hash(output, output->buffer + at, now);
        at += now;
    }
    const size_t size = output->filled;
    output->filled = 0;
    return output_write(output, output->buffer, size);
}

uint8_t *rd__session_output_room(rd__session_output *output, size_t *room) {
    *room = BUFFER - output->filled;
    return output->buffer + output->filled;
}

rd_result rd__session_output_put(rd__session_output *output, size_t size) {
    output->filled += size;
    return output->filled == BUFFER ? output_flush(output) : RD_OK;
}

/* ---- Long copies --------------------------------------------------------------------------------------------------
 */

enum { COPY_LEAVES = BUFFER / RD__SESSION_REPAIR_LEAF_MIN, COPY_SLOTS = 2 /* of each thread */ };

/* As many bytes as the buffer has, whole leaves: any thread reads and hashes them. */
typedef struct copy_slot {
    uint8_t *data;
    uint64_t offset; /* in the new file */
    size_t size;
    rd__output_node nodes[COPY_LEAVES];
    rd_result result;
    rd_error error;
} copy_slot;

typedef struct copy_run {
    rd__session_output *output;
    const rd_source *old_file;
    uint64_t away; /* from an offset in the new file to the place in the old one */
    uint64_t next;
    uint64_t end;
} copy_run;

static bool copy_fetch(void *context, void *item) {
    copy_run *const run = context;
    copy_slot *const slot = item;
    if (run->next == run->end)
        return false;
    slot->offset = run->next;
    slot->size = (size_t)rd__min_u64(BUFFER, run->end - run->next);
    run->next += slot->size;
    return true;
}

static void copy_work(const void *context, void *item) {
    const copy_run *const run = context;
    copy_slot *const slot = item;
    const uint32_t leaf_size = run->output->leaf_size;
    rd__operation operation = rd__operation_none();
    size_t got = 0;
    slot->result = rd__basis_read(run->old_file, &operation, slot->offset + run->away, slot->data, slot->size, &got);
    slot->error = operation.error;
    for (size_t at = 0, i = 0; slot->result == RD_OK && at < slot->size; at += leaf_size, i++) {
        const uint64_t offset = slot->offset + at;
        rd__digest range;
        rd__digest_init(&range, offset / RD__BLAKE3_CHUNK);
        rd__digest_add(&range, rd__kernels_best(), slot->data + at, leaf_size);
        rd__digest_node(&range, slot->nodes[i]);
    }
}

static rd_result copy_finish(void *context, void *item) {
    const copy_run *const run = context;
    const copy_slot *const slot = item;
    rd__session_output *const output = run->output;
    if (slot->result != RD_OK) {
        output->operation->error = slot->error;
        return slot->result;
    }
    memcpy(&output->nodes[slot->offset / output->leaf_size], slot->nodes,
           slot->size / output->leaf_size * sizeof *slot->nodes);
    output->written += slot->size;
    return output_write(output, slot->data, slot->size);
}

static rd_result output_copy_run(rd__session_output *output, copy_run *run, unsigned threads) {
    const size_t count = (size_t)threads * COPY_SLOTS;
    copy_slot *const slots = rd__alloc_zeroed(count, sizeof *slots);
    void **const list = rd__alloc_zeroed(count, sizeof *list);
    bool good = slots && list;
    for (size_t i = 0; good && i < count; i++) {
        list[i] = &slots[i];
        slots[i].data = rd__context_take(output->operation->context, BUFFER, 1);
        good = slots[i].data;
    }
    const rd__pipeline pipeline = {.fetch = copy_fetch,
                                   .work = copy_work,
                                   .finish = copy_finish,
                                   .context = run,
                                   .slots = list,
                                   .slot_count = count,
                                   .threads = threads,
                                   .pool = &output->operation->context->pool};
    rd_error *const error = &output->operation->error;
    const rd_result result = good ? rd__pipeline_run(&pipeline, error) : rd__fail_memory(error);
    for (size_t i = 0; slots && i < count; i++)
        rd__context_give(output->operation->context, slots[i].data);
    free(slots);
    free((void *)list);
    return result;
}

rd_result rd__session_output_copy(rd__session_output *output, const rd_source *old_file, uint64_t place, uint64_t size,
                                  unsigned threads, uint64_t *put) {
    const uint64_t start = output->written;
    *put = 0;
    if (output->filled > 0 || output->leaf_size > BUFFER || size < (uint64_t)4 * BUFFER)
        return RD_OK;
    /* The last leaf of the file is left: its nodes are not merged. */
    const uint64_t last = (output->size - 1) / output->leaf_size * output->leaf_size;
    const uint64_t end = rd__min_u64(start + size, last) / output->leaf_size * output->leaf_size;
    assert(start % output->leaf_size == 0);
    if (end <= start)
        return RD_OK;
    copy_run run = {.output = output, .old_file = old_file, .away = place - start, .next = start, .end = end};
    const rd_result result = output_copy_run(output, &run, threads);
    rd__digest_init(&output->range, output->written / RD__BLAKE3_CHUNK);
    *put = end - start;
    return result;
}

rd_result rd__session_output_finish(rd__session_output *output, uint8_t digest[RD_DIGEST_LEN]) {
    rd_result result = output_flush(output);
    if (result == RD_OK)
        result = rd__sparse_finish(&output->sparse);
    rd__session_output_digest(output, digest);
    return result;
}

size_t rd__session_output_leaves(const rd__session_output *output) {
    return (size_t)((output->size + output->leaf_size - 1) / output->leaf_size);
}

void rd__session_output_node(const rd__session_output *output, size_t leaf, rd__output_node node) {
    if (leaf + 1 == rd__session_output_leaves(output))
        rd__digest_node(&output->range, node);
    else
        memcpy(node, output->nodes[leaf], RD__BLAKE3_LEN);
}

rd_result rd__session_output_repair(rd__session_output *output, size_t leaf, const uint8_t *data, size_t size) {
    const uint64_t offset = (uint64_t)leaf * output->leaf_size;
    rd_error *const error = &output->operation->error;
    rd__digest range;
    rd__digest_init(&range, offset / RD__BLAKE3_CHUNK);
    rd__digest_add(&range, rd__kernels_best(), data, size);
    if (leaf + 1 == rd__session_output_leaves(output))
        output->range = range;
    else
        rd__digest_node(&range, output->nodes[leaf]);
    const rd_result result = rd_sink_write_at(output->sink, output->start + offset, data, size, error);
    if (result == RD_E_STATE)
        return rd__fail(error, RD_E_MISMATCH, RD_ROLE_OUTPUT, offset,
                        "hashes misled, and the output can only be written in order");
    return result;
}

void rd__session_output_digest(const rd__session_output *output, uint8_t digest[RD_DIGEST_LEN]) {
    const size_t count = rd__session_output_leaves(output);
    rd__digest whole;
    uint8_t level = 0;
    while ((uint64_t)RD__BLAKE3_CHUNK << level < output->leaf_size)
        level++;
    rd__digest_init(&whole, 0);
    for (size_t i = 0; i + 1 < count; i++) {
        rd__digest leaf;
        rd__digest_init(&leaf, (uint64_t)i * output->leaf_size / RD__BLAKE3_CHUNK);
        leaf.end = leaf.start + output->leaf_size / RD__BLAKE3_CHUNK;
        leaf.count = 1;
        leaf.levels[0] = level;
        memcpy(leaf.nodes[0], output->nodes[i], sizeof leaf.nodes[0]);
        rd__digest_join(&whole, &leaf);
    }
    rd__digest_join(&whole, &output->range);
    rd__digest_final(&whole, digest);
}
