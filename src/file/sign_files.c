/*
 * The signatures and the digests of many files in one call. Most files are small, and then a file is a few calls of the
 * system, and the sums of some blocks: so paths are worked on in batches by all threads, and each small file is read at
 * once into a buffer that is kept. Its sums are made when the buffer is full or the batch ends, those of all files in
 * it together, since a file alone would leave most lanes of the kernels idle. Nothing is allocated for a file.
 *
 * What a batch makes is appended to the output in order, by the calling thread. There it also works on the files that
 * are not small, with all threads, by the operation that one file would get; these work on other batches meanwhile.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "base/growing.h"
#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "engine/signer.h"
#include "file/digest.h"
#include "file/file_record.h"
#include "file/make_signature.h"
#include "format/params.h"
#include "io/sink.h"
#include "io/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SMALL_SIZE = 1024 * 1024,        /* of a file, at most, that is read at once: more fills the threads by itself */
    SMALL_BLOCKS = 8192,             /* and in its signature, so that with short blocks that is no larger */
    BUFFER_MIN = 64 * 1024,          /* enough for many files that are small */
    WAITING_SIZE = RD__DIGEST_SMALL, /* of a file, at most, whose sums are made with those of others */
    LINE = 64,                       /* at which the bytes of a file start in it */
    BATCH_MAX = 32,                  /* files: enough to make handing them over cheap */
    BATCH_MIN = 8,
    BATCHES_PER_THREAD = 4, /* at least, if there are enough files */
    SLOTS_PER_THREAD = 2,
    REPORT_SIZE = 16 * 1024 * 1024 /* bytes of a large file after which progress is reported */
};

typedef struct many_run {
    rd__operation *operation;
    const rd__kernels *kernels;
    int directory;
    const char *const *paths;
    size_t count;
    unsigned what;
    rd_file_record *records;
    rd_sink sink;
    rd_memory *signatures;
    size_t before; /* bytes of *signatures */
    size_t batch;  /* files in one */
    size_t next;   /* the first file that was not fetched */
} many_run;

typedef struct many_slot {
    size_t first; /* file */
    size_t count;
    bool large[BATCH_MAX]; /* left to the calling thread */
    uint8_t *buffer;       /* the bytes of files */
    size_t filled;         /* of it, by those that wait for their sums */
    rd__digest_file digests[BATCH_MAX];
    size_t digest_count;
    rd__signed_file signed_files[BATCH_MAX];
    size_t offsets[BATCH_MAX]; /* of their signatures */
    size_t signed_count;
    rd__growing sums;       /* weak sums and strong sums of a file */
    rd__growing signatures; /* of the batch, one after the other */
    uint64_t read;          /* bytes of files */
    uint64_t blocks;
    bool failed; /* out of memory */
} many_slot;

/* ---- A small file ------------------------------------------------------------------------------------------------ */

/*
 * Reads up to `size` bytes, and one more if there is one: a file that is as long as it should be is read by one call. A
 * regular file gives fewer bytes than asked for only where it ends.
 */
static bool many_read(int fd, uint8_t *data, size_t size, size_t *got, int *failure) {
    *got = 0;
    while (*got <= size) {
        const ssize_t n = rd__system_read_at(fd, data + *got, size + 1 - *got, (int64_t)*got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *failure = errno;
            return false;
        }
        *got += (size_t)n;
        if (n == 0 || *got == size)
            return true;
    }
    return true;
}

/* Makes the sums of the files that wait for them, whose bytes are then no longer needed. */
static void many_flush(const many_run *run, many_slot *slot) {
    for (size_t i = 0; i < slot->signed_count; i++) /* their memory may have moved */
        slot->signed_files[i].entries = slot->signatures.data + slot->offsets[i] + RD_SIGNATURE_HEADER_LEN;
    rd__sign_files(run->kernels, slot->signed_files, slot->signed_count);
    rd__digest_files(run->kernels, slot->digests, slot->digest_count);
    slot->signed_count = 0;
    slot->digest_count = 0;
    slot->filled = 0;
}

/* Room in the buffer for so many bytes, or NULL: out of memory. */
static uint8_t *many_make_room(const many_run *run, many_slot *slot, size_t size) {
    if (rd__buffer_size(slot->buffer) - slot->filled < size)
        many_flush(run, slot);
    if (rd__buffer_size(slot->buffer) - slot->filled < size) {
        rd__free_buffer(slot->buffer);
        slot->buffer = rd__alloc_buffer(size, 1);
        slot->failed = slot->failed || !slot->buffer;
    }
    return slot->buffer ? slot->buffer + slot->filled : NULL;
}

