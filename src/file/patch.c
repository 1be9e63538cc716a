/*
 * The new file of a whole delta. It is made in segments: the calling thread decodes the delta and puts literals into
 * place, any thread reads what is copied from the basis, and the calling thread writes the segments in order.
 *
 * If the delta has a trailer, and the caller wants the result verified, the threads that read a segment also hash it,
 * and at the end the digest is compared with the trailer's. Without a digest, nobody needs to see the bytes of a long
 * copy: the kernel makes it, from file to file. With one, the file system may still share whole blocks of the basis
 * with the new file, after they were hashed.
 *
 * Of a basis with holes, what is copied from a hole is not read: it is a gap in a segment, which is made a hole of the
 * new file or zeros. So that other zeros can become holes as well, the kernel then makes no copies, which would also
 * fill the holes that it copies.
 */
#include "file/patch.h"

#include "base/memory.h"
#include "base/result.h"
#include "engine/patcher.h"
#include "file/digest.h"
#include "file/ops.h"
#include "format/magic.h"
#include "hash/digest.h"
#include "io/copy.h"
#include "io/holes.h"
#include "io/sink.h"
#include "io/sparse.h"
#include "io/watch.h"

#include <stdlib.h>
#include <string.h>

enum {
    GAP_UNIT = 64 * 1024,        /* gaps are so many bytes, or multiples, and lie at multiples in a segment */
    SEGMENT_UNITS = 4,           /* those of two threads are read and written within the second-level cache */
    SEGMENT_UNITS_MIN = 2,       /* enough for all lanes of the kernel that hashes it */
    SEGMENTS_MIN = 64,           /* of a file that has larger ones: else the first use of their memory costs too much */
    GAPS_MAX = 64 * 1024 * 1024, /* of a segment that is hashed: some milliseconds of work for a thread */
    PLAIN_SIZE = 256 * 1024,     /* of a segment that is not hashed: it shares the cache with the delta and the basis */
    READS_MAX =
        1024, /* of a segment that are left to any thread; of many short copies, the rest is read when decoded */
    SMALL_UNIT = 16 * 1024, /* of a file of less than GAP_UNIT, the segment is whole ones of these */
    DELTA_CHUNK_MIN = 4 * 1024,
    DELTA_CHUNK_MAX = 64 * 1024,
    SLOTS_PER_THREAD = 2,
    TAIL_SIZE = 4096,        /* of a delta, in which a trailer is looked for */
    KERNEL_MIN = 128 * 1024, /* the shortest copy that is left to the kernel, and the longest in one segment */
    KERNEL_MAX = 16 * 1024 * 1024,
    BLOCK = RD__FILE_BLOCK,
    CLONE_MIN = 64 * 1024
};

/* A range of the basis, and where it goes in a segment. */
typedef struct patch_read {
    uint64_t offset;
    size_t at;
    size_t size;
} patch_read;

/* Zeros that lie between the bytes of a segment. */
typedef struct patch_gap {
    size_t at; /* in the segment: the bytes before it */
    uint64_t size;
} patch_gap;

/* A segment of the new file: bytes, with gaps, and after them perhaps a copy that is left to the kernel. */
typedef struct patch_segment {
    uint64_t offset; /* in the new file */
    uint8_t *data;   /* segment_size bytes */
    size_t size;
    patch_read reads[READS_MAX]; /* still to be done */
    size_t read_count;
    patch_gap gaps[SEGMENT_UNITS]; /* each at another unit */
    size_t gap_count;
    uint64_t gaps_size;
    uint64_t copy_offset; /* of the kernel's copy */
    uint64_t copy_size;   /* 0: none */
    uint64_t reached;     /* offset in the basis where the last copy so far ends, or RD_UNKNOWN */
    rd__digest range;     /* of what is not left to the kernel */
    rd_result result;
    rd_error error; /* if the result is a failure */
} patch_segment;

