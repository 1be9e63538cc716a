/* See merge_dense.h. */
#include "file/merge_dense.h"

#include "base/memory.h"
#include "base/result.h"
#include "file/digest.h"
#include "file/patched_source.h"
#include "io/source.h"

#include <stdlib.h>
#include <string.h>

/* What is done on the way is no progress of the merge, but may be cancelled. */
static bool chain_progress(void *context, uint64_t done, uint64_t total) {
    rd__operation *const operation = context;
    (void)done, (void)total;
    return rd__operation_progress(operation, operation->done) == RD_OK;
}

/* Of an operation within the operation, whose output goes to memory. */
static rd_options chain_options(rd__operation *operation, const rd__allowance *allowance, rd_stats *stats) {
    const uint64_t left = allowance->limit - rd__min_u64(allowance->used, allowance->limit);
    *stats = (rd_stats){.size = sizeof *stats};
    rd_options options = operation->options;
    options.size = sizeof options;
    options.stats = stats;
    options.error = &operation->error;
    options.context = operation->context;
    options.progress = chain_progress;
    options.progress_context = operation;
    options.compression = options.compression == RD_COMPRESSION_NEVER ? RD_COMPRESSION_NEVER : 0;
    options.verify = options.verify == RD_VERIFY_ALWAYS ? RD_VERIFY_DEFAULT : options.verify;
    options.limits.memory = options.limits.output = left > 0 ? left : 1;
    return options;
}

/* What was made in memory stays there. */
static rd_result chain_keep(rd__chain *chain, const rd_memory *made, rd__allowance *allowance, rd_result result,
                            rd_error *error) {
    chain->bytes[chain->bytes_count++] = *made;
    allowance->used += made->capacity;
    if (result == RD_E_LIMIT && error->role == RD_ROLE_OUTPUT)
        return rd__fail(error, RD_E_LIMIT, RD_ROLE_DELTA, RD_UNKNOWN, "this takes more memory than is allowed");
    return result;
}

/* Merges the first `count` deltas of the chain into one. */
static rd_result chain_merge(rd__chain *chain, size_t count, const rd_source *basis, rd__allowance *allowance,
                             rd__operation *operation) {
    rd_memory made = {0};
    rd_stats stats;
    const rd_options options = chain_options(operation, allowance, &stats);
    const rd_sink sink = rd_sink_memory(&made);
    rd_result result = rd_delta_merge(chain->deltas, count, basis, &sink, &options);
    operation->stats.delta_index = (uint32_t)chain->merged + stats.delta_index;
    result = chain_keep(chain, &made, allowance, result, &operation->error);
    if (result != RD_OK)
        return result;
    chain->deltas += count - 1;
    chain->count -= count - 1;
    chain->merged += count - 1;
    chain->deltas[0] = rd_source_memory(made.data, made.size);
    return RD_OK;
}

/* The first delta may know its basis. Errors: RD_E_MISMATCH, if this one has another length; those of reading. */
static rd_result chain_check_size(const rd__patched *patched, rd__operation *operation) {
    rd__basis_id id;
    return rd__op_reader_basis(&patched->reader, &id) ? rd__basis_check_size(patched->basis, operation, id.size)
                                                      : RD_OK;
}

/*
 * The basis of the second delta is not the file that the first one makes: that may be due to the first basis. Whatever
 * is wrong, RD_E_MISMATCH.
 */
static rd_result chain_blame(const rd__patched *patched, rd__operation *operation) {
    uint8_t digest[RD_DIGEST_LEN];
    uint64_t size = 0;
    rd__basis_id id;
    if (rd__op_reader_basis(&patched->reader, &id)) {
        const rd_result result = rd__source_digest(patched->basis, operation, RD_ROLE_BASIS, digest, &size);
        if (result != RD_OK)
            return result;
        if (memcmp(digest, id.digest, sizeof digest) != 0) {
            operation->stats.delta_index = 0;
            return rd__fail(&operation->error, RD_E_MISMATCH, RD_ROLE_BASIS, RD_UNKNOWN,
                            "this is not the basis of the delta: its contents differ");
        }
    }
    return rd__fail(&operation->error, RD_E_MISMATCH, RD_ROLE_DELTA, RD_UNKNOWN,
                    "it does not fit the delta before it: its basis is not the file that one makes");
}

/* Expands the second delta of the chain, which is dense, by way of the file that the first one makes. */
static rd_result chain_expand_second(rd__chain *chain, const rd_source *basis, rd__allowance *allowance,
                                     rd__operation *operation) {
    rd__patched patched;
    rd_memory made = {0};
    rd_stats stats;
    const rd_sink sink = rd_sink_memory(&made);
    const rd_stats before = operation->stats;
    rd_result result = rd__patched_open(&patched, basis, &chain->deltas[0], operation,
                                        allowance->limit - rd__min_u64(allowance->used, allowance->limit));
    operation->stats = before;
    operation->stats.delta_index = (uint32_t)chain->merged;
    if (result == RD_OK)
        result = chain_check_size(&patched, operation);
    if (result == RD_OK) {
        const rd_options options = chain_options(operation, allowance, &stats);
        const rd_source file = rd__patched_source(&patched);
        operation->stats.delta_index++;
        result = rd_delta_expand(&file, &chain->deltas[1], &sink, &options);
        if (result == RD_E_MISMATCH && operation->error.role == RD_ROLE_BASIS)
            result = chain_blame(&patched, operation);
    }
    rd__patched_close(&patched);
    result = chain_keep(chain, &made, allowance, result, &operation->error);
    if (result == RD_OK)
        chain->deltas[1] = rd_source_memory(made.data, made.size);
    return result;
}

static rd_result chain_is_dense(const rd_source *delta, rd__operation *operation, bool *dense) {
    rd_kind kind = RD_KIND_OTHER;
    bool compressed = false;
    const rd_options options = {.size = sizeof options,
                                .error = &operation->error,
                                .compression = operation->options.compression,
                                .context = operation->context};
    *dense = false;
    if (!delta->seekable)
        return RD_OK;
    const rd_result result = rd_source_identify(delta, &kind, &compressed, &options);
    *dense = kind == RD_KIND_DENSE;
    if (result == RD_OK || result == RD_E_MEMORY)
        return result;
    *dense = false; /* it is broken: whoever reads it will say so */
    return RD_OK;
}

rd_result rd__chain_expand(rd__chain *chain, const rd_source *deltas, size_t count, const rd_source *basis,
                           rd__allowance *allowance, rd__operation *operation) {
    *chain = (rd__chain){.count = count};
    chain->all = chain->deltas = rd__alloc_array(count, sizeof *chain->all);
    chain->bytes = rd__alloc_array(2 * (uint64_t)count, sizeof *chain->bytes);
    if (!chain->all || !chain->bytes)
        return rd__fail_memory(&operation->error);
    memcpy(chain->all, deltas, count * sizeof *deltas);
    for (size_t i = 1; i < count; i++) {
        bool dense = false;
        rd_result result = chain_is_dense(&deltas[i], operation, &dense);
        if (result == RD_OK && dense)
            result = chain_merge(chain, i - chain->merged, basis, allowance, operation);
        if (result == RD_OK && dense)
            result = chain_expand_second(chain, basis, allowance, operation);
        if (result != RD_OK)
            return result;
    }
    return RD_OK;
}

void rd__chain_free(rd__chain *chain) {
    for (size_t i = 0; i < chain->bytes_count; i++)
        rd_memory_free(&chain->bytes[i]);
    free(chain->bytes);
    free(chain->all);
}
