/*
 * Building the index. See index.h for its shape.
 *
 * Entries are first scattered into partitions by the top bits of their hashes. A partition is some hundred buckets,
 * whose entries, directory and filter words lie next to each other and fit in cache, and which nothing else touches:
 * partitions are built in parallel, each by a counting sort into buckets and a sort within each bucket. Most buckets
 * have a handful of entries and take an insertion sort. A bucket is large only when many blocks have one weak sum: many
 * equal blocks, which a three-way quicksort gathers in one pass, or an attack, which its random pivots withstand.
 *
 * Partitions are finished in order: where blocks were dropped because they repeat others, the next one closes the gap.
 */
#include "base/memory.h"
#include "base/pipeline.h"
#include "base/random.h"
#include "base/result.h"
#include "engine/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILTER_BITS_PER_BLOCK = 12, /* at least, and less than twice as many: 1 in 40 to 150 of unmatched positions pass */
    FILTER_BITS_AMPLE = 64,     /* a block, as long as the filter then stays in cache: 1 in 500 */
    FILTER_BITS_CACHED = 2 * 1024 * 1024, /* 256 KiB: a quarter of a second-level cache */
    FILTER_BITS_MIN = 4096,
    BLOCKS_PER_BUCKET = 4, /* at least, and at most twice as many */
    INSERTION_SORT_MAX = 16,
    PARTITION_BUCKETS_LOG2 = 9,  /* of a partition, unless that makes more partitions than: */
    PARTITIONS_LOG2_MAX = 12,    /* whose pages the processor's TLB holds */
    PARTITIONS_PER_THREAD = 4,   /* at a time, so that no thread waits for the slowest */
    SCRATCH_ENTRIES = 128 * 1024 /* a larger partition (nearly all equal, or a billion blocks) is sorted in place */
};

/* ---- Sorting ----------------------------------------------------------------------------------------------------- */

/* A range of entries. */
typedef struct build_range {
    rd__index_entry *entries;
    size_t count;
} build_range;

typedef struct build_sorter {
    const rd__sums *sums;
    uint32_t random; /* the state of the generator of pivots; not 0 */
} build_sorter;

/* Orders entries by hash, then strong sum: negative, 0 or positive. 0 only for blocks with equal sums. */
static int build_compare(const build_sorter *sorter, rd__index_entry a, rd__index_entry b) {
    const rd__sums *const sums = sorter->sums;
    if (a.hash != b.hash)
        return a.hash < b.hash ? -1 : 1;
    return memcmp(rd__sums_strong(sums, a.block), rd__sums_strong(sums, b.block), sums->strong_len);
}

static void build_insertion_sort(const build_sorter *sorter, build_range range) {
    rd__index_entry *const entries = range.entries;
    for (size_t i = 1; i < range.count; i++) {
        const rd__index_entry moved = entries[i];
        size_t at = i;
        for (; at > 0 && build_compare(sorter, entries[at - 1], moved) > 0; at--)
            entries[at] = entries[at - 1];
        entries[at] = moved;
    }
}

static void build_swap(rd__index_entry *a, rd__index_entry *b) {
    const rd__index_entry old = *a;
    *a = *b;
    *b = old;
}

/*
 * Divides the entries into those less than a random one of them, those equal to it, and those greater. The shorter of
 * the outer ranges is returned; *rest becomes the longer one.
 */
static build_range build_divide(build_sorter *sorter, build_range *rest) {
    rd__index_entry *const entries = rest->entries;

    /* Xorshift (Marsaglia 2003): good enough for pivots that cannot be foreseen without the seed. */
    assert(sorter->random != 0 && rest->count > 0);
    sorter->random ^= sorter->random << 13;
    sorter->random ^= sorter->random >> 17;
    sorter->random ^= sorter->random << 5;
    const rd__index_entry pivot = entries[sorter->random % rest->count];

    /* [0, low) is less than the pivot, [low, i) equal, [high, count) greater. */
    size_t low = 0;
    size_t high = rest->count;
    for (size_t i = 0; i < high;) {
        const int order = build_compare(sorter, entries[i], pivot);
        if (order < 0)
            build_swap(&entries[low++], &entries[i++]);
        else if (order > 0)
            build_swap(&entries[--high], &entries[i]);
        else
            i++;
    }
    const build_range less = {entries, low};
    const build_range greater = {entries + high, rest->count - high};
    *rest = low < greater.count ? greater : less;
    return low < greater.count ? less : greater;
}

/* Three-way quicksort. The shorter of two ranges is sorted first, so at most log2 of the count wait at a time. */
static void build_sort(build_sorter *sorter, build_range all) {
    build_range waiting[33];
    size_t depth = 0;
    waiting[depth++] = all;
    while (depth > 0) {
        build_range *const top = &waiting[depth - 1];
        if (top->count > INSERTION_SORT_MAX) {
            assert(depth < sizeof waiting / sizeof waiting[0]);
            waiting[depth++] = build_divide(sorter, top);
        } else {
            build_insertion_sort(sorter, *top);
            depth--;
        }
    }
}

