/*
 * The signature of a whole basis, or of a part of it: as a file, or as a table in memory, which can be joined from
 * parts. Blocks are signed in parallel, in segments of whole blocks; since the signature of a basis is the signatures
 * of its parts one after the other, all that is left to do in order is to write or to keep them.
 *
 * Blocks too long for that are signed one by one as their bytes arrive, so that memory stays small however long they
 * are.
 */
#include "file/make_signature.h"

#include "base/memory.h"
#include "base/result.h"
#include "engine/signature.h"
#include "engine/signer.h"
#include "file/digest.h"
#include "file/long_blocks.h"
#include "file/reader.h"
#include "file/segments.h"
#include "file/writer.h"
#include "format/params.h"
#include "io/sink.h"
#include "io/watch.h"

#include <string.h>

enum {
    SEGMENT_SIZE = 256 * 1024,
    SEGMENT_BLOCKS_MIN = 8,        /* so that the kernels' lanes are full */
    SEGMENT_BLOCKS_MAX = 64 * 1024 /* an entry of a signature can be longer than its block */
};

typedef struct signature_run {
    rd__operation *operation;
    const rd__kernels *kernels;
    rd_params params;
    uint64_t expected;    /* blocks, or RD_UNKNOWN */
    size_t blocks;        /* of a segment */
    bool has_zeros;       /* the next are known */
    rd__block_sums zeros; /* of a block of zeros */
    rd__writer *writer;   /* where the entries go, or NULL: ... */
    rd_signature *table;  /* ... the sums go here */
    bool digests;         /* segments are whole chunks of the digest, which is made of them */
    rd__digest digest;    /* so far */
} signature_run;

typedef struct signature_slot {
    rd__segment segment;
    size_t count;     /* of its blocks */
    rd__digest range; /* if there is a digest */
} signature_slot;

/* What `work` makes of a segment lies in its extra memory: weak sums, strong sums and, for a file, entries. */
static size_t signature_extra(const signature_run *run, size_t blocks, const rd__segment *segment, uint32_t **weak,
                              uint8_t **strong, uint8_t **entries) {
    const size_t strong_at = blocks * sizeof **weak;
    const size_t entries_at = strong_at + blocks * (size_t)run->params.strong_len;
    if (weak) {
        *weak = (uint32_t *)(void *)segment->extra;
        *strong = segment->extra + strong_at;
        *entries = segment->extra + entries_at;
    }
    return entries_at + (run->writer ? blocks * rd__entry_size(&run->params) : 0);
}

static rd_result signature_keep(signature_run *run, const uint32_t *weak, const uint8_t *strong, size_t count,
                                uint64_t bytes) {
    rd_signature *const table = run->table;
    if (count == 0) /* a table without blocks has no memory */
        return RD_OK;
    const rd_result result = rd__signature_reserve(table, count, run->expected, &run->operation->options.limits,
                                                   RD_UNKNOWN, &run->operation->error);
    if (result != RD_OK)
        return result;
    rd__sums *const sums = &table->sums;
    memcpy(sums->weak + sums->count, weak, count * sizeof *weak);
    memcpy(sums->strong + sums->count * sums->strong_len, strong, count * sums->strong_len);
    sums->count += count;
    table->length += bytes;
    return RD_OK;
}

static void signature_work(const void *context, void *slot) {
    const signature_run *const run = context;
    signature_slot *const it = slot;
    const rd__segment *const s = &it->segment;
    uint32_t *weak = NULL;
    uint8_t *strong = NULL;
    uint8_t *entries = NULL;
    (void)signature_extra(run, run->blocks, s, &weak, &strong, &entries);
    it->count =
        rd__sign_blocks(run->kernels, &run->params, s->data, s->got, run->has_zeros ? &run->zeros : NULL, weak, strong);
    if (run->writer)
        rd__signature_put_entries(entries, &run->params, weak, strong, it->count);
    if (run->digests) {
        rd__digest_init(&it->range, s->offset / RD__BLAKE3_CHUNK);
        rd__digest_add(&it->range, run->kernels, s->data, s->got);
    }
}

/* Only if there is a digest. */
static void signature_work_empty(const void *context, void *slot) {
    const signature_run *const run = context;
    signature_slot *const it = slot;
    rd__digest_init(&it->range, it->segment.offset / RD__BLAKE3_CHUNK);
    rd__digest_add_zeros(&it->range, run->kernels, it->segment.zeros * run->blocks * run->params.block_len);
}

