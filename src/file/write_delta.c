/* See write_delta.h. */
#include "file/write_delta.h"

#include "base/memory.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

rd_result rd__delta_writer_open(rd__delta_writer *w, const rd_sink *sink, rd__operation *operation) {
    uint8_t bytes[RD__EMIT_MAX];
    memset(w, 0, offsetof(rd__delta_writer, literal));
    w->operation = operation;
    w->emitter.stats = &operation->stats;
    const rd_result result = rd__writer_open(&w->writer, sink, operation, RD_UNKNOWN, rd__operation_threads(operation));
    return result == RD_OK ? rd__writer_put(&w->writer, bytes, rd__emit_magic(bytes)) : result;
}

static rd_result delta_writer_put_op(rd__delta_writer *w, const rd_op *op) {
    uint8_t bytes[RD__EMIT_MAX];
    return rd__writer_put(&w->writer, bytes, rd__emit_op(&w->emitter, op, bytes));
}

/* Writes what is held back. */
static rd_result delta_writer_flush(rd__delta_writer *w) {
    rd_result result = RD_OK;
    if (w->held.length > 0)
        result = delta_writer_put_op(w, &w->held);
    w->held.length = 0;
    if (result == RD_OK && w->filled > 0) {
        const rd_op op = {.kind = RD_LITERAL, .target_offset = w->emitter.target, .length = w->filled};
        result = delta_writer_put_op(w, &op);
        if (result == RD_OK)
            result = rd__writer_put(&w->writer, w->literal, w->filled);
    }
    w->filled = 0;
    return result;
}

uint64_t rd__delta_writer_target(const rd__delta_writer *w) {
    return w->emitter.target + w->held.length + w->filled;
}

rd_result rd__delta_writer_copy(rd__delta_writer *w, uint64_t offset, uint64_t length) {
    const rd_op op = {
        .kind = RD_COPY, .target_offset = rd__delta_writer_target(w), .length = length, .basis_offset = offset};
    assert(length > 0 && length <= INT64_MAX - op.target_offset);
    if (rd__copies_join(&w->held, &op))
        return RD_OK;
    const rd_result result = delta_writer_flush(w);
    w->held = op;
    return result;
}

rd_result rd__delta_writer_literal(rd__delta_writer *w, const void *data, size_t size) {
    const uint8_t *from = data;
    rd_result result = RD_OK;
    assert(size <= INT64_MAX - rd__delta_writer_target(w));
    while (result == RD_OK && size > 0) {
        /* A copy that is held back comes before; a literal is written when it is as long as it may be. */
        if (w->held.length > 0 || w->filled == sizeof w->literal)
            result = delta_writer_flush(w);
        const size_t taken = rd__min_size(size, sizeof w->literal - w->filled);
        memcpy(w->literal + w->filled, from, taken);
        w->filled += taken;
        from += taken;
        size -= taken;
    }
    return result;
}

rd_result rd__delta_writer_finish(rd__delta_writer *w, const uint8_t *digest, const rd__basis_id *basis) {
    uint8_t bytes[RD__EMIT_MAX];
    rd_result result = delta_writer_flush(w);
    if (digest)
        rd__operation_set_digest(w->operation, digest);
    if (digest && basis)
        rd__operation_set_basis(w->operation, basis->size, basis->digest);
    if (result == RD_OK)
        result = rd__writer_put(&w->writer, bytes, rd__emit_end(&w->emitter, digest, basis, bytes));
    return result == RD_OK ? rd__writer_finish(&w->writer) : result;
}

void rd__delta_writer_close(rd__delta_writer *w) {
    if (w->writer.operation)
        rd__writer_close(&w->writer);
}
