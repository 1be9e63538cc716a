/*
 * Merging deltas: of those that make file 1 of file 0, file 2 of file 1 and so on, the one that makes the last file of
 * file 0, without any of the files.
 *
 * The deltas are read once, from the last to the first, and what the last file consists of is looked up in each
 * (engine/references.h). Then the merged delta is written in the order of the last file. The bytes of a literal that is
 * needed are read at that time, if the delta can be read at any offset; of a pipe and of a compressed delta they are
 * kept, each byte once.
 *
 * The trailer is that of the last delta, and its basis that of the first, as far as they know them. Nobody sees the
 * bytes of the files, so nothing more can be verified here; but a chain that does not fit is told, where lengths and
 * digests in the trailers, or the ends of copies, show it.
 */
#include "base/memory.h"
#include "base/result.h"
#include "engine/patcher.h"
#include "engine/references.h"
#include "file/kept_literals.h"
#include "file/merge_dense.h"
#include "file/write_delta.h"
#include "io/sink.h"
#include "io/watch.h"

#include <stdlib.h>
#include <string.h>

enum {
    MEMORY_DEFAULT = 1024 * 1024 * 1024, /* for references and literals that are kept */
    VIEWS = 32,                          /* of deltas whose literals are read: one that is read again finds its own */
    VIEW_MIN = 4 * 1024, /* bytes that are read for a literal elsewhere; twice as many each time while they go on ... */
    VIEW_SIZE = 64 * 1024, /* ... up to these */
    PROGRESS_OPS = 4096    /* between two reports of progress, while the delta is written */
};

/* What a delta says of its basis, which is the file that the delta before makes. */
typedef struct merge_basis {
    rd__basis_id id;
    bool has_id;
    uint64_t id_at; /* the offset in the delta of what says so */
    uint64_t reach; /* the copies end here */
    uint64_t reach_at;
} merge_basis;

/* Literals that were kept: the ranges of a file that lie in literals, as far as somebody refers to them. */
typedef struct merge_kept {
    rd__kept_literals literals;
    uint64_t from; /* the range of the file that was kept last ... */
    uint64_t to;
    uint64_t at; /* ... and where it begins in them */
} merge_kept;

/* Bytes of a delta, for literals that are close to each other. */
typedef struct merge_view {
    size_t delta;
    uint64_t offset;
    size_t size;   /* 0: there are none */
    size_t wanted; /* when it was read */
    uint8_t *data;
} merge_view;

typedef struct merge_run {
    rd__operation *operation;
    const rd_source *given; /* the deltas */
    size_t given_count;
    const rd_source *basis;  /* of the first, or NULL */
    rd__chain chain;         /* the same deltas, without dense ones after the first; not used without a basis */
    const rd_source *deltas; /* those of the chain, or as they were given */
    size_t count;
    size_t merged; /* of those given, so many are parts of the first of these */
    rd__watch *watches;
    bool *keeps; /* of each delta: its literals are kept */
    rd__references references;
    merge_kept kept;
    rd__ops *ops;      /* the delta that is being read */
    uint64_t op_at;    /* the place in its file where its last op begins ... */
    uint64_t bytes_at; /* ... and the offset of that literal's bytes, if they are not kept */
    merge_basis after; /* what the delta read before says of its basis */
    uint8_t digest[RD_DIGEST_LEN];
    bool has_digest;
    uint64_t in_bytes; /* of the deltas that are read */
    merge_view views[VIEWS];
    rd__delta_writer writer; /* not zeroed: the last member */
} merge_run;

/* ---- Reading a delta --------------------------------------------------------------------------------------------- */

/* Passes over bytes of the literal that nobody refers to. */
static rd_result merge_pass_bytes(merge_run *run, uint64_t size) {
    uint8_t passed[4096];
    rd_result result = RD_OK;
    while (result == RD_OK && size > 0) {
        size_t got = 0;
        result = rd__ops_read(run->ops, passed, (size_t)rd__min_u64(size, sizeof passed), &got);
        size -= got;
    }
    return result;
}

/* The rd__settle_fn of a delta whose literals are kept: ranges come in order, so those that overlap are kept once. */
static rd_result merge_keep(void *context, uint64_t from, uint64_t length, uint64_t *at) {
    merge_run *const run = context;
    merge_kept *const kept = &run->kept;
    rd_result result = RD_OK;
    if (from > kept->to || kept->to <= run->op_at) {
        const uint64_t read = kept->to > run->op_at ? kept->to : run->op_at;
        result = merge_pass_bytes(run, from - read);
        kept->from = kept->to = from;
        kept->at = kept->literals.size;
    }
    *at = kept->at + (from - kept->from);
    if (result != RD_OK || from + length <= kept->to)
        return result;
    result = rd__kept_literals_add(&kept->literals, run->ops, from + length - kept->to, &run->references.allowance);
    kept->to = from + length;
    return result;
}