/* Writes or keeps the sums of a segment. */
static rd_result signature_put(signature_run *run, const signature_slot *it) {
    uint32_t *weak = NULL;
    uint8_t *strong = NULL;
    uint8_t *entries = NULL;
    (void)signature_extra(run, run->blocks, &it->segment, &weak, &strong, &entries);
    run->operation->stats.blocks += it->count;
    return run->writer ? rd__writer_put(run->writer, entries, it->count * rd__entry_size(&run->params))
                       : signature_keep(run, weak, strong, it->count, it->segment.got);
}

static rd_result signature_finish(void *context, void *slot) {
    signature_run *const run = context;
    const signature_slot *const it = slot;
    if (run->digests)
        rd__digest_join(&run->digest, &it->range);
    return signature_put(run, it);
}

/* Repeats the sums of a block of zeros. */
static rd_result signature_finish_empty(void *context, void *slot) {
    signature_run *const run = context;
    signature_slot *const it = slot;
    uint32_t *weak = NULL;
    uint8_t *strong = NULL;
    uint8_t *entries = NULL;
    (void)signature_extra(run, run->blocks, &it->segment, &weak, &strong, &entries);
    for (size_t i = 0; i < run->blocks; i++) {
        weak[i] = run->zeros.weak;
        memcpy(strong + i * (size_t)run->params.strong_len, run->zeros.strong, (size_t)run->params.strong_len);
    }
    if (run->writer)
        rd__signature_put_entries(entries, &run->params, weak, strong, run->blocks);
    it->count = run->blocks;
    it->segment.got = run->blocks * run->params.block_len;
    if (run->digests)
        rd__digest_join(&run->digest, &it->range);
    rd_result result = RD_OK;
    for (uint64_t i = 0; result == RD_OK && i < it->segment.zeros; i++)
        result = signature_put(run, it);
    return result;
}

static rd_result signature_sign_segments(signature_run *run, const rd_source *basis) {
    static const rd__segment_work alone = {.slot_size = sizeof(signature_slot),
                                           .work = signature_work,
                                           .finish = signature_finish,
                                           .finish_empty = signature_finish_empty};
    static const rd__segment_work with_digest = {.slot_size = sizeof(signature_slot),
                                                 .work = signature_work,
                                                 .work_empty = signature_work_empty,
                                                 .finish = signature_finish,
                                                 .finish_empty = signature_finish_empty};
    const size_t fit = (size_t)(SEGMENT_SIZE / run->params.block_len / SEGMENT_BLOCKS_MIN) * SEGMENT_BLOCKS_MIN;
    run->blocks = fit < SEGMENT_BLOCKS_MIN ? SEGMENT_BLOCKS_MIN : rd__min_size(fit, SEGMENT_BLOCKS_MAX);
    if (rd__segments_are_concurrent(basis) && run->expected < run->blocks)
        run->blocks = (size_t)run->expected;
    run->has_zeros = run->expected >= SEGMENT_BLOCKS_MIN; /* fewer are not worth hashing one more */
    if (run->has_zeros)
        rd__sign_zeros(run->kernels, &run->params, &run->zeros);
    rd__segments segments = {.source = basis,
                             .operation = run->operation,
                             .role = RD_ROLE_BASIS,
                             .size = run->blocks * run->params.block_len,
                             .extra = signature_extra(run, run->blocks, NULL, NULL, NULL, NULL),
                             .work = run->digests ? &with_digest : &alone,
                             .context = run};
    return rd__segments_run(&segments, rd__operation_threads_for(run->operation, basis->size));
}

