/* See dense_writer.h. */
#include "file/dense_writer.h"

#include "base/memory.h"
#include "base/result.h"
#include "compress/column.h"
#include "format/dense.h"

#include <assert.h>
#include <string.h>

/* The check of what ends with it. */
static void dense_writer_keep_check(rd__dense_writer *w, const uint8_t *data, size_t size) {
    memcpy(w->check, data + size - RD__DENSE_CHECK_LEN, RD__DENSE_CHECK_LEN);
}

rd_result rd__dense_writer_open(rd__dense_writer *w, const rd_sink *sink, rd__operation *operation,
                                const rd_source *old_file, const uint8_t *old_digest) {
    const int level = operation->options.compression;
    uint8_t bytes[RD__DENSE_HEADER_LEN];
    rd__dense_header header = {.basis = {.size = old_file->size}};
    *w = (rd__dense_writer){.sink = sink,
                            .operation = operation,
                            .old_file = old_file,
                            .level = rd__operation_compresses(operation) ? level : RD__COLUMN_LEVEL,
                            .counter.emitter.stats = &operation->stats};
    const rd_result result = rd__column_check(w->level, &operation->error);
    if (result != RD_OK)
        return result;
    assert(old_file->seekable && old_file->size != RD_UNKNOWN);
    if (old_file->size > RD__DENSE_SIZE_MAX)
        return rd__fail(&operation->error, RD_E_LIMIT, RD_ROLE_BASIS, RD_UNKNOWN, "it is too long for a dense delta");
    memcpy(header.basis.digest, old_digest, RD_DIGEST_LEN);
    memcpy(w->old_digest, old_digest, RD_DIGEST_LEN);
    rd__dense_header_put(bytes, &header);
    dense_writer_keep_check(w, bytes, sizeof bytes);
    return rd__sink_write(sink, operation, bytes, sizeof bytes);
}

/* ---- Ops --------------------------------------------------------------------------------------------------------- */

static rd_result dense_writer_put_op(rd__dense_writer *w, const rd_op *op) {
    rd__growing_put(&w->ops, op, sizeof *op);
    w->target += op->length;
    return w->ops.failed ? rd__fail_memory(&w->operation->error) : RD_OK;
}

/* The literal is complete. */
static rd_result dense_writer_end_literal(rd__dense_writer *w) {
    const uint64_t length = w->literal;
    if (length == 0)
        return RD_OK;
    w->literal = 0;
    const rd_op op = {
        .kind = RD_LITERAL, .target_offset = w->target, .length = length, .basis_offset = w->literals.size - length};
    return dense_writer_put_op(w, &op);
}

/* Makes a frame of the ops so far. */
static rd_result dense_writer_flush(rd__dense_writer *w) {
    rd_result result = dense_writer_end_literal(w);
    rd__growing frame = {0};
    if (result != RD_OK || w->ops.size == 0)
        return result;
    const rd__dense_ops ops = {.ops = (const rd_op *)(const void *)w->ops.data,
                               .count = w->ops.size / sizeof(rd_op),
                               .literals = w->literals.data};
    result = rd__dense_frame_make(w->operation, w->old_file, &ops, w->level, w->check, &w->counter, &frame);
    if (result == RD_OK) {
        dense_writer_keep_check(w, frame.data, frame.size);
        result = rd__sink_write(w->sink, w->operation, frame.data, frame.size);
    }
    rd__growing_free(&frame);
    rd__growing_clear(&w->ops);
    rd__growing_clear(&w->literals);
    w->copies = 0;
    return result == RD_OK ? rd__operation_progress(w->operation, w->operation->done) : result;
}

/* The new file is to be so much longer. */
static rd_result dense_writer_grow(const rd__dense_writer *w, uint64_t length) {
    if (length <= RD__DENSE_SIZE_MAX - w->literal - w->target)
        return RD_OK;
    return rd__fail(&w->operation->error, RD_E_LIMIT, RD_ROLE_NEW, RD_UNKNOWN, "it is too long for a dense delta");
}

rd_result rd__dense_writer_copy(rd__dense_writer *w, const rd_op *copy) {
    rd_op op = *copy;
    assert(copy->kind == RD_COPY && copy->length > 0 && copy->length <= w->old_file->size &&
           copy->basis_offset <= w->old_file->size - copy->length);
    rd_result result = dense_writer_grow(w, copy->length);
    if (result == RD_OK)
        result = dense_writer_end_literal(w);
    if (result == RD_OK && w->copies == RD__DENSE_OPS_MAX)
        result = dense_writer_flush(w);
    if (result != RD_OK)
        return result;
    op.target_offset = w->target;
    w->copies++;
    return dense_writer_put_op(w, &op);
}

rd_result rd__dense_writer_literal(rd__dense_writer *w, const void *data, size_t size) {
    const uint8_t *from = data;
    rd_result result = dense_writer_grow(w, size);
    while (result == RD_OK && size > 0) {
        if (w->literals.size == RD__DENSE_LITERAL_BYTES_MAX)
            result = dense_writer_flush(w);
        const size_t taken = rd__min_size(size, RD__DENSE_LITERAL_BYTES_MAX - w->literals.size);
        rd__growing_put(&w->literals, from, taken);
        if (w->literals.failed)
            return rd__fail_memory(&w->operation->error);
        w->literal += taken;
        from += taken;
        size -= taken;
    }
    return result;
}

rd_result rd__dense_writer_finish(rd__dense_writer *w, const uint8_t *new_digest) {
    uint8_t bytes[RD__DENSE_TRAILER_LEN];
    rd__dense_trailer trailer;
    const rd_result result = dense_writer_flush(w);
    if (result != RD_OK)
        return result;
    rd__dense_counter_end(&w->counter);
    trailer.new_size = w->target;
    memcpy(trailer.new_digest, new_digest, RD_DIGEST_LEN);
    rd__dense_trailer_put(bytes, w->check, &trailer);
    rd__operation_set_digest(w->operation, new_digest);
    rd__operation_set_basis(w->operation, w->old_file->size, w->old_digest);
    return rd__sink_write(w->sink, w->operation, bytes, sizeof bytes);
}

void rd__dense_writer_close(rd__dense_writer *w) {
    rd__growing_free(&w->ops);
    rd__growing_free(&w->literals);
}