/* The rd__settle_fn of one whose literals are read later. */
static rd_result merge_point(void *context, uint64_t from, uint64_t length, uint64_t *at) {
    const merge_run *const run = context;
    (void)length;
    *at = run->bytes_at + (from - run->op_at);
    return RD_OK;
}

static rd_result merge_read_ops(merge_run *run, size_t index, merge_basis *basis) {
    rd__ops *const ops = run->ops;
    const rd_stats *const stats = &run->operation->stats;
    uint64_t commands = 0; /* bytes of the copies' commands so far */
    rd_op op;
    rd_result result = rd__ops_next(ops, &op);
    for (; result == RD_MORE; result = rd__ops_next(ops, &op)) {
        if (basis->reach < ops->ops.reach) {
            basis->reach = ops->ops.reach;
            basis->reach_at = ops->ops.taken - (stats->copy_command_bytes - commands);
        }
        commands = stats->copy_command_bytes;
        if (!rd__references_want(&run->references, &op))
            continue;
        run->keeps[index] = rd__ops_must_be_kept(ops);
        run->op_at = op.target_offset;
        run->bytes_at = ops->ops.taken;
        result = rd__references_meet(&run->references, &op, (uint32_t)index,
                                     run->keeps[index] ? merge_keep : merge_point, run, &run->operation->error);
        if (result != RD_OK)
            break;
    }
    return result;
}

/* Does the delta after this one, which was read before it, fit? */
static rd_result merge_check_fit(merge_run *run, size_t index) {
    const rd__op_reader *const made = &run->ops->ops;
    const merge_basis *const after = &run->after;
    const char *reason = NULL;
    uint64_t at = after->id_at;
    if (index + 1 == run->count)
        return RD_OK;
    if (after->has_id && after->id.size != made->target) {
        reason = "it does not fit the delta before it: its basis has another length than the file that one makes";
    } else if (after->has_id && made->has_trailer &&
               memcmp(after->id.digest, rd__op_reader_digest(made), RD_DIGEST_LEN) != 0) {
        reason = "it does not fit the delta before it: its basis is not the file that one makes";
    } else if (after->reach > made->target) {
        reason = "it does not fit the delta before it: it copies from beyond the end of the file that one makes";
        at = after->reach_at;
    }
    if (!reason)
        return RD_OK;
    run->operation->stats.delta_index++;
    return rd__fail(&run->operation->error, RD_E_MISMATCH, RD_ROLE_DELTA, at, reason);
}

/* The delta has ended, and is in order. */
static rd_result merge_end_delta(merge_run *run, size_t index, merge_basis *basis) {
    const rd__op_reader *const reader = &run->ops->ops;
    rd__references_end(&run->references);
    const rd_result result = merge_check_fit(run, index);
    basis->has_id = rd__op_reader_basis(reader, &basis->id);
    basis->id_at = reader->taken - reader->trailer_taken;
    if (index + 1 == run->count && reader->has_trailer) {
        run->has_digest = true;
        memcpy(run->digest, rd__op_reader_digest(reader), RD_DIGEST_LEN);
    }
    run->after = *basis;
    return result;
}

/* Reads a delta; the references then are to its basis. Of its statistics, nothing is left but what was read. */
static rd_result merge_read_delta(merge_run *run, size_t index) {
    rd__operation *const operation = run->operation;
    const bool last = index + 1 == run->count;
    rd__ops ops;
    merge_basis basis = {.reach_at = RD_UNKNOWN};
    run->ops = &ops;
    run->kept.from = run->kept.to = run->kept.at = 0;
    operation->stats.delta_index = (uint32_t)(run->merged + index);
    rd_result result = rd__ops_open(&ops, &run->deltas[index], operation);
    if (index == 0)
        ops.reader.basis = run->basis;
    if (!last && ops.ops.verify == RD_VERIFY_ALWAYS) /* the digest that is asked for is that of the last file */
        ops.ops.verify = RD_VERIFY_DEFAULT;
    if (result == RD_OK)
        result = rd__references_begin(&run->references, &operation->error);
    if (result == RD_OK)
        result = merge_read_ops(run, index, &basis);
    if (result == RD_OK)
        result = merge_end_delta(run, index, &basis);
    if (result == RD_E_STATE) /* as rd__ops_read says; with a basis, only a pipe is still dense */
        result = rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_DELTA, RD_UNKNOWN,
                          run->basis ? "it is dense and not the first delta, so it is not merged from a pipe"
                                     : "it is dense, so the first basis is needed to merge it");
    run->in_bytes += ops.reader.source.read;
    operation->before = run->in_bytes;
    operation->done = 0;
    rd__ops_close(&ops);
    operation->stats = (rd_stats){
        .size = sizeof operation->stats, .in_bytes = run->in_bytes, .delta_index = operation->stats.delta_index};
    return result;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* Reads bytes of a delta, and those behind them, which the next literal is likely to want. */