typedef struct patch_run {
    rd__operation *operation;
    const rd_source *basis;
    const rd_sink *out;
    const rd__kernels *kernels;
    bool digests; /* the new file is hashed */
    size_t segment_size;
    rd__reader reader;
    uint8_t *delta; /* a chunk of the delta, of delta_size bytes ... */
    size_t delta_size;
    rd_in in; /* ... and what is left of it */
    rd__patcher patcher;
    rd__holes holes; /* of the basis */
    bool has_holes;
    rd__sparse sparse;
    patch_segment *fetched; /* the segment being decoded into */
    uint64_t offset;        /* of the next segment */
    uint64_t zeros;         /* of the copy being decoded, that are to be a gap */
    uint64_t reached;       /* as in a segment, of what was made */
    bool ended;             /* the last segment was fetched */
    bool clones;            /* the file system has not refused to share blocks */
    bool cloned;            /* it has shared some that were hashed */
    bool basis_checked;     /* it is as long as the trailer says */
    const rd__watch *basis_watch;
    rd__digest digest;
} patch_run;

/* ---- Fetching: decoding the delta -------------------------------------------------------------------------------- */

/*
 * The basis is to be copied, from `offset` on, to `at` in the segment, where there is room for *size bytes. Are there
 * whole units that come from a hole? Then *size becomes the number of bytes before them. Returns their size.
 */
static uint64_t patch_find_zeros(patch_run *run, uint64_t offset, size_t at, size_t *size) {
    const uint64_t left = run->patcher.op.length - run->patcher.done;
    uint64_t before = (GAP_UNIT - at % GAP_UNIT) % GAP_UNIT;
    while (run->has_holes && before < *size) {
        uint64_t length = 0;
        const bool is_hole = rd__holes_at(&run->holes, offset + before, &length);
        const uint64_t units = rd__min_u64(length, left - before) / GAP_UNIT * GAP_UNIT;
        if (is_hole && units > 0) {
            *size = (size_t)before;
            return run->digests ? rd__min_u64(units, GAPS_MAX) : units;
        }
        if (length == 0) /* beyond the end */
            break;
        before += units < length ? units + GAP_UNIT : units;
    }
    return 0;
}

/*
 * The patcher's rd__basis_fn: notes what is to be read, or reads it if that cannot be left to other threads. Stops
 * before a gap.
 */
static rd_result patch_note_read(void *context, uint64_t offset, uint8_t *data, size_t size, size_t *got) {
    patch_run *const run = context;
    patch_segment *const s = run->fetched;
    const size_t at = (size_t)(data - s->data);
    rd_result result = RD_OK;
    run->zeros = patch_find_zeros(run, offset, at, &size);
    *got = size;
    if (size > 0 && rd__source_is_concurrent(run->basis) && s->read_count < READS_MAX)
        s->reads[s->read_count++] = (patch_read){.offset = offset, .at = at, .size = size};
    else if (size > 0)
        result = rd__basis_read(run->basis, run->operation, offset, data, size, got);
    return result == RD_OK && run->zeros > 0 ? RD_MORE : result;
}

/* Puts the zeros that were found into the segment, as a gap after its bytes. */
static void patch_note_gap(patch_run *run, patch_segment *s) {
    patch_gap *const last = s->gap_count > 0 ? &s->gaps[s->gap_count - 1] : NULL;
    if (last && last->at == s->size)
        last->size += run->zeros;
    else
        s->gaps[s->gap_count++] = (patch_gap){.at = s->size, .size = run->zeros};
    s->gaps_size += run->zeros;
    rd__patcher_copied(&run->patcher, run->zeros);
    run->zeros = 0;
}

/*
 * Decodes into the segment until it is full, or up to a copy for the kernel. RD_OK: the delta has ended. RD_MORE: it
 * has not.
 */
static rd_result patch_decode(patch_run *run, patch_segment *s) {
    rd_out out = {.data = s->data, .size = run->segment_size};
    for (;;) {
        rd_result result = rd__patcher_step(&run->patcher, &run->in, &out, run->reader.ended, &run->operation->error);
        s->size = out.pos;
        if (result != RD_MORE)
            return result;
        if (run->zeros > 0) {
            patch_note_gap(run, s);
            if (run->digests && s->gaps_size >= GAPS_MAX)
                return RD_MORE;
            continue;
        }
        if (rd__patcher_large(&run->patcher, &s->copy_offset, &s->copy_size)) {
            s->copy_size = rd__min_u64(s->copy_size, KERNEL_MAX);
            rd__patcher_copied(&run->patcher, s->copy_size);
            return RD_MORE;
        }
        s->copy_size = 0;
        if (out.pos == out.size)
            return RD_MORE;
        run->in.pos = run->in.size = 0;
        if (!run->reader.ended)
            result = rd__reader_read(&run->reader, run->delta, run->delta_size, &run->in.size);
        if (result != RD_OK && result != RD_MORE)
            return result;
    }
}

