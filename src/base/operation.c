/* See operation.h. */
#include "base/operation.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* What the least version of these structures has: the statistics all that is in the first one, the options the fields
 * up to the threads. */
enum { STATS_SIZE_MIN = offsetof(rd_stats, identical) + sizeof(bool), OPTIONS_SIZE_MIN = offsetof(rd_options, verify) };

static rd_result operation_check(rd__operation *operation, const rd_options *given) {
    const rd_options *const o = &operation->options;
    const char *reason = NULL;
    if (given && given->size < sizeof given->size)
        reason = "the size of the options is not set";
    else if (o->stats && o->stats->size < STATS_SIZE_MIN)
        reason = "the size of the statistics is not set";
    else if (o->verify != RD_VERIFY_DEFAULT && o->verify != RD_VERIFY_NEVER && o->verify != RD_VERIFY_ALWAYS)
        reason = "invalid value of `verify`";
    else if (o->sparse != RD_SPARSE_AUTO && o->sparse != RD_SPARSE_ALWAYS && o->sparse != RD_SPARSE_NEVER)
        reason = "invalid value of `sparse`";
    else if (o->changed != RD_CHANGED_FAIL && o->changed != RD_CHANGED_ACCEPT)
        reason = "invalid value of `changed`";
    else if (o->form != RD_FORM_PLAIN && o->form != RD_FORM_DENSE)
        reason = "invalid value of `form`";
    return reason ? rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, reason) : RD_OK;
}

rd_result rd__operation_start(rd__operation *operation, const rd_options *options, uint64_t total) {
    *operation = rd__operation_none();
    operation->owner = operation;
    operation->total = total;
    if (options)
        memcpy(&operation->options, options, rd__min_size(options->size, sizeof operation->options));
    operation->context = operation->options.context ? operation->options.context : &operation->own;
    if (operation->options.context)
        rd__context_enter(operation->context);
    return operation_check(operation, options);
}

rd_result rd__operation_start_part(rd__operation *operation, rd__operation *whole, const rd_options *options,
                                   uint64_t total) {
    const rd_result result = rd__operation_start(operation, options, total);
    operation->context = whole->context;
    operation->owner = whole->owner;
    return result;
}

void rd__operation_lend_context(rd__operation *operation) {
    rd__context_enter(operation->context);
}

rd_result rd__fail_memory_of(const rd_options *options) {
    rd_options o = {0};
    rd_error error;
    if (options)
        memcpy(&o, options, rd__min_size(options->size, sizeof o));
    (void)rd__fail_memory(&error);
    if (o.error)
        *o.error = error;
    return RD_E_MEMORY;
}

rd__operation rd__operation_none(void) {
    return (rd__operation){.total = RD_UNKNOWN, .stats.size = sizeof(rd_stats)};
}

rd_result rd__stats_copy(rd_stats *to, const rd_stats *from) {
    const size_t size = to->size;
    if (size < STATS_SIZE_MIN)
        return RD_E_PARAMETER;
    memcpy(to, from, rd__min_size(size, sizeof *from));
    if (size > sizeof *from) /* what a later version has added */
        memset((uint8_t *)to + sizeof *from, 0, size - sizeof *from);
    to->size = size;
    return RD_OK;
}

rd_result rd__operation_end(rd__operation *operation, rd_result result) {
    rd_stats *const stats = &operation->stats;
    assert(result == RD_OK || operation->error.result == result);
    /* Copies do not tell it of a file that is shorter than their commands. */
    if (result == RD_OK && stats->has_digest && stats->has_basis_digest &&
        memcmp(stats->digest, stats->basis_digest, sizeof stats->digest) == 0)
        stats->identical = true;
    if (operation->options.stats)
        (void)rd__stats_copy(operation->options.stats, &operation->stats);
    if (result != RD_OK && operation->options.error)
        *operation->options.error = operation->error;
    rd__context_release(&operation->own);
    return result;
}

unsigned rd__operation_threads(const rd__operation *operation) {
    const unsigned asked = operation->options.threads;
    const unsigned threads = asked > 0 ? asked : rd__processor_count();
    return threads < RD__THREADS_MAX ? threads : RD__THREADS_MAX;
}

/*
 * To start a thread, and to end it, costs a tenth of a millisecond, in which a digest is made of half a MiB. Two
 * threads are faster than one from about 2 MiB on, even where hashing is all that there is to do.
 */
enum { THREAD_SHARE = 1024 * 1024 };

unsigned rd__operation_threads_for(const rd__operation *operation, uint64_t size) {
    return size < (uint64_t)2 * THREAD_SHARE
               ? 1
               : (unsigned)rd__min_u64(rd__operation_threads(operation), size / THREAD_SHARE);
}

bool rd__operation_compresses(const rd__operation *operation) {
    return operation->options.compression != 0 && operation->options.compression != RD_COMPRESSION_NEVER;
}

rd_result rd__operation_allow_output(rd__operation *operation, uint64_t size) {
    const uint64_t limit = operation->options.limits.output;
    const uint64_t written = operation->stats.out_bytes;
    if (limit == 0 || (written <= limit && size <= limit - written))
        return RD_OK;
    return rd__fail(&operation->error, RD_E_LIMIT, RD_ROLE_OUTPUT, limit, "the output would be larger than is allowed");
}

void rd__operation_set_digest(rd__operation *operation, const uint8_t *digest) {
    operation->stats.has_digest = true;
    memcpy(operation->stats.digest, digest, sizeof operation->stats.digest);
}

void rd__operation_set_basis(rd__operation *operation, uint64_t size, const uint8_t *digest) {
    operation->stats.has_basis_digest = true;
    operation->stats.basis_size = size;
    memcpy(operation->stats.basis_digest, digest, sizeof operation->stats.basis_digest);
}

rd_result rd__operation_progress(rd__operation *operation, uint64_t done) {
    const rd_options *const o = &operation->options;
    operation->done = done;
    if (!o->progress || o->progress(o->progress_context, operation->before + done, operation->total))
        return RD_OK;
    return rd__fail(&operation->error, RD_E_CANCELLED, RD_ROLE_NONE, RD_UNKNOWN, "cancelled");
}

rd_result rd__operation_progress_read(rd__operation *operation, uint64_t read) {
    return rd__operation_progress(operation, operation->counts_output ? operation->stats.out_bytes : read);
}