static rd_result merge_look(merge_run *run, size_t delta, uint64_t offset, size_t size, const uint8_t **data) {
    merge_view *const view = &run->views[delta % VIEWS];
    const bool there = view->delta == delta && view->size > 0 && offset >= view->offset &&
                       offset - view->offset <= view->size && size <= view->size - (size_t)(offset - view->offset);
    if (!view->data)
        view->data = rd__context_take(run->operation->context, VIEW_SIZE, 1);
    if (!view->data)
        return rd__fail_memory(&run->operation->error);
    if (!there) {
        const bool goes_on =
            view->delta == delta && offset >= view->offset && offset - view->offset <= view->size + VIEW_MIN;
        const size_t wanted = goes_on ? rd__min_size(2 * view->wanted, VIEW_SIZE) : (size_t)VIEW_MIN;
        *view =
            (merge_view){.delta = delta, .offset = offset, .wanted = wanted > size ? wanted : size, .data = view->data};
        const rd_result result = rd__source_read(&run->deltas[delta], run->operation, RD_ROLE_DELTA, offset, view->data,
                                                 view->wanted, &view->size);
        run->operation->stats.delta_index = (uint32_t)(run->merged + delta);
        if (result != RD_OK)
            return result;
        if (view->size < size)
            return rd__fail(&run->operation->error, RD_E_TRUNCATED, RD_ROLE_DELTA, offset + view->size,
                            "the delta became shorter while it was read");
    }
    *data = view->data + (offset - view->offset);
    return RD_OK;
}

static rd_result merge_write_literal(merge_run *run, const rd__reference *literal) {
    rd_result result = RD_OK;
    if (run->keeps[literal->delta])
        return rd__delta_writer_literal(&run->writer, run->kept.literals.bytes + literal->from,
                                        (size_t)literal->length);
    for (uint64_t done = 0; result == RD_OK && done < literal->length;) {
        const size_t size = (size_t)rd__min_u64(literal->length - done, VIEW_SIZE);
        const uint8_t *data = NULL;
        result = merge_look(run, literal->delta, literal->from + done, size, &data);
        if (result == RD_OK)
            result = rd__delta_writer_literal(&run->writer, data, size);
        if (result == RD_OK && size == VIEW_SIZE)
            result = rd__operation_progress(run->operation, 0);
        done += size;
    }
    return result;
}

static rd_result merge_write_references(merge_run *run) {
    rd__reference it;
    bool is_open = false;
    rd_result result = RD_OK;
    for (size_t i = 1; result == RD_OK && rd__references_take(&run->references, &it, &is_open); i++) {
        result = is_open ? rd__delta_writer_copy(&run->writer, it.from, it.length) : merge_write_literal(run, &it);
        if (result == RD_OK && i % PROGRESS_OPS == 0)
            result = rd__operation_progress(run->operation, 0);
    }
    return result;
}

static rd_result merge_write(merge_run *run, const rd_sink *out) {
    rd__operation *const operation = run->operation;
    const rd__basis_id *const id = run->after.has_id ? &run->after.id : NULL; /* of the first delta */
    rd_result result = rd__references_finish(&run->references, &operation->error);
    if (result == RD_OK)
        result = rd__delta_writer_open(&run->writer, out, operation);
    if (result == RD_OK)
        result = merge_write_references(run);
    if (result == RD_OK)
        result = rd__delta_writer_finish(&run->writer, run->has_digest ? run->digest : NULL, id);
    rd__delta_writer_close(&run->writer);
    operation->stats.identical = result == RD_OK && id && rd__patcher_copies_all(&operation->stats, id->size);
    if (result == RD_OK)
        operation->stats.delta_index = 0;
    return result;
}

/* ---- The whole merge --------------------------------------------------------------------------------------------- */