static void many_note_signature(rd_file_record *record, const rd_params *params, uint64_t blocks, uint64_t offset,
                                uint64_t length) {
    record->block_len = params->block_len;
    record->strong_len = (uint32_t)params->strong_len;
    record->blocks = blocks;
    record->offset = offset;
    record->length = length;
}

/*
 * Appends the signature of the bytes, which are next in the buffer, to those of the batch. Those of a small file wait
 * there, to be hashed with those of others.
 */
static void many_sign(const many_run *run, many_slot *slot, rd_file_record *record, const rd_params *params,
                      const uint8_t *data, size_t size) {
    const size_t blocks = (size_t)rd_block_count(params, size);
    const size_t length = (size_t)rd_signature_size(params, blocks);
    const size_t offset = slot->signatures.size;
    uint8_t *const signature = rd__growing_add(&slot->signatures, length);
    if (!signature) {
        slot->failed = true;
        return;
    }
    rd__signature_put_header(signature, params);
    many_note_signature(record, params, blocks, offset, length);
    slot->blocks += blocks;
    if (size <= WAITING_SIZE) {
        slot->offsets[slot->signed_count] = offset;
        slot->signed_files[slot->signed_count++] = (rd__signed_file){.data = data, .size = size, .params = *params};
        return;
    }
    rd__growing_clear(&slot->sums);
    uint8_t *const weak = rd__growing_add(&slot->sums, blocks * (sizeof(uint32_t) + (size_t)params->strong_len));
    if (!weak) {
        slot->failed = true;
        return;
    }
    uint8_t *const strong = weak + blocks * sizeof(uint32_t);
    (void)rd__sign_blocks(run->kernels, params, data, size, NULL, (uint32_t *)(void *)weak, strong);
    rd__signature_put_entries(signature + RD_SIGNATURE_HEADER_LEN, params, (uint32_t *)(void *)weak, strong, blocks);
}

/* Makes the digest of the bytes, likewise. */
static void many_digest(const many_run *run, many_slot *slot, rd_file_record *record, const uint8_t *data,
                        size_t size) {
    record->has_digest = true;
    if (size <= WAITING_SIZE) {
        slot->digests[slot->digest_count++] = (rd__digest_file){.data = data, .size = size, .digest = record->digest};
        return;
    }
    rd__digest digest;
    rd__digest_init(&digest, 0);
    rd__digest_add(&digest, run->kernels, data, size);
    rd__digest_final(&digest, record->digest);
}

/* The parameters of the signature of a file of so many bytes. Is it small with them? */
static bool many_is_small(const many_run *run, uint64_t size, rd_params *params) {
    *params = run->operation->options.params;
    (void)rd_params_resolve(params, size); /* they were checked */
    return size <= SMALL_SIZE && (!(run->what & RD_WANT_SIGNATURE) || rd_block_count(params, size) <= SMALL_BLOCKS);
}

/* Works on a file that is open. True: it is not small, and was left alone. */
static bool many_work_on_open(const many_run *run, many_slot *slot, rd_file_record *record, int fd,
                              const rd__file_state *before) {
    rd_params params;
    rd__file_state after;
    size_t got = 0;
    int failure = 0;
    if (!many_is_small(run, before->size, &params))
        return true;
    const size_t size = (size_t)before->size;
    uint8_t *const data = many_make_room(run, slot, size + 1);
    if (!data)
        return false;
    if (!many_read(fd, data, size, &got, &failure)) {
        rd__record_fail(record, RD_ROLE_BASIS, RD_E_IO, failure);
        return false;
    }
    if (size == 0 && got > 0) /* those of procfs have no size */
        return true;
    const int examined = rd__file_state_of(fd, &after);
    if (examined != 0) {
        rd__record_fail(record, RD_ROLE_BASIS, RD_E_IO, examined);
        return false;
    }
    record->changed = got != size || rd__watch_differs(before, &after);
    if (record->changed && run->operation->options.changed != RD_CHANGED_ACCEPT) {
        rd__record_fail(record, RD_ROLE_BASIS, RD_E_CHANGED, 0);
        return false;
    }
    record->size = rd__min_size(got, size);
    slot->read += record->size;
    if (run->what & RD_WANT_SIGNATURE)
        many_sign(run, slot, record, &params, data, (size_t)record->size);
    if (run->what & RD_WANT_DIGEST)
        many_digest(run, slot, record, data, (size_t)record->size);
    if (record->size <= WAITING_SIZE)
        slot->filled += rd__min_size((size / LINE + 1) * LINE, rd__buffer_size(slot->buffer) - slot->filled);
    return false;
}

