/*
 * Reversing a delta: from the old file and the delta, the delta that makes the old file of the new one, which nobody
 * has. The new file is a source that is made of the two (patched_source.h), and the rest is a diff, with old and new
 * turned round: so the result is what a diff of the files would be.
 *
 * To turn round the copies of the delta alone would be faster, but what the delta did not copy would be literal: up to
 * 25 times as much as in a diff.
 *
 * The diff makes the digests of both files: they must be those that the trailer of the delta is about.
 */
#include "base/result.h"
#include "engine/patcher.h"
#include "file/patched_source.h"
#include "io/sink.h"
#include "io/source.h"
#include "io/watch.h"

#include <string.h>

enum { MEMORY_DEFAULT = 1024 * 1024 * 1024 }; /* for what is kept of the delta */

/* The progress of the diff, as that of the whole. */
static bool reverse_progress(void *context, uint64_t done, uint64_t total) {
    (void)total;
    return rd__operation_progress(context, done) == RD_OK;
}

/* In the diff, the basis is the new file. */
static void reverse_roles(rd__operation *operation) {
    if (operation->error.role == RD_ROLE_NEW)
        operation->error.role = RD_ROLE_BASIS;
    if (operation->stats.changed == RD_ROLE_NEW)
        operation->stats.changed = RD_ROLE_BASIS;
}

static rd_result reverse_diff(rd__operation *operation, rd__patched *patched, const rd_sink *out) {
    const rd_source new_file = rd__patched_source(patched);
    const uint64_t basis_size = patched->basis->size;
    const uint64_t read = operation->stats.in_bytes;
    rd_stats stats = {.size = sizeof stats};
    rd_options options = operation->options;
    options.size = sizeof options;
    options.stats = &stats;
    options.error = &operation->error;
    options.context = operation->context;
    options.progress = reverse_progress;
    options.progress_context = operation;
    operation->before = operation->done;
    operation->total = basis_size == RD_UNKNOWN ? RD_UNKNOWN : operation->before + new_file.size + basis_size;
    const rd_result result = rd_diff_make(&new_file, patched->basis, out, &options);
    operation->stats = stats;
    operation->stats.in_bytes += read;
    reverse_roles(operation);
    return result;
}

/*
 * Were basis and delta those that belong together? The diff has made the digests of the file that they make, its basis,
 * and of the basis of the delta, its new file.
 */
static rd_result reverse_verify(rd__operation *operation, const rd__patched *patched, uint64_t copies) {
    const rd_stats *const stats = &operation->stats;
    const rd__patcher patcher = {.reader = patched->reader, .copies = copies > 0};
    rd__basis_id id;
    if (!stats->has_digest || !patched->reader.has_trailer)
        return RD_OK;
    const bool knows_basis = rd__op_reader_basis(&patched->reader, &id);
    const rd_result result = rd__patcher_verify(&patcher, stats->basis_digest, &operation->error);
    if (knows_basis && (result != RD_OK || memcmp(id.digest, stats->digest, RD_DIGEST_LEN) != 0))
        return rd__patcher_blame(&patcher, stats->digest, &operation->error);
    return result;
}

static rd_result reverse_make(rd__operation *operation, const rd_source *basis, const rd_source *delta,
                              const rd_sink *out, rd__patched *patched) {
    const uint64_t memory = operation->options.limits.memory;
    rd__basis_id id;
    rd_result result = rd__sink_check_apart(out, basis, RD_ROLE_BASIS, &operation->error);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, delta, RD_ROLE_DELTA, &operation->error);
    if (result == RD_OK)
        result = rd__source_check_seekable(basis, RD_ROLE_BASIS, RD_E_IO, &operation->error);
    if (result == RD_OK)
        result = rd__patched_open(patched, basis, delta, operation, memory > 0 ? memory : MEMORY_DEFAULT);
    if (result == RD_OK && rd__op_reader_basis(&patched->reader, &id))
        result = rd__basis_check_size(basis, operation, id.size);
    const uint64_t copies = operation->stats.copy_commands; /* of the delta */
    if (result == RD_OK)
        result = reverse_diff(operation, patched, out);
    return result == RD_OK ? reverse_verify(operation, patched, copies) : result;
}

rd_result rd_delta_reverse(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                           const rd_options *options) {
    rd__operation operation;
    rd__patched patched = {0};
    const rd__watch basis_watch = rd__watch_begin(basis, RD_ROLE_BASIS);
    const rd__watch delta_watch = rd__watch_begin(delta, RD_ROLE_DELTA);
    rd_result result = rd__operation_start(&operation, options, RD_UNKNOWN);
    rd__operation_lend_context(&operation);
    if (result == RD_OK)
        result = reverse_make(&operation, basis, delta, out, &patched);
    rd__patched_close(&patched);
    if (operation.options.verify != RD_VERIFY_NEVER)
        result = rd__patcher_failure(result, &operation.error);
    result = rd__watch_end(&basis_watch, &operation, result);
    return rd__operation_end(&operation, rd__watch_end(&delta_watch, &operation, result));
}