/* Keeps the lowest block of each run of equal ones, moved to the front, and returns how many there are. */
static size_t build_collapse(const build_sorter *sorter, build_range all) {
    size_t kept = 0;
    for (size_t i = 0; i < all.count; kept++) {
        rd__index_entry first = all.entries[i];
        size_t end = i + 1;
        for (; end < all.count && build_compare(sorter, all.entries[end], all.entries[i]) == 0; end++)
            if (all.entries[end].block < first.block)
                first = all.entries[end];
        all.entries[kept] = first;
        i = end;
    }
    return kept;
}

/* ---- Partitions -------------------------------------------------------------------------------------------------- */

typedef struct build_state {
    rd__index *index;
    const rd__sums *sums;
    rd_error *error;
    uint32_t random;
    uint32_t shift;           /* the partition of a hash: hash >> shift */
    uint64_t partition_count; /* a power of two */
    uint64_t bucket_count;    /* of a partition */
    uint64_t *bounds;         /* of the partitions, in the entries */
    uint64_t fetched;         /* partitions */
    uint32_t kept;            /* entries of the finished partitions */
} build_state;

/* A slot of the pipeline: a partition while it is built. */
typedef struct build_partition {
    uint64_t number;
    build_range range;
    bool failed; /* out of memory */
} build_partition;

/* Makes an entry of each block, in its partition. A bound moves from its partition's start to its end as that fills. */
static void build_scatter(build_state *b) {
    const rd__sums *const sums = b->sums;
    const rd__filter *const filter = &b->index->filter;
    for (uint64_t i = 0; i < sums->count; i++)
        b->bounds[((uint64_t)rd__filter_hash(filter, sums->weak[i]) >> b->shift) + 1]++;
    for (uint64_t i = 1; i <= b->partition_count; i++)
        b->bounds[i] += b->bounds[i - 1];
    for (uint64_t i = 0; i < sums->count; i++) {
        const uint32_t hash = rd__filter_hash(filter, sums->weak[i]);
        const uint64_t at = b->bounds[(uint64_t)hash >> b->shift]++;
        b->index->entries[at] = (rd__index_entry){.hash = hash, .block = (uint32_t)i};
    }
    memmove(b->bounds + 1, b->bounds, (size_t)b->partition_count * sizeof *b->bounds);
    b->bounds[0] = 0;
}

/* Sorts a partition. `ends` is room for a number for each of its buckets. False: out of memory. */
static bool build_sort_partition(const build_state *b, build_sorter *sorter, build_range all, uint32_t *ends) {
    const uint32_t mask = (uint32_t)(b->bucket_count - 1);
    if (all.count > SCRATCH_ENTRIES) {
        build_sort(sorter, all);
        return true;
    }
    rd__index_entry *const scratch = rd__alloc_array(all.count, sizeof *scratch);
    if (!scratch)
        return false;

    /* A counting sort into buckets: ends[k] first counts the k-th one, then moves from its start to its end. */
    memset(ends, 0, (size_t)b->bucket_count * sizeof *ends);
    for (size_t i = 0; i < all.count; i++) {
        scratch[i] = all.entries[i];
        ends[(scratch[i].hash >> b->index->bucket_shift) & mask]++;
    }
    uint32_t start = 0;
    for (uint64_t k = 0; k < b->bucket_count; k++) {
        const uint32_t count = ends[k];
        ends[k] = start;
        start += count;
    }
    for (size_t i = 0; i < all.count; i++)
        all.entries[ends[(scratch[i].hash >> b->index->bucket_shift) & mask]++] = scratch[i];
    free(scratch);

    /* Then each bucket. */
    start = 0;
    for (uint64_t k = 0; k < b->bucket_count; k++) {
        build_sort(sorter, (build_range){all.entries + start, ends[k] - start});
        start = ends[k];
    }
    return true;
}

static void build_work(const void *context, void *slot) {
    const build_state *const b = context;
    build_partition *const partition = slot;
    rd__index *const index = b->index;
    const uint64_t first_bucket = partition->number * b->bucket_count;
    build_sorter sorter = {.sums = b->sums, .random = (b->random + (uint32_t)partition->number) | 1};
    partition->failed = !build_sort_partition(b, &sorter, partition->range, index->starts + first_bucket);
    if (partition->failed)
        return;
    partition->range.count = build_collapse(&sorter, partition->range);

    /* The directory, counted from the partition's start until it is known where that lies; and the words of the filter,
     * which no other partition has. */
    const build_range all = partition->range;
    size_t at = 0;
    for (uint64_t bucket = first_bucket; bucket < first_bucket + b->bucket_count; bucket++) {
        index->starts[bucket] = (uint32_t)at;
        while (at < all.count && all.entries[at].hash >> index->bucket_shift == bucket)
            at++;
    }
    for (size_t i = 0; i < all.count; i++)
        rd__filter_add(&index->filter, index->filter_words, all.entries[i].hash);
}

