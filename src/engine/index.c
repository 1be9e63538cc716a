/*
 * Building and searching the index. See index.h for its shape.
 *
 * Built by a counting sort into buckets, in block order, then by a sort within each bucket. Most buckets have a handful
 * of blocks and take an insertion sort. A bucket is large only when many blocks have one weak sum: many equal blocks,
 * which a three-way quicksort gathers in one pass, or an attack, against which its pivots are random.
 */
#include "engine/index.h"

#include "base/memory.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILTER_BITS_PER_BLOCK = 12, /* at least, and less than twice as many: 1 in 40 to 150 of unmatched positions pass */
    FILTER_BITS_AMPLE = 64,     /* a block, as long as the filter then stays in cache: 1 in 500 */
    FILTER_BITS_CACHED = 2 * 1024 * 1024, /* 256 KiB: a quarter of a second-level cache */
    FILTER_BITS_MIN = 4096,
    BLOCKS_PER_BUCKET = 4, /* at least, and at most twice as many */
    INSERTION_SORT_MAX = 16
};

/* What the sort needs at hand. */
typedef struct sorter {
    const rd__sums *sums;
    uint32_t key;
    uint32_t random;
} sorter;

/* Orders blocks by hash, then strong sum: negative, 0 or positive. 0 only for blocks with equal sums. */
static int compare(const sorter *s, uint32_t a, uint32_t b) {
    const uint32_t hash_a = s->sums->weak[a] * s->key;
    const uint32_t hash_b = s->sums->weak[b] * s->key;
    if (hash_a != hash_b)
        return hash_a < hash_b ? -1 : 1;
    return memcmp(rd__sums_strong(s->sums, a), rd__sums_strong(s->sums, b), s->sums->strong_len);
}

static void insertion_sort(const sorter *s, uint32_t *blocks, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const uint32_t block = blocks[i];
        size_t at = i;
        for (; at > 0 && compare(s, blocks[at - 1], block) > 0; at--)
            blocks[at] = blocks[at - 1];
        blocks[at] = block;
    }
}

static void swap(uint32_t *a, uint32_t *b) {
    const uint32_t old = *a;
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

/* Blocks that are still to be sorted. */
typedef struct span {
    uint32_t *blocks;
    size_t count;
} span;

/*
 * Divides the blocks into those less than a random one of them, those equal to it, and those greater. The shorter of
 * the outer parts is returned; *rest becomes the longer one.
 */
static span divide(sorter *s, span *rest) {
    uint32_t *const blocks = rest->blocks;
    const uint32_t pivot = blocks[next_random(&s->random) % rest->count];
    size_t low = 0;
    size_t high = rest->count;
    for (size_t i = 0; i < high;) {
        const int order = compare(s, blocks[i], pivot);
        if (order < 0)
            swap(&blocks[low++], &blocks[i++]);
        else if (order > 0)
            swap(&blocks[--high], &blocks[i]);
        else
            i++;
    }
    const span less = {blocks, low};
    const span greater = {blocks + high, rest->count - high};
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
            insertion_sort(s, top->blocks, top->count);
            depth--;
        }
    }
}

/* Keeps the lowest block of each run of equal ones, at `out`, and returns how many that were. */
static size_t collapse(const sorter *s, const uint32_t *blocks, size_t count, uint32_t *out) {
    size_t kept = 0;
    for (size_t i = 0; i < count; kept++) {
        uint32_t first = blocks[i];
        size_t end = i + 1;
        for (; end < count && compare(s, blocks[end], blocks[i]) == 0; end++)
            first = blocks[end] < first ? blocks[end] : first;
        out[kept] = first;
        i = end;
    }
    return kept;
}

/* The least n with 2^n >= value, at most 32. */
static uint32_t log2_ceil(uint64_t value) {
    uint32_t n = 0;
    while (n < 32 && (uint64_t)1 << n < value)
        n++;
    return n;
}

/* The buckets' sizes, then where each begins in block order, one place further on: see place_blocks. */
static void count_buckets(rd__index *index, const rd__sums *sums, uint32_t key, uint64_t buckets) {
    for (uint64_t i = 0; i < sums->count; i++)
        index->starts[((sums->weak[i] * key) >> index->bucket_shift) + 1]++;
    for (uint64_t i = 1; i <= buckets; i++)
        index->starts[i] += index->starts[i - 1];
}

/*
 * Puts each block into its bucket. starts[b] moves from the bucket's begin to its end as it fills; since its end is
 * where the next one began, shifting the array by one place makes them begins again.
 */
static void place_blocks(rd__index *index, const rd__sums *sums, uint32_t key, uint64_t buckets) {
    for (uint64_t i = 0; i < sums->count; i++)
        index->blocks[index->starts[(sums->weak[i] * key) >> index->bucket_shift]++] = (uint32_t)i;
    memmove(index->starts + 1, index->starts, (size_t)buckets * sizeof *index->starts);
    index->starts[0] = 0;
}

