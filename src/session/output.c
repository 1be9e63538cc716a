/* See output.h. */
#define _GNU_SOURCE
#include "session/output.h"

#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "io/sink.h"

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
                                  const rd__session_keys *keys, uint64_t size, bool sparse) {
    *output = (rd__session_output){.sink = sink,
                                   .operation = operation,
                                   .keys = keys,
                                   .sparse = rd__sparse_of(sink, operation, sparse),
                                   .start = output_position(sink),
                                   .size = size,
                                   .leaf_size = rd__session_leaf_size(size)};
    output->buffer = rd__alloc_buffer(BUFFER, 1);
    output->leaves = rd__alloc_array(size / output->leaf_size + 1, sizeof *output->leaves);
    rd__digest_init(&output->range, 0);
    if (output->buffer && output->leaves)
        return RD_OK;
    rd__session_output_free(output);
    return rd__fail_memory(&operation->error);
}

void rd__session_output_free(rd__session_output *output) {
    rd__free_buffer(output->buffer);
    free(output->leaves);
    output->buffer = NULL;
    output->leaves = NULL;
}

/* The node of a whole leaf. The two under it are not merged, as long as they might be all of the file. */
static void output_take_node(const rd__digest *range, uint8_t node[RD__BLAKE3_LEN]) {
    assert(range->count == 2 && range->levels[0] == range->levels[1]);
    rd__blake3_parent(range->nodes[0], false, node);
}

/* A leaf is whole: its node is kept, and the next one begins. */
static void output_end_leaf(rd__session_output *output) {
    const uint64_t end = output->written;
    rd__output_leaf *const leaf = &output->leaves[end / output->leaf_size - 1];
    leaf->sum = output->sum;
    output_take_node(&output->range, leaf->node);
    if (end == output->size) /* the digest of the file may need more of it */
        return;
    rd__digest_init(&output->range, end / RD__BLAKE3_CHUNK);
    output->sum = 0;
}

/* Hashes the next bytes, which do not go beyond the leaf. */
static void output_hash(rd__session_output *output, const uint8_t *data, size_t size) {
    rd__digest_add(&output->range, rd__kernels_best(), data, size);
    output->sum ^= rd__stretch_sum(&output->keys->stretch, data, size, output->written / RD__LEAF);
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

uint64_t rd__session_output_sum(const rd__session_output *output, size_t leaf) {
    return leaf + 1 == rd__session_output_leaves(output) ? output->sum : output->leaves[leaf].sum;
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
        output_take_node(&range, output->leaves[leaf].node);
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
        memcpy(leaf.nodes[0], output->leaves[i].node, sizeof leaf.nodes[0]);
        rd__digest_join(&whole, &leaf);
    }
    rd__digest_join(&whole, &output->range);
    rd__digest_final(&whole, digest);
}
