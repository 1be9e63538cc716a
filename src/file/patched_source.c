/* See patched_source.h. */
#include "file/patched_source.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/source.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t patched_literal = (uint64_t)1 << 63;

static rd_result patched_add(rd__patched *patched, uint64_t target, uint64_t from, rd_error *error) {
    rd__patched_op *const ops = rd__allowance_grow(&patched->allowance, patched->ops, &patched->capacity,
                                                   (uint64_t)patched->count + 1, sizeof *ops, error);
    if (!ops)
        return error->result;
    patched->ops = ops;
    ops[patched->count++] = (rd__patched_op){.target = target, .from = from};
    return RD_OK;
}

static rd_result patched_add_op(rd__patched *patched, rd__ops *ops, const rd_op *op) {
    rd_error *const error = &ops->operation->error;
    if (op->kind == RD_COPY)
        return patched_add(patched, op->target_offset, op->basis_offset, error);
    const uint64_t from = patched->keeps ? patched->kept.size : ops->ops.taken;
    const rd_result result = patched_add(patched, op->target_offset, from | patched_literal, error);
    return result == RD_OK && patched->keeps
               ? rd__kept_literals_add(&patched->kept, ops, op->length, &patched->allowance)
               : result;
}

rd_result rd__patched_open(rd__patched *patched, const rd_source *basis, const rd_source *delta,
                           rd__operation *operation, uint64_t memory) {
    rd__ops ops;
    rd_op op;
    *patched = (rd__patched){.basis = basis, .delta = delta, .allowance = {.limit = memory}};
    rd_result result = rd__ops_open(&ops, delta, operation);
    ops.reader.basis = basis;
    while (result == RD_OK) {
        result = rd__ops_next(&ops, &op);
        if (result != RD_MORE)
            break;
        patched->keeps = rd__ops_must_be_kept(&ops);
        result = patched_add_op(patched, &ops, &op);
    }
    patched->keeps = rd__ops_must_be_kept(&ops); /* also of one without ops */
    patched->reader = ops.ops;
    if (result == RD_OK)
        result = patched_add(patched, ops.ops.target, 0, &operation->error);
    rd__ops_close(&ops);
    return result;
}

void rd__patched_close(rd__patched *patched) {
    free(patched->ops);
    free(patched->kept.bytes);
}

/* The op that makes the byte at `offset`, which is in the file. */
static size_t patched_find(const rd__patched *patched, uint64_t offset) {
    size_t first = 0;
    size_t end = patched->count - 1; /* the op is in [first, end) */
    while (end - first > 1) {
        const size_t middle = first + (end - first) / 2;
        if (patched->ops[middle].target <= offset)
            first = middle;
        else
            end = middle;
    }
    return first;
}

/*
 * Where a read has many short ops, they mostly come from places that follow each other closely: what lies behind one is
 * read along with it. A page costs hardly more than a few bytes.
 */
enum { VIEW_SIZE = 4096 };

typedef struct patched_view {
    const rd_source *source;
    rd_role role;
    uint64_t offset;
    size_t size;
    uint8_t data[VIEW_SIZE];
} patched_view;

/* Reads through the view what is shorter than it. Less than `size` only at the end of the source. */
static rd_result patched_look(patched_view *view, rd__operation *operation, uint64_t offset, uint8_t *data, size_t size,
                              size_t *got) {
    if (size >= VIEW_SIZE)
        return rd__source_read(view->source, operation, view->role, offset, data, size, got);
    const uint64_t before = offset - view->offset; /* huge, if it begins before the view */
    if (before > view->size || view->size - before < size) {
        view->size = 0;
        view->offset = offset;
        const rd_result result =
            rd__source_read(view->source, operation, view->role, offset, view->data, VIEW_SIZE, &view->size);
        if (result != RD_OK)
            return result;
    }
    *got = rd__min_size(size, view->size - (size_t)(offset - view->offset));
    memcpy(data, view->data + (offset - view->offset), *got);
    return RD_OK;
}

/* Reads bytes that one op makes, from `from` on. */
static rd_result patched_read_op(const rd__patched *patched, rd__operation *operation, patched_view views[2],
                                 uint64_t from, uint8_t *data, size_t size) {
    const uint64_t at = from & ~patched_literal;
    const bool copies = at == from;
    size_t got = 0;
    if (!copies && patched->keeps) {
        memcpy(data, patched->kept.bytes + at, size);
        return RD_OK;
    }
    const rd_result result = patched_look(&views[copies ? 0 : 1], operation, at, data, size, &got);
    if (result != RD_OK || got == size)
        return result;
    return rd__fail(&operation->error, RD_E_TRUNCATED, copies ? RD_ROLE_BASIS : RD_ROLE_DELTA, at + got,
                    copies ? "the basis is too short: the delta copies from beyond its end"
                           : "the delta became shorter while it was read");
}

static rd_result patched_read(void *context, rd__operation *operation, uint64_t offset, void *data, size_t size,
                              size_t *got) {
    const rd__patched *const patched = context;
    const uint64_t end = patched->ops[patched->count - 1].target;
    patched_view views[2];
    *got = 0;
    if (offset >= end || size == 0)
        return RD_OK;
    views[0].source = patched->basis;
    views[0].role = RD_ROLE_BASIS;
    views[1].source = patched->delta;
    views[1].role = RD_ROLE_DELTA;
    views[0].offset = views[1].offset = views[0].size = views[1].size = 0;
    size = (size_t)rd__min_u64(size, end - offset);
    const rd__patched_op *op = &patched->ops[patched_find(patched, offset)];
    for (; *got < size; op++) {
        const uint64_t before = offset + *got - op->target;
        const size_t part = (size_t)rd__min_u64(size - *got, op[1].target - op->target - before);
        const rd_result result =
            patched_read_op(patched, operation, views, op->from + before, (uint8_t *)data + *got, part);
        if (result != RD_OK)
            return result;
        *got += part;
    }
    return RD_OK;
}

rd_source rd__patched_source(rd__patched *patched) {
    static const rd__source_kind kind = {.read = patched_read};
    const bool concurrent =
        rd__source_is_concurrent(patched->basis) && (patched->keeps || rd__source_is_concurrent(patched->delta));
    return rd__source_of_kind(&kind, patched, patched->ops[patched->count - 1].target, concurrent);
}