/* Sorts each bucket, drops repeated blocks, and closes the gaps. */
static void sort_buckets(rd__index *index, sorter *s, uint64_t buckets) {
    uint32_t out = 0;
    for (uint64_t b = 0; b < buckets; b++) {
        uint32_t *const bucket = index->blocks + index->starts[b];
        const size_t count = index->starts[b + 1] - index->starts[b];
        sort(s, (span){bucket, count});
        index->starts[b] = out;
        out += (uint32_t)collapse(s, bucket, count, index->blocks + out);
    }
    index->starts[buckets] = out;
}

static void fill_lookups(rd__index *index, const sorter *s, uint64_t entries) {
    for (uint64_t i = 0; i < entries; i++) {
        const uint32_t weak = s->sums->weak[index->blocks[i]];
        index->hashes[i] = weak * s->key;
        index->filter_words[rd__filter_word(&index->filter, weak)] |= rd__filter_bits(&index->filter, weak);
    }
}

/* log2 of the number of words in the filter. */
static uint32_t filter_words_log2(uint64_t blocks) {
    const uint64_t ample = rd__min_u64(blocks * FILTER_BITS_AMPLE + FILTER_BITS_MIN, FILTER_BITS_CACHED);
    const uint64_t least = blocks * FILTER_BITS_PER_BLOCK;
    const uint32_t log2 = log2_ceil((ample > least ? ample : least) / 32);
    return log2 < RD__FILTER_WORDS_LOG2_MAX ? log2 : RD__FILTER_WORDS_LOG2_MAX;
}

bool rd__index_build(rd__index *index, const rd__sums *sums) {
    const uint32_t bucket_bits = log2_ceil(sums->count / (2 * (uint64_t)BLOCKS_PER_BUCKET) + 2);
    const uint32_t words_log2 = filter_words_log2(sums->count);
    const uint64_t buckets = (uint64_t)1 << bucket_bits;
    *index = (rd__index){.bucket_shift = 32 - bucket_bits};
    index->starts = rd__alloc_zeroed(buckets + 1, sizeof *index->starts);
    index->blocks = rd__alloc_array(sums->count, sizeof *index->blocks);
    index->hashes = rd__alloc_array(sums->count, sizeof *index->hashes);
    index->filter_words = rd__alloc_zeroed((uint64_t)1 << words_log2, sizeof *index->filter_words);
    if (!index->starts || !index->blocks || !index->hashes || !index->filter_words) {
        rd__index_free(index);
        return false;
    }
    sorter s = {.sums = sums, .key = rd__random_u32() | 1, .random = rd__random_u32() | 1};
    index->filter = (rd__filter){.words = index->filter_words, .key = s.key, .shift = 32 - words_log2};
    count_buckets(index, sums, s.key, buckets);
    place_blocks(index, sums, s.key, buckets);
    sort_buckets(index, &s, buckets);
    fill_lookups(index, &s, index->starts[buckets]);
    return true;
}

void rd__index_free(rd__index *index) {
    free(index->starts);
    free(index->blocks);
    free(index->hashes);
    free(index->filter_words);
    *index = (rd__index){0};
}

void rd__index_prefetch_bucket(const rd__index *index, uint32_t weak) {
    __builtin_prefetch(&index->starts[(weak * index->filter.key) >> index->bucket_shift]);
}

void rd__index_prefetch_hashes(const rd__index *index, uint32_t weak) {
    __builtin_prefetch(&index->hashes[index->starts[(weak * index->filter.key) >> index->bucket_shift]]);
}

/* The first entry in [first, end) whose hash is at least `hash`. */
static uint32_t lower_bound(const rd__index *index, uint32_t first, uint32_t end, uint32_t hash) {
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        if (index->hashes[middle] < hash)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

bool rd__index_find_weak(const rd__index *index, uint32_t weak, rd__index_range *range) {
    const uint32_t hash = weak * index->filter.key;
    const uint32_t bucket = hash >> index->bucket_shift;
    const uint32_t end = index->starts[bucket + 1];
    const uint32_t first = lower_bound(index, index->starts[bucket], end, hash);
    if (first == end || index->hashes[first] != hash)
        return false;
    const bool alone = first + 1 == end || index->hashes[first + 1] != hash;
    range->first = first;
    range->end = alone ? first + 1 : hash == UINT32_MAX ? end : lower_bound(index, first, end, hash + 1);
    return true;
}

bool rd__index_find_strong(const rd__index *index, const rd__sums *sums, const rd__index_range *range,
                           const uint8_t *strong, uint32_t *block) {
    uint32_t first = range->first;
    uint32_t end = range->end;
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        const int order = memcmp(rd__sums_strong(sums, index->blocks[middle]), strong, sums->strong_len);
        if (order == 0) {
            *block = index->blocks[middle];
            return true;
        }
        if (order < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return false;
}
