/*
 * Building the index. See index.h for its shape.
 *
 * Entries are first parted by the top bits of their hashes. A part is some hundred buckets, whose entries, directory
 * and filter words lie next to each other and fit in cache, and it is nobody else's: parts are built in parallel, by a
 * counting sort into buckets and a sort within each. Most buckets have a handful of entries and take an insertion sort.
 * A bucket is large only when many blocks have one weak sum: many equal blocks, which a three-way quicksort gathers in
 * one pass, or an attack, against which its pivots are random.
 *
 * Parts are finished in order: where blocks were dropped because they repeat others, the next part closes the gap.
 */
#include "base/memory.h"
#include "base/pipeline.h"
#include "base/random.h"
#include "base/result.h"
#include "engine/index.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILTER_BITS_PER_BLOCK = 12, /* at least, and less than twice as many: 1 in 40 to 150 of unmatched positions pass */
    FILTER_BITS_AMPLE = 64,     /* a block, as long as the filter then stays in cache: 1 in 500 */
    FILTER_BITS_CACHED = 2 * 1024 * 1024, /* 256 KiB: a quarter of a second-level cache */
    FILTER_BITS_MIN = 4096,
    BLOCKS_PER_BUCKET = 4, /* at least, and at most twice as many */
    INSERTION_SORT_MAX = 16,
    PART_BUCKETS_LOG2 = 9, /* of a part, if that does not make more parts than: */
    PARTS_LOG2_MAX = 12,   /* there are pages at hand for */
    SCRATCH_ENTRIES =
        128 * 1024, /* a part with more, nearly all equal or a billion blocks in all, is sorted in place */
    SLOTS_PER_THREAD = 4
};

typedef rd__index_entry entry;

/* ---- Sorting ----------------------------------------------------------------------------------------------------- */

/* What the sort needs at hand. */
typedef struct sorter {
    const rd__sums *sums;
    uint32_t random;
} sorter;

/* Orders entries by hash, then strong sum: negative, 0 or positive. 0 only for blocks with equal sums. */
static int compare(const sorter *s, entry a, entry b) {
    if (a.hash != b.hash)
        return a.hash < b.hash ? -1 : 1;
    return memcmp(rd__sums_strong(s->sums, a.block), rd__sums_strong(s->sums, b.block), s->sums->strong_len);
}

static void insertion_sort(const sorter *s, entry *entries, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const entry moved = entries[i];
        size_t at = i;
        for (; at > 0 && compare(s, entries[at - 1], moved) > 0; at--)
            entries[at] = entries[at - 1];
        entries[at] = moved;
    }
}

static void swap(entry *a, entry *b) {
    const entry old = *a;
    *a = *b;
    *b = old;
}

/* Xorshift (Marsaglia 2003): good enough to choose pivots that nobody can foresee without the seed. */
static uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Entries that are still to be sorted. */
typedef struct span {
    entry *entries;
    size_t count;
} span;

/*
 * Divides the entries into those less than a random one of them, those equal to it, and those greater. The shorter of
 * the outer parts is returned; *rest becomes the longer one.
 */
static span divide(sorter *s, span *rest) {
    entry *const entries = rest->entries;
    const entry pivot = entries[next_random(&s->random) % rest->count];
    size_t low = 0;
    size_t high = rest->count;
    for (size_t i = 0; i < high;) {
        const int order = compare(s, entries[i], pivot);
        if (order < 0)
            swap(&entries[low++], &entries[i++]);
        else if (order > 0)
            swap(&entries[--high], &entries[i]);
        else
            i++;
    }
    const span less = {entries, low};
    const span greater = {entries + high, rest->count - high};
    *rest = low < greater.count ? greater : less;
    return low < greater.count ? less : greater;
}

/* Three-way quicksort. Of two parts the shorter is sorted first, so as many as log2 of the count wait at a time. */
static void sort(sorter *s, span all) {
    span waiting[33];
    size_t depth = 0;
    waiting[depth++] = all;
    while (depth > 0) {
        span *const top = &waiting[depth - 1];
        if (top->count > INSERTION_SORT_MAX) {
            waiting[depth++] = divide(s, top);
        } else {
            insertion_sort(s, top->entries, top->count);
            depth--;
        }
    }
}