static rd_result merge_check(const merge_run *run, const rd_sink *out) {
    rd_error *const error = &run->operation->error;
    rd_result result = RD_OK;
    if (run->given_count == 0 || run->given_count > UINT32_MAX)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_DELTA, RD_UNKNOWN, "there must be at least one delta to merge");
    for (size_t i = 0; i < run->given_count && result == RD_OK; i++)
        result = rd__sink_check_apart(out, &run->given[i], RD_ROLE_DELTA, error);
    if (result == RD_OK && run->basis)
        result = rd__source_check_seekable(run->basis, RD_ROLE_BASIS, RD_E_IO, error);
    if (result == RD_OK && run->basis)
        result = rd__sink_check_apart(out, run->basis, RD_ROLE_BASIS, error);
    return result;
}

/* The sum of the sizes, or RD_UNKNOWN. */
static uint64_t merge_total(const rd_source *deltas, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (deltas[i].size == RD_UNKNOWN || deltas[i].size > INT64_MAX - total)
            return RD_UNKNOWN;
        total += deltas[i].size;
    }
    return total;
}

/* The deltas become such that each can be read without the file that the one before makes. */
static rd_result merge_expand(merge_run *run) {
    rd__chain *const chain = &run->chain;
    if (!run->basis)
        return RD_OK;
    run->operation->counts_output = true; /* of which there is none: progress is that of what follows */
    const rd_result result =
        rd__chain_expand(chain, run->given, run->given_count, run->basis, &run->references.allowance, run->operation);
    run->operation->counts_output = false;
    run->operation->done = 0;
    run->deltas = chain->deltas;
    run->count = chain->count;
    run->merged = chain->merged;
    run->operation->total = merge_total(run->deltas, run->count);
    return result;
}

static rd_result merge_make(merge_run *run, const rd_sink *out) {
    rd__operation *const operation = run->operation;
    const uint64_t memory = operation->options.limits.memory;
    run->references.allowance.limit = memory > 0 ? memory : MEMORY_DEFAULT;
    rd_result result = merge_expand(run);
    if (result == RD_OK)
        result = rd__references_start(&run->references, &operation->error);
    for (size_t i = run->count; result == RD_OK && i-- > 0;)
        result = merge_read_delta(run, i);
    if (result == RD_OK && run->basis && run->after.has_id)
        result = rd__basis_check_size(run->basis, operation, run->after.id.size);
    return result == RD_OK ? merge_write(run, out) : result;
}

static rd_result merge_end_watches(const merge_run *run, rd_result result) {
    for (size_t i = 0; i < run->given_count; i++) {
        rd_stats *const stats = &run->operation->stats;
        const rd_role changed = stats->changed;
        const rd_result before = result;
        result = rd__watch_end(&run->watches[i], run->operation, result);
        if (result != before || (result == RD_OK && stats->changed != changed))
            stats->delta_index = (uint32_t)i;
    }
    return result;
}

static rd_result merge_run_all(merge_run *run, const rd_sink *out) {
    rd__operation *const operation = run->operation;
    rd_result result = merge_check(run, out);
    if (result != RD_OK)
        return result;
    run->watches = rd__alloc_array(run->given_count, sizeof *run->watches);
    run->keeps = rd__alloc_zeroed(run->given_count, sizeof *run->keeps);
    if (!run->watches || !run->keeps)
        return rd__fail_memory(&operation->error);
    for (size_t i = 0; i < run->given_count; i++)
        run->watches[i] = rd__watch_begin(&run->given[i], RD_ROLE_DELTA);
    return merge_end_watches(run, merge_make(run, out));
}

static void merge_free(merge_run *run) {
    for (size_t i = 0; i < VIEWS; i++)
        rd__context_give(run->operation->context, run->views[i].data);
    rd__references_free(&run->references);
    rd__chain_free(&run->chain);
    free(run->kept.literals.bytes);
    free(run->watches);
    free(run->keeps);
}

rd_result rd_delta_merge(const rd_source *deltas, size_t count, const rd_source *basis, const rd_sink *out,
                         const rd_options *options) {
    rd__operation operation;
    rd_result result = rd__operation_start(&operation, options, merge_total(deltas, count));
    if (result != RD_OK)
        return rd__operation_end(&operation, result);
    rd__operation_lend_context(&operation);
    merge_run *const run = rd__context_take(operation.context, 1, sizeof *run);
    if (run) {
        memset(run, 0, offsetof(merge_run, writer));
        run->operation = &operation;
        run->given = run->deltas = deltas;
        run->given_count = run->count = count;
        run->basis = basis;
        result = merge_run_all(run, out);
        merge_free(run);
    } else {
        result = rd__fail_memory(&operation.error);
    }
    rd__context_give(operation.context, run);
    return rd__operation_end(&operation, result);
}