static bool build_fetch(void *context, void *slot) {
    build_state *const b = context;
    if (b->fetched == b->partition_count)
        return false;
    const uint64_t start = b->bounds[b->fetched];
    const build_range range = {b->index->entries + start, (size_t)(b->bounds[b->fetched + 1] - start)};
    *(build_partition *)slot = (build_partition){.number = b->fetched++, .range = range};
    return true;
}

/* Moves the partition to the end of the one before. */
static rd_result build_finish(void *context, void *slot) {
    build_state *const b = context;
    const build_partition *const partition = slot;
    const build_range range = partition->range;
    rd__index_entry *const place = b->index->entries + b->kept;
    uint32_t *const starts = b->index->starts + partition->number * b->bucket_count;
    if (partition->failed)
        return rd__fail_memory(b->error);
    assert(place <= range.entries);
    if (place != range.entries)
        memmove(place, range.entries, range.count * sizeof *place);
    for (uint64_t k = 0; k < b->bucket_count; k++)
        starts[k] += b->kept;
    b->kept += (uint32_t)range.count;
    return RD_OK;
}

static rd_result build_run(build_state *b, unsigned threads, rd__pool *pool) {
    const size_t count = (size_t)rd__min_u64((uint64_t)threads * PARTITIONS_PER_THREAD, b->partition_count);
    build_partition *const partitions = rd__alloc_array(count, sizeof *partitions);
    void **const slots = rd__alloc_array(count, sizeof *slots);
    for (size_t i = 0; partitions && slots && i < count; i++)
        slots[i] = &partitions[i];
    const rd__pipeline pipeline = {.fetch = build_fetch,
                                   .work = build_work,
                                   .finish = build_finish,
                                   .context = b,
                                   .slots = slots,
                                   .slot_count = count,
                                   .threads = threads,
                                   .pool = pool};
    const rd_result result = partitions && slots ? rd__pipeline_run(&pipeline, b->error) : rd__fail_memory(b->error);
    free(slots);
    free(partitions);
    return result;
}

/* ---- The index --------------------------------------------------------------------------------------------------- */

/* The least n with 2^n >= value, at most 32. */
static uint32_t build_log2_ceil(uint64_t value) {
    uint32_t n = 0;
    while (n < 32 && (uint64_t)1 << n < value)
        n++;
    return n;
}

/* log2 of the number of words in the filter. */
static uint32_t build_filter_words_log2(uint64_t blocks) {
    const uint64_t ample = rd__min_u64(blocks * FILTER_BITS_AMPLE + FILTER_BITS_MIN, FILTER_BITS_CACHED);
    const uint64_t least = blocks * FILTER_BITS_PER_BLOCK;
    const uint32_t log2 = build_log2_ceil((ample > least ? ample : least) / 32);
    return log2 < RD__FILTER_WORDS_LOG2_MAX ? log2 : RD__FILTER_WORDS_LOG2_MAX;
}

rd_result rd__index_build(rd__index *index, const rd__sums *sums, unsigned threads, rd__pool *pool, rd_error *error) {
    assert(threads >= 1 && sums->count <= RD__INDEX_BLOCKS_MAX);

    /* The shape: 2^bucket_bits buckets in 2^partition_bits partitions. */
    const uint32_t bucket_bits = build_log2_ceil(sums->count / (2 * (uint64_t)BLOCKS_PER_BUCKET) + 2);
    const uint32_t excess = bucket_bits < PARTITION_BUCKETS_LOG2 ? 0 : bucket_bits - PARTITION_BUCKETS_LOG2;
    const uint32_t partition_bits = excess < PARTITIONS_LOG2_MAX ? excess : PARTITIONS_LOG2_MAX;
    const uint32_t words_log2 = build_filter_words_log2(sums->count);
    const uint64_t buckets = (uint64_t)1 << bucket_bits;
    assert(words_log2 >= RD__FILTER_WORDS_LOG2_MIN && words_log2 >= partition_bits);

    build_state b = {.index = index, .sums = sums, .error = error, .random = rd__random_u32()};
    b.shift = 32 - partition_bits;
    b.partition_count = (uint64_t)1 << partition_bits;
    b.bucket_count = buckets >> partition_bits;
    b.bounds = rd__alloc_zeroed(b.partition_count + 1, sizeof *b.bounds);
    *index = (rd__index){.bucket_shift = 32 - bucket_bits};
    index->starts = rd__alloc_array(buckets + 1, sizeof *index->starts);
    index->entries = rd__alloc_array(sums->count, sizeof *index->entries);
    index->filter_words = rd__alloc_zeroed((uint64_t)1 << words_log2, sizeof *index->filter_words);

    rd_result result = RD_E_MEMORY;
    if (b.bounds && index->starts && index->entries && index->filter_words) {
        index->filter =
            (rd__filter){.words = index->filter_words, .key = rd__random_u32() | 1, .shift = 32 - words_log2};
        build_scatter(&b);
        result = build_run(&b, threads, pool);
        index->starts[buckets] = b.kept;
    } else {
        rd__fail_memory(error);
    }
    free(b.bounds);
    if (result != RD_OK)
        rd__index_free(index);
    return result;
}