/* Keeps the lowest block of each run of equal ones, at the front, and returns how many that were. */
static size_t collapse(const sorter *s, span all) {
    size_t kept = 0;
    for (size_t i = 0; i < all.count; kept++) {
        entry first = all.entries[i];
        size_t end = i + 1;
        for (; end < all.count && compare(s, all.entries[end], all.entries[i]) == 0; end++)
            if (all.entries[end].block < first.block)
                first = all.entries[end];
        all.entries[kept] = first;
        i = end;
    }
    return kept;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

typedef struct builder {
    rd__index *index;
    const rd__sums *sums;
    rd_error *error;
    uint32_t random;
    uint32_t part_shift;   /* the part of a hash: hash >> part_shift */
    uint64_t part_count;   /* a power of two */
    uint64_t part_buckets; /* buckets of a part */
    uint64_t *bounds;      /* of the parts, in the entries */
    uint64_t fetched;      /* parts */
    uint32_t kept;         /* entries of the finished parts */
} builder;

/* A part while it is built. */
typedef struct part {
    uint64_t number;
    span entries;
    bool failed; /* out of memory */
} part;

/* Makes an entry of each block, part by part. Each bound moves from its part's begin to its end as that fills. */
static void part_entries(builder *b) {
    const rd__sums *const sums = b->sums;
    const rd__filter *const filter = &b->index->filter;
    for (uint64_t i = 0; i < sums->count; i++)
        b->bounds[((uint64_t)rd__filter_hash(filter, sums->weak[i]) >> b->part_shift) + 1]++;
    for (uint64_t i = 1; i <= b->part_count; i++)
        b->bounds[i] += b->bounds[i - 1];
    for (uint64_t i = 0; i < sums->count; i++) {
        const uint32_t hash = rd__filter_hash(filter, sums->weak[i]);
        b->index->entries[b->bounds[(uint64_t)hash >> b->part_shift]++] = (entry){.hash = hash, .block = (uint32_t)i};
    }
    memmove(b->bounds + 1, b->bounds, (size_t)b->part_count * sizeof *b->bounds);
    b->bounds[0] = 0;
}

/*
 * Sorts the entries into buckets, of which ends[k] becomes the end of the k-th: it counts them first, then it moves
 * from the bucket's begin to its end as that fills. scratch: as many entries.
 */
static void distribute(const builder *b, span all, uint32_t *ends, entry *scratch) {
    const uint32_t mask = (uint32_t)(b->part_buckets - 1);
    memset(ends, 0, (size_t)b->part_buckets * sizeof *ends);
    for (size_t i = 0; i < all.count; i++) {
        scratch[i] = all.entries[i];
        ends[(scratch[i].hash >> b->index->bucket_shift) & mask]++;
    }
    uint32_t begin = 0;
    for (uint64_t k = 0; k < b->part_buckets; k++) {
        const uint32_t count = ends[k];
        ends[k] = begin;
        begin += count;
    }
    for (size_t i = 0; i < all.count; i++)
        all.entries[ends[(scratch[i].hash >> b->index->bucket_shift) & mask]++] = scratch[i];
}

/* Sorts a part; `starts` is room for a number for each of its buckets. False: out of memory. */
static bool sort_part(const builder *b, const part *p, sorter *s, uint32_t *starts) {
    const span all = p->entries;
    if (all.count > SCRATCH_ENTRIES) {
        sort(s, all);
        return true;
    }
    entry *const scratch = rd__alloc_array(all.count, sizeof *scratch);
    if (!scratch)
        return false;
    distribute(b, all, starts, scratch);
    free(scratch);
    uint32_t begin = 0;
    for (uint64_t k = 0; k < b->part_buckets; k++) {
        sort(s, (span){all.entries + begin, starts[k] - begin});
        begin = starts[k];
    }
    return true;
}

/* Makes the directory of a sorted part, which counts from the part's begin, and its words of the filter. */
static void fill_part(const builder *b, const part *p, uint64_t first_bucket) {
    rd__index *const index = b->index;
    const span all = p->entries;
    size_t at = 0;
    for (uint64_t bucket = first_bucket; bucket < first_bucket + b->part_buckets; bucket++) {
        index->starts[bucket] = (uint32_t)at;
        while (at < all.count && all.entries[at].hash >> index->bucket_shift == bucket)
            at++;
    }
    for (size_t i = 0; i < all.count; i++)
        rd__filter_add(&index->filter, index->filter_words, all.entries[i].hash);
}

static void build_part(const void *context, void *slot) {
    const builder *const b = context;
    part *const p = slot;
    const uint64_t first_bucket = p->number * b->part_buckets;
    sorter s = {.sums = b->sums, .random = (b->random + (uint32_t)p->number) | 1};
    p->failed = !sort_part(b, p, &s, b->index->starts + first_bucket);
    if (p->failed)
        return;
    p->entries.count = collapse(&s, p->entries);
    fill_part(b, p, first_bucket);
}

static bool fetch_part(void *context, void *slot) {
    builder *const b = context;
    if (b->fetched == b->part_count)
        return false;
    const uint64_t begin = b->bounds[b->fetched];
    const span entries = {b->index->entries + begin, (size_t)(b->bounds[b->fetched + 1] - begin)};
    *(part *)slot = (part){.number = b->fetched++, .entries = entries};
    return true;
}

/* Puts the part behind the one before. */
static rd_result finish_part(void *context, void *slot) {
    builder *const b = context;
    const part *const p = slot;
    entry *const place = b->index->entries + b->kept;
    uint32_t *const starts = b->index->starts + p->number * b->part_buckets;
    if (p->failed)
        return rd__fail_memory(b->error);
    if (place != p->entries.entries)
        memmove(place, p->entries.entries, p->entries.count * sizeof *place);
    for (uint64_t k = 0; k < b->part_buckets; k++)
        starts[k] += b->kept;
    b->kept += (uint32_t)p->entries.count;
    return RD_OK;
}

static rd_result build_parts(builder *b, unsigned threads) {
    const size_t count = (size_t)rd__min_u64((uint64_t)threads * SLOTS_PER_THREAD, b->part_count);
    part *const parts = rd__alloc_array(count, sizeof *parts);
    void **const slots = rd__alloc_array(count, sizeof *slots);
    for (size_t i = 0; parts && slots && i < count; i++)
        slots[i] = &parts[i];
    const rd__pipeline pipeline = {.fetch = fetch_part,
                                   .work = build_part,
                                   .finish = finish_part,
                                   .context = b,
                                   .slots = slots,
                                   .slot_count = count,
                                   .threads = threads};
    const rd_result result = parts && slots ? rd__pipeline_run(&pipeline, b->error) : rd__fail_memory(b->error);
    free(slots);
    free(parts);
    return result;
}

/* ---- The index --------------------------------------------------------------------------------------------------- */

/* The least n with 2^n >= value, at most 32. */
static uint32_t log2_ceil(uint64_t value) {
    uint32_t n = 0;
    while (n < 32 && (uint64_t)1 << n < value)
        n++;
    return n;
}

/* log2 of the number of words in the filter. */
static uint32_t filter_words_log2(uint64_t blocks) {
    const uint64_t ample = rd__min_u64(blocks * FILTER_BITS_AMPLE + FILTER_BITS_MIN, FILTER_BITS_CACHED);
    const uint64_t least = blocks * FILTER_BITS_PER_BLOCK;
    const uint32_t log2 = log2_ceil((ample > least ? ample : least) / 32);
    return log2 < RD__FILTER_WORDS_LOG2_MAX ? log2 : RD__FILTER_WORDS_LOG2_MAX;
}

static bool allocate(rd__index *index, uint64_t blocks, uint64_t buckets, uint64_t words) {
    index->starts = rd__alloc_array(buckets + 1, sizeof *index->starts);
    index->entries = rd__alloc_array(blocks, sizeof *index->entries);
    index->filter_words = rd__alloc_zeroed(words, sizeof *index->filter_words);
    return index->starts && index->entries && index->filter_words;
}

rd_result rd__index_build(rd__index *index, const rd__sums *sums, unsigned threads, rd_error *error) {
    const uint32_t bucket_bits = log2_ceil(sums->count / (2 * (uint64_t)BLOCKS_PER_BUCKET) + 2);
    const uint32_t part_bits = bucket_bits <= PART_BUCKETS_LOG2                   ? 0
                               : bucket_bits - PART_BUCKETS_LOG2 < PARTS_LOG2_MAX ? bucket_bits - PART_BUCKETS_LOG2
                                                                                  : PARTS_LOG2_MAX;
    const uint32_t words_log2 = filter_words_log2(sums->count);
    const uint64_t buckets = (uint64_t)1 << bucket_bits;
    builder b = {
        .index = index, .sums = sums, .error = error, .random = rd__random_u32(), .part_shift = 32 - part_bits};
    b.part_count = (uint64_t)1 << part_bits;
    b.part_buckets = buckets >> part_bits;
    b.bounds = rd__alloc_zeroed(b.part_count + 1, sizeof *b.bounds);
    *index = (rd__index){.bucket_shift = 32 - bucket_bits};
    rd_result result = RD_E_MEMORY;
    if (allocate(index, sums->count, buckets, (uint64_t)1 << words_log2) && b.bounds) {
        index->filter =
            (rd__filter){.words = index->filter_words, .key = rd__random_u32() | 1, .shift = 32 - words_log2};
        part_entries(&b);
        result = build_parts(&b, threads);
        index->starts[buckets] = b.kept;
    } else {
        rd__fail_memory(error);
    }
    free(b.bounds);
    if (result != RD_OK)
        rd__index_free(index);
    return result;
}