static rd_result signature_sign_one_by_one(signature_run *run, const rd_source *basis) {
    rd__operation *const operation = run->operation;
    rd__reader reader = rd__reader_of(basis, operation, RD_ROLE_BASIS);
    rd__signer signer;
    rd__signer_init(&signer, run->kernels, &run->params);
    uint8_t *const chunk = rd__context_take(operation->context, SEGMENT_SIZE, 1);
    rd_result result = chunk ? RD_OK : rd__fail_memory(&operation->error);
    while (result == RD_OK && !reader.ended) {
        size_t got = 0;
        result = rd__reader_read(&reader, chunk, SEGMENT_SIZE, &got);
        for (size_t at = 0; result == RD_OK && (at < got || (reader.ended && signer.filled > 0));) {
            at += rd__signer_take(&signer, chunk + at, got - at);
            if (!rd__signer_is_complete(&signer) && !reader.ended)
                break;
            uint32_t weak = 0;
            uint8_t strong[RD_STRONG_LEN_MAX];
            uint8_t entry[RD__ENTRY_MAX];
            const size_t length = signer.filled;
            rd__signer_end(&signer, &weak, strong);
            operation->stats.blocks++;
            if (run->writer) {
                rd__signature_put_entries(entry, &run->params, &weak, strong, 1);
                result = rd__writer_put(run->writer, entry, rd__entry_size(&run->params));
            } else {
                result = signature_keep(run, &weak, strong, 1, length);
            }
        }
    }
    rd__reader_close(&reader);
    rd__context_give(operation->context, chunk);
    return result;
}

static rd_result signature_take_blocks(void *context, const rd__block_sums *sums, uint64_t count, uint64_t bytes) {
    signature_run *const run = context;
    uint8_t entry[RD__ENTRY_MAX];
    rd_result result = RD_OK;
    run->operation->stats.blocks += count;
    if (run->writer)
        rd__signature_put_entries(entry, &run->params, &sums->weak, sums->strong, 1);
    for (uint64_t i = 0; result == RD_OK && i < count; i++)
        result = run->writer ? rd__writer_put(run->writer, entry, rd__entry_size(&run->params))
                             : signature_keep(run, &sums->weak, sums->strong, 1, bytes / count);
    return result;
}

static rd_result signature_sign_long(signature_run *run, const rd_source *basis) {
    rd__long_blocks blocks = {.source = basis,
                              .operation = run->operation,
                              .role = RD_ROLE_BASIS,
                              .kernels = run->kernels,
                              .params = run->params,
                              .take = signature_take_blocks,
                              .context = run};
    return rd__long_blocks_run(&blocks);
}

/* Signs the basis, whose parameters are resolved, to the end that is set. */
static rd_result signature_sign(signature_run *run, const rd_source *basis) {
    run->kernels = rd__kernels_best();
    run->expected = basis->size == RD_UNKNOWN ? RD_UNKNOWN : rd_block_count(&run->params, basis->size);
    if (run->params.block_len <= RD__TOGETHER_MAX)
        return signature_sign_segments(run, basis);
    if (rd__segments_are_concurrent(basis))
        return signature_sign_long(run, basis);
    return signature_sign_one_by_one(run, basis);
}

/* ---- As a file --------------------------------------------------------------------------------------------------- */

/* The length that the signature will have before it is compressed, RD_UNKNOWN if it is not known. */
static uint64_t signature_length(const rd_params *params, const rd_source *basis) {
    const bool known = rd__segments_are_concurrent(basis);
    return known ? rd_signature_size(params, rd_block_count(params, basis->size)) : RD_UNKNOWN;
}

/*
 * Can the digest be made of the segments? They are so many blocks that they are whole chunks of it, unless the length
 * of a block is an odd one.
 */
static bool signature_digests_segments(const rd_params *params, const rd_source *basis) {
    const uint64_t least = (uint64_t)params->block_len * SEGMENT_BLOCKS_MIN;
    return params->block_len <= RD__TOGETHER_MAX && least % RD__BLAKE3_CHUNK == 0 && rd__segments_are_concurrent(basis);
}

static rd_result signature_make(rd__operation *operation, const rd_source *basis, const rd_sink *out, uint8_t *digest) {
    rd__writer writer;
    uint8_t header[RD_SIGNATURE_HEADER_LEN];
    signature_run run = {.operation = operation, .params = operation->options.params, .writer = &writer};
    rd_result result = rd__params_resolve(&run.params, basis->size, &operation->error);
    if (result != RD_OK)
        return result;
    run.digests = digest && signature_digests_segments(&run.params, basis);
    rd__digest_init(&run.digest, 0);
    rd__signature_put_header(header, &run.params);
    const uint64_t plain = signature_length(&run.params, basis);
    result = rd__writer_open(&writer, out, operation, plain, rd__operation_threads(operation));
    const uint64_t length = writer.compresses ? RD_UNKNOWN : plain;
    if (result == RD_OK)
        result = rd__sink_check_apart(out, basis, RD_ROLE_BASIS, &operation->error);
    if (result == RD_OK)
        result = rd__sink_reserve(out, operation, length);
    if (result == RD_OK)
        result = rd__writer_put(&writer, header, sizeof header);
    if (result == RD_OK)
        result = signature_sign(&run, basis);
    if (result == RD_OK)
        result = rd__writer_finish(&writer);
    if (length != RD_UNKNOWN && operation->stats.out_bytes < length) /* the basis has become shorter */
        rd__sink_release(out);
    rd__writer_close(&writer);
    if (result == RD_OK && run.digests)
        rd__digest_final(&run.digest, digest);
    uint64_t size = 0;
    if (result == RD_OK && digest && !run.digests)
        result = rd__source_digest(basis, operation, RD_ROLE_BASIS, digest, &size);
    return result;
}