static bool patch_fetch(void *context, void *slot) {
    patch_run *const run = context;
    patch_segment *const s = slot;
    if (run->ended)
        return false;
    s->offset = run->offset;
    s->read_count = 0;
    s->gap_count = 0;
    s->gaps_size = 0;
    s->copy_size = 0;
    run->fetched = s;
    const rd_result result = patch_decode(run, s);
    run->offset += s->size + s->gaps_size + s->copy_size;
    s->result = result == RD_MORE ? RD_OK : result;
    s->error = run->operation->error;
    s->reached = run->patcher.copies ? run->patcher.reached : RD_UNKNOWN;
    run->ended = result != RD_MORE;
    return true;
}

/* ---- Working: reading the basis, hashing ------------------------------------------------------------------------- */

/* Hashes the bytes and the gaps of the segment. */
static void patch_hash(const patch_run *run, patch_segment *s) {
    size_t at = 0;
    rd__digest_init(&s->range, s->offset / RD__BLAKE3_CHUNK);
    for (size_t i = 0; i < s->gap_count; i++) {
        rd__digest_add(&s->range, run->kernels, s->data + at, s->gaps[i].at - at);
        rd__digest_add_zeros(&s->range, run->kernels, s->gaps[i].size);
        at = s->gaps[i].at;
    }
    rd__digest_add(&s->range, run->kernels, s->data + at, s->size - at);
}

/* What cannot be read fails the segment, whatever was found after it in the delta. */
static void patch_work(const void *context, void *slot) {
    const patch_run *const run = context;
    patch_segment *const s = slot;
    rd__operation operation = rd__operation_none();
    for (size_t i = 0; i < s->read_count; i++) {
        const patch_read *const read = &s->reads[i];
        size_t got = 0;
        const rd_result result =
            rd__basis_read(run->basis, &operation, read->offset, s->data + read->at, read->size, &got);
        if (result != RD_OK) {
            s->result = result;
            s->error = operation.error;
            return;
        }
    }
    if (s->result == RD_OK && run->digests)
        patch_hash(run, s);
}

/* ---- Finishing: writing ------------------------------------------------------------------------------------------ */

/* The whole blocks of [from, to) in the segment that are read from the basis, from block to block, if they are many. */
static bool patch_whole_blocks(const patch_read *read, size_t from, size_t to, patch_read *blocks) {
    const size_t first = read->at > from ? read->at : from;
    const size_t at = (first + BLOCK - 1) / BLOCK * BLOCK;
    const size_t end = rd__min_size(read->at + read->size, to);
    if (end < at + CLONE_MIN || (read->offset + (at - read->at)) % BLOCK != 0)
        return false;
    *blocks = (patch_read){.offset = read->offset + (at - read->at), .at = at, .size = (end - at) / BLOCK * BLOCK};
    return true;
}

/* Writes the bytes [from, to) of the segment. Where the file system can, it shares blocks of the basis instead. */
static rd_result patch_write_bytes(patch_run *run, const patch_segment *s, size_t from, size_t to) {
    for (size_t i = 0; run->clones && i < s->read_count; i++) {
        patch_read blocks;
        if (!patch_whole_blocks(&s->reads[i], from, to, &blocks))
            continue;
        const rd_result result = rd__sink_write(run->out, run->operation, s->data + from, blocks.at - from);
        if (result != RD_OK)
            return result;
        from = blocks.at;
        run->clones = rd__clone_range(run->basis, blocks.offset, run->out, blocks.size, run->operation);
        if (run->clones) {
            from += blocks.size;
            run->cloned = run->digests;
        }
    }
    return rd__sink_write(run->out, run->operation, s->data + from, to - from);
}

/* Writes the bytes [from, to) of the segment, with holes where zeros are to become holes. */
static rd_result patch_write(patch_run *run, const patch_segment *s, size_t from, size_t to) {
    rd_result result = RD_OK;
    while (result == RD_OK && from < to) {
        bool zeros = false;
        const size_t size = rd__sparse_run(&run->sparse, s->data + from, to - from, &zeros);
        result = zeros ? rd__sparse_zeros(&run->sparse, size) : patch_write_bytes(run, s, from, from + size);
        from += size;
    }
    return result;
}