static void many_work(const void *context, void *slot) {
    const many_run *const run = context;
    many_slot *const it = slot;
    for (size_t i = 0; i < it->count && !it->failed; i++) {
        rd_file_record *const record = &run->records[it->first + i];
        rd__file_state state;
        const int fd =
            rd__record_open(record, RD_ROLE_BASIS, run->directory, run->paths[it->first + i], run->what, &state);
        if (fd < 0)
            continue;
        it->large[i] = many_work_on_open(run, it, record, fd, &state);
        close(fd);
    }
    many_flush(run, it);
}

/* ---- A file that is not small ------------------------------------------------------------------------------------ */

typedef struct many_large {
    many_run *run;
    uint64_t told; /* bytes of the file when progress was last reported */
    bool cancelled;
} many_large;

/* Progress within a file: as many files are done as before it. */
static bool many_large_progress(void *context, uint64_t done, uint64_t total) {
    many_large *const large = context;
    rd__operation *const operation = large->run->operation;
    (void)total;
    if (done > large->told && done - large->told < REPORT_SIZE)
        return true;
    large->told = done;
    large->cancelled = rd__operation_progress(operation, operation->done) != RD_OK;
    return !large->cancelled;
}

/* A failure of this operation that is not one of the file. */
static bool many_is_total(const many_large *large, rd_result result) {
    return large->cancelled || result == RD_E_MEMORY || result == RD_E_LIMIT;
}

/* Makes what is wanted of the open file, whose state is noted. */
static rd_result many_make_large(many_run *run, rd_file_record *record, int fd) {
    rd__operation *const whole = run->operation;
    rd_error *const error = &whole->error;
    many_large large = {.run = run};
    rd_stats stats = {.size = sizeof stats};
    rd_options options = whole->options;
    options.size = sizeof options;
    options.progress = many_large_progress;
    options.progress_context = &large;
    options.stats = &stats;
    options.error = error;
    if (options.limits.output > 0) /* what is left of it; one more than nothing is too much for any signature */
        options.limits.output -= rd__min_u64(whole->stats.out_bytes, options.limits.output - 1);
    options.compression = 0;
    const rd_source source = rd_source_fd_at(fd, 0);
    const size_t offset = run->signatures ? run->signatures->size : 0;
    rd__operation part;
    rd_result result = rd__operation_start_part(&part, whole, &options, source.size);
    if (result == RD_OK && run->what & RD_WANT_SIGNATURE) {
        result = rd__signature_make(&part, &source, &run->sink, run->what & RD_WANT_DIGEST ? record->digest : NULL);
    } else if (result == RD_OK) {
        const rd__watch watch = rd__watch_begin(&source, RD_ROLE_BASIS);
        uint64_t size = 0;
        result = rd__source_digest(&source, &part, RD_ROLE_BASIS, record->digest, &size);
        result = rd__watch_end(&watch, &part, result);
    }
    result = rd__operation_end(&part, result);
    record->changed = stats.changed != RD_ROLE_NONE;
    if (result != RD_OK) {
        if (run->signatures)
            run->signatures->size = offset;
        if (many_is_total(&large, result))
            return result;
        rd__record_fail_with(record, error);
        memset(record->digest, 0, sizeof record->digest);
        return RD_OK;
    }
    rd_params params;
    (void)many_is_small(run, source.size, &params);
    record->size = stats.in_bytes;
    record->has_digest = (run->what & RD_WANT_DIGEST) != 0;
    if (run->signatures)
        many_note_signature(record, &params, stats.blocks, offset, run->signatures->size - offset);
    whole->stats.in_bytes += stats.in_bytes;
    whole->stats.out_bytes += stats.out_bytes;
    whole->stats.blocks += stats.blocks;
    return RD_OK;
}