rd_result rd__signature_make(rd__operation *operation, const rd_source *basis, const rd_sink *out,
                             uint8_t digest[RD_DIGEST_LEN]) {
    const rd__watch watch = rd__watch_begin(basis, RD_ROLE_BASIS);
    return rd__watch_end(&watch, operation, signature_make(operation, basis, out, digest));
}

rd_result rd_signature_make(const rd_source *basis, const rd_sink *out, const rd_options *options) {
    rd__operation operation;
    rd_result result = rd__operation_start(&operation, options, basis->size);
    if (result == RD_OK)
        result = rd__signature_make(&operation, basis, out, NULL);
    return rd__operation_end(&operation, result);
}

static rd_result signature_write(rd__operation *operation, const rd_signature *signature, const rd_sink *out) {
    enum { BATCH = 1024 };
    const rd_params *const params = &signature->params;
    const rd__sums *const sums = &signature->sums;
    const size_t entry_size = rd__entry_size(params);
    uint8_t header[RD_SIGNATURE_HEADER_LEN];
    rd__writer writer;
    uint8_t *const entries = rd__context_take(operation->context, rd__min_u64(sums->count, BATCH), entry_size);
    rd_result result = rd__writer_open(&writer, out, operation, rd_signature_size(params, sums->count),
                                       rd__operation_threads(operation));
    if (result == RD_OK && !entries)
        result = rd__fail_memory(&operation->error);
    rd__signature_put_header(header, params);
    if (result == RD_OK)
        result = rd__writer_put(&writer, header, sizeof header);
    for (uint64_t i = 0; result == RD_OK && i < sums->count; i += BATCH) {
        const size_t count = (size_t)rd__min_u64(sums->count - i, BATCH);
        rd__signature_put_entries(entries, params, sums->weak + i, rd__sums_strong(sums, i), count);
        result = rd__writer_put(&writer, entries, count * entry_size);
        operation->stats.blocks += count;
    }
    if (result == RD_OK)
        result = rd__writer_finish(&writer);
    rd__writer_close(&writer);
    rd__context_give(operation->context, entries);
    return result;
}

rd_result rd_signature_write(const rd_signature *signature, const rd_sink *out, const rd_options *options) {
    rd__operation operation;
    rd_result result = rd__operation_start(&operation, options, RD_UNKNOWN);
    if (result == RD_OK)
        result = signature_write(&operation, signature, out);
    return rd__operation_end(&operation, result);
}

/* ---- As a table -------------------------------------------------------------------------------------------------- */

/* Of the `length` bytes of the basis from `offset` on; `index`: the table is to be searched. */
static rd_result signature_build_table(rd__operation *operation, const rd_source *basis, uint64_t offset,
                                       uint64_t length, bool index, rd_signature **signature) {
    rd_error *const error = &operation->error;
    signature_run run = {.operation = operation, .params = operation->options.params};
    rd_result result = rd__params_resolve(&run.params, basis->size, error);
    if (result != RD_OK)
        return result;
    const bool to_end = length == RD_UNKNOWN || (basis->size != RD_UNKNOWN && length >= basis->size - offset);
    if (offset > INT64_MAX || offset % run.params.block_len != 0 ||
        (basis->size != RD_UNKNOWN && offset > basis->size) || (!to_end && length % run.params.block_len != 0))
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_BASIS, offset, "the part does not consist of whole blocks");
    const rd_source part = rd_source_range(basis, offset, length);
    run.table = rd__signature_new();
    if (!run.table)
        return rd__fail_memory(error);
    run.table->origin = offset;
    rd__signature_set_params(run.table, &run.params, &operation->options.limits);
    result = signature_sign(&run, &part);
    if (result == RD_OK)
        result =
            rd__signature_finish(run.table, index, rd__operation_threads(operation), &operation->context->pool, error);
    if (result == RD_OK)
        *signature = run.table;
    else
        rd_signature_free(run.table);
    return result;
}