/* Writes the bytes and the gaps of the segment. */
static rd_result patch_write_segment(patch_run *run, const patch_segment *s) {
    size_t at = 0;
    for (size_t i = 0; i <= s->gap_count; i++) {
        const size_t end = i < s->gap_count ? s->gaps[i].at : s->size;
        const uint64_t zeros = i < s->gap_count ? s->gaps[i].size : 0;
        rd_result result = patch_write(run, s, at, end);
        if (result == RD_OK && zeros > 0)
            result = rd__sparse_zeros(&run->sparse, zeros);
        if (result != RD_OK)
            return result;
        at = end;
    }
    return RD_OK;
}

/* Has the kernel make the copy of the segment, whose bytes are written; makes what the kernel does not. */
static rd_result patch_copy(patch_run *run, patch_segment *s) {
    rd__operation *const operation = run->operation;
    rd_result result = RD_OK;
    while (result == RD_OK && s->copy_size > 0) {
        size_t size = rd__copy_range(run->basis, s->copy_offset, run->out, s->copy_size, operation);
        if (size == 0) {
            run->patcher.large = 0; /* later copies are not left to the kernel */
            size = (size_t)rd__min_u64(s->copy_size, run->segment_size);
            result = rd__basis_read(run->basis, operation, s->copy_offset, s->data, size, &size);
            if (result == RD_OK)
                result = rd__sink_write(run->out, operation, s->data, size);
        }
        s->copy_offset += size;
        s->copy_size -= size;
        run->reached = s->copy_offset;
        if (result == RD_OK)
            result = rd__operation_progress(operation, operation->stats.out_bytes);
    }
    return result;
}