static rd_result many_work_on_large(many_run *run, size_t file) {
    rd_file_record *const record = &run->records[file];
    rd__file_state state;
    const int fd = rd__record_open(record, RD_ROLE_BASIS, run->directory, run->paths[file], run->what, &state);
    if (fd < 0)
        return RD_OK;
    const rd_result result = many_make_large(run, record, fd);
    close(fd);
    return result;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static bool many_fetch(void *context, void *slot) {
    many_run *const run = context;
    many_slot *const it = slot;
    if (run->next == run->count)
        return false;
    it->first = run->next;
    it->count = rd__min_size(run->batch, run->count - run->next);
    it->read = 0;
    it->blocks = 0;
    memset(it->large, 0, sizeof it->large);
    rd__growing_clear(&it->signatures);
    run->next += it->count;
    return true;
}

/* Appends what the batch has made. */
static rd_result many_finish(void *context, void *slot) {
    many_run *const run = context;
    const many_slot *const it = slot;
    rd__operation *const operation = run->operation;
    if (it->failed)
        return rd__fail_memory(&operation->error);
    rd_result result = RD_OK;
    for (size_t i = 0; result == RD_OK && i < it->count; i++) {
        rd_file_record *const record = &run->records[it->first + i];
        if (it->large[i]) {
            result = many_work_on_large(run, it->first + i);
        } else if (record->length > 0) {
            const uint8_t *const made = it->signatures.data + record->offset;
            record->offset = run->signatures->size;
            result = rd__sink_write(&run->sink, operation, made, (size_t)record->length);
        }
    }
    operation->stats.in_bytes += it->read;
    operation->stats.blocks += it->blocks;
    return result == RD_OK ? rd__operation_progress(operation, it->first + it->count) : result;
}

static rd_result many_run_batches(many_run *run) {
    rd__operation *const operation = run->operation;
    rd_context *const kept = operation->context;
    const unsigned threads = rd__operation_threads(operation);
    const size_t share = run->count / ((size_t)threads * BATCHES_PER_THREAD);
    run->batch = share < BATCH_MIN ? (size_t)BATCH_MIN : rd__min_size(share, BATCH_MAX);
    const size_t batches = (run->count + run->batch - 1) / run->batch;
    const size_t slot_count = rd__min_size((size_t)threads * SLOTS_PER_THREAD, batches > 0 ? batches : 1);
    many_slot *const all = rd__alloc_zeroed(slot_count, sizeof *all);
    void **const slots = rd__alloc_array(slot_count, sizeof *slots);
    bool complete = all && slots;
    for (size_t i = 0; complete && i < slot_count; i++) {
        slots[i] = &all[i];
        all[i].buffer = rd__context_take(kept, BUFFER_MIN, 1);
        complete = all[i].buffer != NULL;
    }
    const rd__pipeline pipeline = {.fetch = many_fetch,
                                   .work = many_work,
                                   .finish = many_finish,
                                   .context = run,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = (unsigned)rd__min_u64(threads, batches > 0 ? batches : 1),
                                   .pool = &kept->pool,
                                   .owner = operation->owner};
    const rd_result result =
        complete ? rd__pipeline_run(&pipeline, &operation->error) : rd__fail_memory(&operation->error);
    for (size_t i = 0; all && i < slot_count; i++) {
        rd__context_give(kept, all[i].buffer);
        rd__growing_free(&all[i].sums);
        rd__growing_free(&all[i].signatures);
    }
    free((void *)slots);
    free(all);
    return result;
}

static rd_result many_check(const many_run *run) {
    rd_error *const error = &run->operation->error;
    rd_params params = run->operation->options.params;
    if (!(run->what & (RD_WANT_SIGNATURE | RD_WANT_DIGEST)) ||
        run->what & ~(unsigned)(RD_WANT_SIGNATURE | RD_WANT_DIGEST | RD_FOLLOW_LINKS))
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, "invalid value of `what`");
    if (run->what & RD_WANT_SIGNATURE && !run->signatures)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, "there is no place for the signatures");
    return rd__params_resolve(&params, 0, error);
}

rd_result rd_sign_files(int directory, const char *const *paths, size_t count, unsigned what, rd_file_record *records,
                        rd_memory *signatures, const rd_options *options) {
    rd__operation operation;
    many_run run = {.operation = &operation,
                    .kernels = rd__kernels_best(),
                    .directory = directory,
                    .paths = paths,
                    .count = count,
                    .what = what,
                    .records = records,
                    .signatures = what & RD_WANT_SIGNATURE ? signatures : NULL};
    rd_result result = rd__operation_start(&operation, options, count);
    if (result == RD_OK)
        result = many_check(&run);
    if (run.signatures) {
        run.sink = rd_sink_memory(run.signatures);
        run.before = run.signatures->size;
    }
    if (count > 0)
        memset(records, 0, count * sizeof *records);
    if (result == RD_OK)
        result = many_run_batches(&run);
    if (result != RD_OK && run.signatures)
        run.signatures->size = run.before;
    return rd__operation_end(&operation, result);
}
