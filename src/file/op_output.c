/* See op_output.h. */
#include "file/op_output.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/source.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

rd_result rd__op_output_open(rd__op_output *output, const rd_sink *sink, rd__operation *operation) {
    uint8_t bytes[RD__EMIT_MAX];
    memset(output, 0, offsetof(rd__op_output, carried));
    output->operation = operation;
    output->emitter.stats = &operation->stats;
    /* A delta is hardly larger than the files that are read for it. */
    const rd_result result =
        rd__writer_open(&output->writer, sink, operation, operation->total, rd__operation_threads(operation));
    return result == RD_OK ? rd__writer_put(&output->writer, bytes, rd__emit_magic(bytes)) : result;
}

rd_result rd__op_output_open_dense(rd__op_output *output, const rd_sink *sink, rd__operation *operation,
                                   const rd_source *old_file, const uint8_t *old_digest) {
    memset(output, 0, offsetof(rd__op_output, carried));
    output->operation = operation;
    output->is_dense = true;
    return rd__dense_writer_open(&output->dense, sink, operation, old_file, old_digest);
}

enum { AHEAD = 512 * 1024 }; /* bytes of literals that are read at once: several of the longest */

rd_result rd__op_output_read_literals(rd__op_output *output, const rd_source *new_file) {
    output->new_file = new_file;
    output->ahead = rd__context_take(output->operation->context, AHEAD, 1);
    return output->ahead ? RD_OK : rd__fail_memory(&output->operation->error);
}

/* Writes the command of an op. */
static rd_result op_output_put_command(rd__op_output *output, const rd_op *op) {
    uint8_t bytes[RD__EMIT_MAX];
    if (output->is_dense)
        return op->kind == RD_COPY ? rd__dense_writer_copy(&output->dense, op) : RD_OK;
    return rd__writer_put(&output->writer, bytes, rd__emit_op(&output->emitter, op, bytes));
}

static rd_result op_output_put_literal(rd__op_output *output, const uint8_t *data, size_t size) {
    return output->is_dense ? rd__dense_writer_literal(&output->dense, data, size)
                            : rd__writer_lend(&output->writer, data, size);
}

/* Reads the bytes of a literal, and of those after it that are as good as known. What was lent is written before. */
static rd_result op_output_read_ahead(rd__op_output *output, const rd_op *op) {
    rd__operation *const operation = output->operation;
    const uint64_t known = output->literal_until - op->target_offset;
    size_t got = 0;
    rd_result result = rd__writer_return(&output->writer);
    if (result == RD_OK)
        result = rd__operation_progress(operation,
                                        operation->done < op->target_offset ? op->target_offset : operation->done);
    if (result == RD_OK)
        result = rd__source_read(output->new_file, operation, RD_ROLE_NEW, op->target_offset, output->ahead,
                                 (size_t)rd__min_u64(known, AHEAD), &got);
    output->ahead_at = op->target_offset;
    output->ahead_size = got;
    if (result == RD_OK && got < op->length)
        return rd__fail(&operation->error, RD_E_CHANGED, RD_ROLE_NEW, RD_UNKNOWN, "changed while it was being read");
    return result;
}

/* Writes an op whose bytes, if it is a literal, are not in memory. */
static rd_result op_output_put_read(rd__op_output *output, const rd_op *op) {
    rd_result result = op_output_put_command(output, op);
    if (result != RD_OK || op->kind != RD_LITERAL)
        return result;
    assert(op->length <= AHEAD && op->target_offset + op->length <= output->literal_until);
    const uint64_t before = op->target_offset - output->ahead_at;
    if (op->target_offset < output->ahead_at || before > output->ahead_size || output->ahead_size - before < op->length)
        result = op_output_read_ahead(output, op);
    if (result != RD_OK)
        return result;
    return rd__writer_lend(&output->writer, output->ahead + (op->target_offset - output->ahead_at), (size_t)op->length);
}

/* Writes an op. A literal may start in the segment before. */
static rd_result op_output_put(rd__op_output *output, const rd__view *view, const rd_op *op) {
    if (output->new_file)
        return op_output_put_read(output, op);
    rd_result result = op_output_put_command(output, op);
    uint64_t offset = op->target_offset;
    const uint64_t end = offset + (op->kind == RD_LITERAL ? op->length : 0);
    if (result == RD_OK && offset < end && offset < view->offset) {
        const uint64_t stop = rd__min_u64(view->offset, end);
        const uint8_t *const from = output->carried + sizeof output->carried - (view->offset - offset);
        result = op_output_put_literal(output, from, (size_t)(stop - offset));
        offset = stop;
    }
    if (result == RD_OK && offset < end)
        result = op_output_put_literal(output, view->data + (offset - view->offset), (size_t)(end - offset));
    return result;
}

rd_result rd__op_output_reach(rd__op_output *output, const rd__view *view, uint64_t reach, bool last) {
    rd_op op;
    rd_result result = RD_OK;
    const rd_op *const incoming = &output->joiner.incoming;
    output->literal_until = incoming->length > 0 ? incoming->target_offset : reach;
    while (result == RD_OK && rd__op_joiner_next(&output->joiner, reach, last, &op))
        result = op_output_put(output, view, &op);
    return result;
}

rd_result rd__op_output_copy(rd__op_output *output, const rd__view *view, const rd_op *copy) {
    rd__op_joiner_add(&output->joiner, copy);
    return rd__op_output_reach(output, view, copy->target_offset + copy->length, false);
}

rd_result rd__op_output_end_segment(rd__op_output *output, const rd__view *view, uint64_t stop) {
    const rd_result result = output->is_dense ? RD_OK : rd__writer_return(&output->writer);

    /* Keep what a literal that continues in the next segment needs of this one. */
    const uint64_t needed = rd__op_joiner_needs(&output->joiner);
    if (result == RD_OK && !view->last && needed < stop) {
        const size_t size = (size_t)(stop - needed);
        memcpy(output->carried + sizeof output->carried - size, view->data + (needed - view->offset), size);
    }
    return result;
}

rd_result rd__op_output_finish(rd__op_output *output, const uint8_t *digest, const rd__basis_id *basis) {
    uint8_t bytes[RD__EMIT_MAX];
    if (output->is_dense)
        return rd__dense_writer_finish(&output->dense, digest);
    if (digest)
        rd__operation_set_digest(output->operation, digest);
    if (digest && basis)
        rd__operation_set_basis(output->operation, basis->size, basis->digest);
    const size_t size = rd__emit_end(&output->emitter, digest, basis, bytes);
    const rd_result result = rd__writer_put(&output->writer, bytes, size);
    return result == RD_OK ? rd__writer_finish(&output->writer) : result;
}

void rd__op_output_close(rd__op_output *output) {
    rd__context_give(output->operation->context, output->ahead);
    output->ahead = NULL;
    if (output->is_dense)
        rd__dense_writer_close(&output->dense);
    else
        rd__writer_close(&output->writer);
}