static rd_result patch_finish(void *context, void *slot) {
    patch_run *const run = context;
    patch_segment *const s = slot;
    if (s->result != RD_OK) {
        run->operation->error = s->error;
        if (s->result == RD_E_TRUNCATED && s->error.role == RD_ROLE_BASIS)
            run->reached = s->error.offset;
        return s->result;
    }
    run->reached = s->reached;
    if (run->digests)
        rd__digest_join(&run->digest, &s->range);
    rd_result result = patch_write_segment(run, s);
    if (result != RD_OK)
        return result;
    result = rd__operation_progress(run->operation, run->operation->stats.out_bytes);
    return result == RD_OK ? patch_copy(run, s) : result;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

/*
 * Where the new file's size is not known, that of the basis is a guess. If a small one is known, as far as one can, the
 * segment is not larger; one that is wrong about it, which has been altered, takes longer to be refused.
 */
static size_t patch_segment_size(const patch_run *run) {
    const uint64_t total = run->operation->total != RD_UNKNOWN ? run->operation->total : run->basis->size;
    const uint64_t units = total / ((uint64_t)SEGMENTS_MIN * GAP_UNIT);
    if (!run->digests)
        return run->basis->size < GAP_UNIT ? (size_t)GAP_UNIT : (size_t)PLAIN_SIZE;
    if (run->operation->total < GAP_UNIT)
        return (size_t)(run->operation->total / SMALL_UNIT + 1) * SMALL_UNIT;
    return units < SEGMENT_UNITS_MIN ? (size_t)SEGMENT_UNITS_MIN * GAP_UNIT
                                     : GAP_UNIT * (size_t)rd__min_u64(units, SEGMENT_UNITS);
}

static rd_result patch_run_segments(patch_run *run) {
    rd__operation *const operation = run->operation;
    rd_context *const kept = operation->context;
    /* Without a digest there is little to do but to copy, which two threads do hardly faster than one. */
    const unsigned threads = run->digests ? rd__operation_threads_for(operation, operation->total) : 1;
    const size_t slot_count = threads > 1 ? (size_t)threads * SLOTS_PER_THREAD : 1;
    patch_segment *const segments = rd__context_take(kept, slot_count, sizeof *segments);
    uint8_t *const data = rd__context_take(kept, slot_count, run->segment_size);
    void **const slots = rd__alloc_array(slot_count, sizeof *slots);
    const bool complete = segments && data && slots;
    for (size_t i = 0; complete && i < slot_count; i++) {
        segments[i].data = data + i * run->segment_size;
        slots[i] = &segments[i];
    }
    const rd__pipeline pipeline = {.fetch = patch_fetch,
                                   .work = patch_work,
                                   .finish = patch_finish,
                                   .context = run,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = threads,
                                   .pool = &kept->pool,
                                   .owner = operation->owner};
    const rd_result result =
        complete ? rd__pipeline_run(&pipeline, &operation->error) : rd__fail_memory(&operation->error);
    free((void *)slots);
    rd__context_give(kept, data);
    rd__context_give(kept, segments);
    return result;
}

/*
 * What seems to be the trailer is about a basis of another length. Only reading the whole delta makes sure that it is
 * the trailer: then RD_E_MISMATCH. Errors: also those of the delta.
 */
static rd_result patch_check_basis(rd__operation *operation, const rd_source *basis, const rd_source *delta,
                                   uint64_t size) {
    const rd_result mismatch = rd__basis_check_size(basis, operation, size);
    const rd_error error = operation->error;
    rd__ops ops;
    rd_op op;
    rd__basis_id id;
    if (mismatch != RD_E_MISMATCH)
        return mismatch;
    rd_result result = rd__ops_open(&ops, delta, operation);
    if (result == RD_OK) {
        do
            result = rd__ops_next(&ops, &op);
        while (result == RD_MORE);
    }
    const bool is_sure = result == RD_OK && rd__op_reader_basis(&ops.ops, &id) && id.size == size;
    rd__ops_close(&ops);
    operation->stats = (rd_stats){.size = sizeof operation->stats};
    if (!is_sure)
        return result;
    operation->error = error;
    return mismatch;
}

/* Is the delta dense? Then it has a trailer, which says what progress counts to. */
static rd_result patch_find_dense(rd__operation *operation, const rd_source *delta, bool *dense) {
    uint8_t bytes[RD__DENSE_TRAILER_LEN];
    size_t got = 0;
    rd_result result = rd__source_read(delta, operation, RD_ROLE_DELTA, 0, bytes, RD__MAGIC_LEN, &got);
    *dense = result == RD_OK && got == RD__MAGIC_LEN && rd__dense_begins(bytes);
    if (!*dense || delta->size < sizeof bytes)
        return result;
    result = rd__source_read(delta, operation, RD_ROLE_DELTA, delta->size - sizeof bytes, bytes, sizeof bytes, &got);
    if (result == RD_OK && got == sizeof bytes)
        operation->total = rd__dense_trailer_new_size(bytes);
    return result;
}

/*
 * Does the delta seem to have a trailer? One that can only be read in order, or is compressed, or has another size than
 * its source says, does, for all one knows.
 * If the trailer is seen, it says what progress counts to; that may be wrong, which is found when all is made. And it
 * may say that this is not the basis, before anything is made of it.
 */
static rd_result patch_find_trailer(patch_run *run, const rd_source *delta) {
    rd__operation *const operation = run->operation;
    uint8_t tail[TAIL_SIZE + 1];
    size_t got = 0;
    run->digests = true;
    if (!delta->seekable || delta->size == RD_UNKNOWN)
        return RD_OK;
    bool dense = false;
    const rd_result first = patch_find_dense(operation, delta, &dense);
    if (first != RD_OK || dense)
        return first;
    if (rd__role_may_be_compressed(operation, RD_ROLE_DELTA)) {
        bool compressed = false;
        const rd_result result = rd__source_is_compressed(delta, operation, RD_ROLE_DELTA, &compressed);
        if (result != RD_OK || compressed)
            return result;
    }
    /* If there is one byte more than there should be, or one less, its end is not here. */
    const size_t size = (size_t)rd__min_u64(delta->size, TAIL_SIZE);
    const rd_result result = rd__source_read(delta, operation, RD_ROLE_DELTA, delta->size - size, tail, size + 1, &got);
    if (result != RD_OK || got != size)
        return result;
    const size_t at = rd__trailer_search(tail, size);
    rd_error ignored;
    rd__basis_id id;
    run->digests = at < size;
    if (!run->digests || rd__trailer_check(tail + at, rd__trailer_known(tail + at), 0, &ignored) != RD_OK)
        return RD_OK;
    operation->total = rd__trailer_new_size(tail + at);
    run->basis_checked = rd__trailer_basis(tail + at, &id);
    return run->basis_checked ? patch_check_basis(operation, run->basis, delta, id.size) : RD_OK;
}

/* The new file is not the one that the delta is about, which knows its basis: is it the basis that is wrong? */
static rd_result patch_blame(patch_run *run) {
    uint8_t digest[RD_DIGEST_LEN];
    uint64_t size = 0;
    const rd_result result = rd__source_digest(run->basis, run->operation, RD_ROLE_BASIS, digest, &size);
    return result == RD_OK ? rd__patcher_blame(&run->patcher, digest, &run->operation->error) : result;
}

/* The new file is made. Is it the one that the delta is about? */
static rd_result patch_verify(patch_run *run) {
    rd_error *const error = &run->operation->error;
    uint8_t digest[RD_DIGEST_LEN];
    /* What was cloned is what was hashed only if the basis did not change in between. */
    if (run->cloned && rd__watch_changed(run->basis_watch, run->operation))
        return rd__fail(error, RD_E_CHANGED, RD_ROLE_BASIS, RD_UNKNOWN, "changed while it was being read");
    if (!run->patcher.reader.has_trailer)
        return RD_OK;
    rd__basis_id id;
    const bool knows_basis = rd__op_reader_basis(&run->patcher.reader, &id);
    if (knows_basis && !run->basis_checked) {
        const rd_result result = rd__basis_check_size(run->basis, run->operation, id.size);
        if (result != RD_OK)
            return result;
    }
    if (!run->digests)
        return rd__fail(error, RD_E_UNVERIFIED, RD_ROLE_DELTA,
                        run->patcher.reader.taken - run->patcher.reader.trailer_taken,
                        "the delta's trailer is longer than this version expects");
    rd__digest_final(&run->digest, digest);
    const rd_result result = rd__patcher_verify(&run->patcher, digest, error);
    if (result == RD_OK)
        rd__operation_set_digest(run->operation, digest);
    if (result == RD_OK && knows_basis)
        rd__operation_set_basis(run->operation, id.size, id.digest);
    return result != RD_OK && knows_basis ? patch_blame(run) : result;
}

/* Finds out where there are, or should be, holes, and by that, who makes the copies. */
static void patch_find_holes(patch_run *run) {
    const rd_sparse wanted = run->operation->options.sparse;
    run->holes = rd__holes_open(run->basis);
    run->has_holes = rd__holes_any(&run->holes);
    run->sparse = rd__sparse_of(run->out, run->operation, run->has_holes);
    const bool plain = !run->has_holes && !run->sparse.makes_holes;
    if (!run->digests && plain && rd__copy_is_possible(run->basis, run->out))
        run->patcher.large = KERNEL_MIN;
    /* Blocks of a hole that are shared are a hole. */
    run->clones = (run->digests || !plain) && !(wanted == RD_SPARSE_NEVER && run->has_holes);
}

/*
 * Is this how long the new file will be, as far as one can tell? What a trailer says is known to be true only in the
 * end. A delta that copies no byte of the basis twice makes no more than both files have, and no room of the disk
 * should be taken for more.
 */
static bool patch_size_is_likely(uint64_t size, const rd_source *basis, const rd_source *delta) {
    return basis->size != RD_UNKNOWN && delta->size != RD_UNKNOWN && size <= basis->size + delta->size;
}

/* Reads the first bytes of the delta. If it is dense, another basis is refused here, before anything is written. */
static rd_result patch_begin(patch_run *run) {
    const uint64_t size = run->reader.source.source->size;
    run->delta_size = size < DELTA_CHUNK_MIN ? (size_t)DELTA_CHUNK_MIN : (size_t)rd__min_u64(size, DELTA_CHUNK_MAX);
    run->delta = rd__context_take(run->operation->context, run->delta_size, 1);
    run->in.data = run->delta;
    run->reader.basis = run->basis;
    if (!run->delta)
        return rd__fail_memory(&run->operation->error);
    return rd__reader_read(&run->reader, run->delta, run->delta_size, &run->in.size);
}

static rd_result patch_make(rd__operation *operation, const rd_source *basis, const rd__watch *basis_watch,
                            const rd_source *delta, const rd_sink *out, uint64_t *reached) {
    const rd_verify verify = operation->options.verify;
    patch_run run = {.operation = operation,
                     .basis = basis,
                     .basis_watch = basis_watch,
                     .out = out,
                     .kernels = rd__kernels_best(),
                     .reached = RD_UNKNOWN,
                     .reader = rd__reader_of(delta, operation, RD_ROLE_DELTA)};
    operation->counts_output = true;
    if (verify != RD_VERIFY_NEVER) {
        const rd_result result = patch_find_trailer(&run, delta);
        if (result != RD_OK)
            return rd__patcher_failure(result, &operation->error);
        run.digests = run.digests || verify == RD_VERIFY_ALWAYS;
    }
    rd_result result = patch_begin(&run);
    run.segment_size = patch_segment_size(&run);
    run.patcher = (rd__patcher){.basis = patch_note_read, .context = &run};
    patch_find_holes(&run);
    const bool reserves = !run.sparse.makes_holes && patch_size_is_likely(operation->total, basis, delta);
    const uint64_t reserved = reserves ? operation->total : 0;
    if (result == RD_OK)
        result = rd__sink_reserve(out, operation, reserved);
    run.patcher.reader.stats = &operation->stats;
    run.patcher.reader.verify = verify;
    run.patcher.reader.whole = true;
    run.patcher.reader.limit = operation->options.limits.output;
    rd__digest_init(&run.digest, 0);
    if (result == RD_OK)
        result = patch_run_segments(&run);
    if (result == RD_OK)
        result = rd__sparse_finish(&run.sparse);
    if (result == RD_OK)
        result = patch_verify(&run);
    const rd_stats *const stats = &operation->stats;
    if (stats->out_bytes < reserved) /* what seemed to be a trailer was none */
        rd__sink_release(out);
    operation->stats.identical = result == RD_OK && rd__patcher_copies_all(stats, basis->size);
    *reached = run.reached;
    rd__holes_close(&run.holes);
    rd__reader_close(&run.reader);
    rd__context_give(operation->context, run.delta);
    return verify == RD_VERIFY_NEVER ? result : rd__patcher_failure(result, &operation->error);
}

/*
 * What is verified is the new file, whatever became meanwhile of the files that it is made from. But if the delta is
 * made meanwhile, by a filter, its digest is that of what was read of the new file.
 */
static rd_result patch_end_watch(const rd__watch *watch, rd__operation *operation, rd_result result) {
    if (result != RD_OK || !operation->stats.has_digest || watch->role == RD_ROLE_NEW)
        return rd__watch_end(watch, operation, result);
    (void)rd__watch_changed(watch, operation);
    return RD_OK;
}

rd_result rd__patch_within(rd__operation *operation, const rd_source *basis, const rd_source *delta, const rd_sink *out,
                           uint64_t *reached) {
    const rd__watch basis_watch = rd__watch_begin(basis, RD_ROLE_BASIS);
    const rd__watch delta_watch = rd__watch_begin(delta, RD_ROLE_DELTA);
    *reached = RD_UNKNOWN;
    rd_result result = rd__sink_check_apart(out, basis, RD_ROLE_BASIS, &operation->error);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, delta, RD_ROLE_DELTA, &operation->error);
    if (result == RD_OK)
        result = rd__source_check_seekable(basis, RD_ROLE_BASIS, RD_E_IO, &operation->error);
    if (result == RD_OK)
        result = patch_make(operation, basis, &basis_watch, delta, out, reached);
    result = patch_end_watch(&basis_watch, operation, result);
    return patch_end_watch(&delta_watch, operation, result);
}

rd_result rd__patch_apply(const rd_source *basis, const rd_source *delta, const rd_sink *out, const rd_options *options,
                          uint64_t *reached) {
    rd__operation operation;
    *reached = RD_UNKNOWN;
    rd_result result = rd__operation_start(&operation, options, RD_UNKNOWN);
    if (result == RD_OK)
        result = rd__patch_within(&operation, basis, delta, out, reached);
    return rd__operation_end(&operation, result);
}

rd_result rd_patch_apply(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                         const rd_options *options) {
    uint64_t reached = 0;
    return rd__patch_apply(basis, delta, out, options, &reached);
}