/* There is no signature after a failure, also if it is only that the basis changed. */
static rd_result signature_build(rd__operation *operation, const rd_source *basis, uint64_t offset, uint64_t length,
                                 bool index, rd_signature **signature) {
    const rd__watch watch = rd__watch_begin(basis, RD_ROLE_BASIS);
    rd_result result = signature_build_table(operation, basis, offset, length, index, signature);
    result = rd__watch_end(&watch, operation, result);
    if (result != RD_OK) {
        rd_signature_free(*signature);
        *signature = NULL;
    }
    return result;
}

rd_result rd_signature_build(rd_signature **signature, const rd_source *basis, const rd_options *options) {
    rd__operation operation;
    *signature = NULL;
    rd_result result = rd__operation_start(&operation, options, basis->size);
    if (result == RD_OK)
        result = signature_build(&operation, basis, 0, RD_UNKNOWN, true, signature);
    return rd__operation_end(&operation, result);
}

rd_result rd_signature_build_part(rd_signature **part, const rd_source *basis, uint64_t offset, uint64_t length,
                                  const rd_options *options) {
    rd__operation operation;
    const uint64_t size = basis->size;
    const uint64_t rest = size == RD_UNKNOWN ? RD_UNKNOWN : size - rd__min_u64(offset, size);
    *part = NULL;
    rd_result result = rd__operation_start(&operation, options, rd__min_u64(length, rest));
    if (result == RD_OK)
        result = signature_build(&operation, basis, offset, length, false, part);
    return rd__operation_end(&operation, result);
}

static rd_result signature_join(rd__operation *operation, const rd_signature *const *parts, size_t count,
                                rd_signature **signature) {
    rd_error *const error = &operation->error;
    const rd_params *const params = &parts[0]->params;
    uint64_t blocks = 0;
    for (size_t i = 0; i < count; i++) {
        const rd_signature *const before = i > 0 ? parts[i - 1] : NULL;
        const rd_params *const p = &parts[i]->params;
        if (p->weak != params->weak || p->strong != params->strong || p->block_len != params->block_len ||
            p->strong_len != params->strong_len)
            return rd__fail(error, RD_E_PARAMETER, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                            "the parts have different parameters");
        if (before && before->origin + before->length != parts[i]->origin) /* which is a whole number of blocks */
            return rd__fail(error, RD_E_PARAMETER, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                            "a part does not start where the part before it ends");
        blocks += parts[i]->sums.count;
    }
    signature_run run = {.operation = operation, .params = *params, .expected = blocks};
    run.table = rd__signature_new();
    if (!run.table)
        return rd__fail_memory(error);
    rd__signature_set_params(run.table, params, &operation->options.limits);
    run.table->origin = parts[0]->origin;
    rd_result result = rd__signature_reserve(run.table, blocks, blocks, &operation->options.limits, RD_UNKNOWN, error);
    for (size_t i = 0; result == RD_OK && i < count; i++) {
        const rd__sums *const sums = &parts[i]->sums;
        result = signature_keep(&run, sums->weak, sums->strong, (size_t)sums->count, parts[i]->length);
    }
    operation->stats.blocks = run.table->sums.count;
    if (result == RD_OK)
        result =
            rd__signature_finish(run.table, true, rd__operation_threads(operation), &operation->context->pool, error);
    if (result == RD_OK)
        *signature = run.table;
    else
        rd_signature_free(run.table);
    return result;
}

rd_result rd_signature_join(rd_signature **signature, const rd_signature *const *parts, size_t count,
                            const rd_options *options) {
    rd__operation operation;
    *signature = NULL;
    rd_result result = rd__operation_start(&operation, options, RD_UNKNOWN);
    if (result == RD_OK)
        result = count > 0 ? signature_join(&operation, parts, count, signature)
                           : rd__fail(&operation.error, RD_E_PARAMETER, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                                      "there are no parts to join");
    return rd__operation_end(&operation, result);
}
