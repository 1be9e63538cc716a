/* See ops.h, and redelta.h for the public form. */
#include "file/ops.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/watch.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 4 * 1024, CHUNK_MAX = 64 * 1024 }; /* long literals are not read */

rd_result rd__ops_open(rd__ops *ops, const rd_source *delta, rd__operation *operation) {
    *ops = (rd__ops){.operation = operation, .reader = rd__reader_of(delta, operation, RD_ROLE_DELTA)};
    ops->ops.stats = &operation->stats;
    ops->ops.verify = operation->options.verify;
    ops->ops.whole = true;
    ops->chunk_size = delta->size < CHUNK_MIN ? (size_t)CHUNK_MIN : (size_t)rd__min_u64(delta->size, CHUNK_MAX);
    ops->chunk = rd__context_take(operation->context, ops->chunk_size, 1);
    ops->in = (rd_in){.data = ops->chunk};
    return ops->chunk ? RD_OK : rd__fail_memory(&operation->error);
}

void rd__ops_close(rd__ops *ops) {
    rd__reader_close(&ops->reader);
    rd__context_give(ops->operation->context, ops->chunk);
}

static rd_result ops_refill(rd__ops *ops) {
    ops->in.pos = ops->in.size = 0;
    return rd__reader_read(&ops->reader, ops->chunk, ops->chunk_size, &ops->in.size);
}

/* What is left of a literal need not be read where the reader can pass over it. */
static void ops_skip_literal(rd__ops *ops) {
    const uint64_t buffered = ops->in.size - ops->in.pos;
    if (ops->ops.literal_left <= buffered)
        return;
    const uint64_t skipped = rd__reader_skip(&ops->reader, ops->ops.literal_left - buffered);
    if (skipped == 0)
        return;
    ops->in.pos = ops->in.size;
    rd__op_reader_skipped(&ops->ops, buffered + skipped);
}

rd_result rd__ops_next(rd__ops *ops, rd_op *op) {
    ops_skip_literal(ops);
    for (;;) {
        rd_result result = rd__op_reader_next(&ops->ops, &ops->in, ops->reader.ended, op, &ops->operation->error);
        if (result != RD_MORE || op->length > 0)
            return result;
        result = ops_refill(ops);
        if (result != RD_OK)
            return result;
    }
}

rd_result rd__ops_read(rd__ops *ops, void *data, size_t size, size_t *got) {
    *got = 0;
    if (ops->reader.dense && !ops->reader.basis && ops->ops.literal_left > 0)
        return rd__fail(&ops->operation->error, RD_E_STATE, RD_ROLE_DELTA, RD_UNKNOWN,
                        "the literals of a dense delta cannot be read without its basis: expand it");
    while (*got < size && ops->ops.literal_left > 0) {
        const uint8_t *from = NULL;
        const size_t taken = rd__op_reader_literal(&ops->ops, &ops->in, size - *got, &from);
        if (taken > 0)
            memcpy((uint8_t *)data + *got, from, taken);
        *got += taken;
        if (taken > 0)
            continue;
        if (ops->reader.ended) { /* the literal is cut short: the reader says so */
            rd_op none;
            return rd__op_reader_next(&ops->ops, &ops->in, true, &none, &ops->operation->error);
        }
        const rd_result result = ops_refill(ops);
        if (result != RD_OK)
            return result;
    }
    return RD_OK;
}

void rd__ops_note_trailer(const rd__ops *ops) {
    rd__basis_id basis;
    if (ops->ops.has_trailer)
        rd__operation_set_digest(ops->operation, rd__op_reader_digest(&ops->ops));
    if (rd__op_reader_basis(&ops->ops, &basis))
        rd__operation_set_basis(ops->operation, basis.size, basis.digest);
}

/* ---- Public ------------------------------------------------------------------------------------------------------ */

struct rd_ops {
    rd__operation operation;
    rd_source delta;
    rd__watch watch;
    rd__ops ops;
    rd_result state; /* RD_MORE while there may be more */
};

rd_result rd_ops_open(rd_ops **ops, const rd_source *delta, const rd_options *options) {
    rd_ops *const made = rd__alloc_zeroed(1, sizeof *made);
    *ops = NULL;
    if (!made)
        return rd__fail_memory_of(options);
    made->delta = *delta;
    made->watch = rd__watch_begin(delta, RD_ROLE_DELTA);
    made->state = RD_MORE;
    rd_result result = rd__operation_start(&made->operation, options, delta->size);
    if (result == RD_OK)
        result = rd__ops_open(&made->ops, &made->delta, &made->operation);
    if (result == RD_OK) {
        *ops = made;
        return RD_OK;
    }
    if (made->operation.options.error)
        *made->operation.options.error = made->operation.error;
    rd_ops_close(made);
    return result;
}

rd_result rd_ops_next(rd_ops *ops, rd_op *op) {
    if (ops->state != RD_MORE)
        return RD_E_STATE;
    const rd_result result = rd__ops_next(&ops->ops, op);
    if (result == RD_OK)
        rd__ops_note_trailer(&ops->ops);
    ops->state = result == RD_MORE ? result : rd__watch_end(&ops->watch, &ops->operation, result);
    return ops->state;
}

rd_result rd_ops_read(rd_ops *ops, void *data, size_t size, size_t *got) {
    *got = 0;
    if (ops->state != RD_MORE)
        return RD_E_STATE;
    const rd_result result = rd__ops_read(&ops->ops, data, size, got);
    if (result == RD_OK)
        return result;
    ops->state = rd__watch_end(&ops->watch, &ops->operation, result);
    return ops->state;
}

rd_result rd_ops_stats(const rd_ops *ops, rd_stats *stats) {
    return rd__stats_copy(stats, &ops->operation.stats);
}

const rd_error *rd_ops_error(const rd_ops *ops) {
    return &ops->operation.error;
}

uint64_t rd_ops_literal_offset(const rd_ops *ops) {
    const rd__reader *const reader = &ops->ops.reader;
    const bool shows = !reader->source.compressed && !reader->dense && ops->ops.ops.literal_left > 0;
    return shows ? ops->ops.ops.taken : RD_UNKNOWN;
}

void rd_ops_close(rd_ops *ops) {
    if (!ops)
        return;
    if (ops->ops.operation)
        rd__ops_close(&ops->ops);
    rd__context_release(&ops->operation.own);
    free(ops);
}

rd_result rd_delta_each_op(const rd_source *delta, rd_op_fn *each, void *context, const rd_options *options) {
    rd__operation operation;
    const rd__watch watch = rd__watch_begin(delta, RD_ROLE_DELTA);
    rd__ops ops;
    rd_op op;
    rd_result result = rd__operation_start(&operation, options, delta->size);
    if (result != RD_OK)
        return rd__operation_end(&operation, result);
    result = rd__ops_open(&ops, delta, &operation);
    while (result == RD_OK) {
        result = rd__ops_next(&ops, &op);
        if (result != RD_MORE)
            break;
        result = each(context, &op) ? RD_OK
                                    : rd__fail(&operation.error, RD_E_CANCELLED, RD_ROLE_NONE, RD_UNKNOWN, "cancelled");
    }
    if (result == RD_OK)
        rd__ops_note_trailer(&ops);
    rd__ops_close(&ops);
    return rd__operation_end(&operation, rd__watch_end(&watch, &operation, result));
}
