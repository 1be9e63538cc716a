/* See match_index.h. */
#include "engine/match_index.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

/*
 * The stride starts at STRIDE_MIN and doubles, first while there would be more than KEYS_EAGER keys, up to
 * STRIDE_USUAL, so that small files get a fine grid and large ones do not take long; then while the keys do not fit
 * into the memory. On 1.4 GB of Linux's source, a stride of 64 instead of 32 makes the delta 4 % larger, one of 128 13
 * %.
 */
enum { STRIDE_MIN = 4, STRIDE_USUAL = 32, KEYS_EAGER = 2 << 20, BUCKET_BITS_MIN = 10, POSITION_BITS_MAX = 28 };

static uint64_t match_index_keys(uint64_t old_size, uint64_t stride) {
    return old_size / stride + 1;
}

/* The most buckets that fit, a power of two. */
static unsigned match_index_room(uint64_t memory) {
    unsigned bits = BUCKET_BITS_MIN;
    while (bits < POSITION_BITS_MAX && memory >> (bits + 1) >= sizeof(uint64_t))
        bits++;
    return bits;
}

bool rd__match_index_init(rd__match_index *index, uint64_t old_size, uint64_t memory) {
    const unsigned room = match_index_room(memory);
    *index = (rd__match_index){.old_size = old_size, .stride = STRIDE_MIN};
    while (index->stride < STRIDE_USUAL && match_index_keys(old_size, index->stride) > KEYS_EAGER)
        index->stride *= 2;
    /*
     * Of two entries a bucket, two thirds may be taken. One key in seven then has no place; with twice the memory it
     * would be one in fifty, and deltas would be less than 1 % smaller.
     */
    while (match_index_keys(old_size, index->stride) > (UINT64_C(4) << room) / 3)
        index->stride *= 2;
    const uint64_t keys = match_index_keys(old_size, index->stride);
    unsigned bits = BUCKET_BITS_MIN;
    while (bits < room && (UINT64_C(4) << bits) / 3 < keys)
        bits++;
    unsigned position_bits = 1;
    while (keys >> position_bits > 0)
        position_bits++;
    assert(position_bits < 32);
    index->bucket_bits = bits;
    index->tag_bits = 32 - position_bits;
    index->buckets = rd__alloc_table(UINT64_C(1) << bits, sizeof *index->buckets);
    return index->buckets != NULL;
}

/* Keeps the two lowest entries of the bucket, the greatest complements. */
static void match_index_put(_Atomic(uint64_t) *bucket, uint32_t entry) {
    const uint32_t complement = ~entry;
    uint64_t old = atomic_load_explicit(bucket, memory_order_relaxed);
    uint64_t wanted;
    do {
        const uint32_t first = (uint32_t)(old >> 32);
        const uint32_t second = (uint32_t)old;
        if (complement <= second)
            return;
        wanted = complement > first ? (uint64_t)complement << 32 | first : (uint64_t)first << 32 | complement;
    } while (!atomic_compare_exchange_weak_explicit(bucket, &old, wanted, memory_order_relaxed, memory_order_relaxed));
}

/*
 * From one key in a segment to the next. The stride of a file of some TB with little memory may be 2^32, which is no
 * size_t of 32 bits; what leads out of the segment is as good. A power of two as well.
 */
static size_t match_index_step(const rd__match_index *index) {
    return (size_t)rd__min_u64(index->stride, UINT64_C(1) << 31);
}

/*
 * Notes the run around the key at `at`, with the last bytes before it, so that the grid hides none. Returns where the
 * next key starts that is not all of this run.
 */
static size_t match_index_note_run(const rd__match_index *index, const uint8_t *data, size_t size, size_t at,
                                   uint64_t offset, rd__match_runs *runs) {
    const size_t stride = match_index_step(index);
    const uint8_t value = data[at];
    size_t start = at;
    size_t end = at;
    while (start > 0 && at - start < stride && data[start - 1] == value)
        start--;
    while (end < size && data[end] == value)
        end++;
    const rd__match_run run = {.offset = offset + start, .length = end - start, .value = value};
    if (run.length > runs->longest[value].length)
        runs->longest[value] = run;
    if (start == 0)
        runs->first = run;
    if (end == size && run.length > runs->last.length) /* keys that reach into the next segment find its end again */
        runs->last = run;
    const size_t length = end - at; /* at least that of a key, unless the segment ends within it */
    const size_t keys = length < RD__MATCH_KEY ? 1 : length - RD__MATCH_KEY + 1;
    return at + ((keys + stride - 1) & ~(stride - 1)); /* a stride is a power of two */
}

void rd__match_index_add(const rd__match_index *index, const uint8_t *data, size_t size, size_t available,
                         uint64_t offset, rd__match_runs *runs) {
    enum { BATCH = 96 };
    const uint32_t mask = (UINT32_C(1) << index->tag_bits) - 1;
    const size_t stride = match_index_step(index);
    const uint64_t first = (index->stride - offset % index->stride) % index->stride;
    const size_t end = available < RD__MATCH_KEY ? 0 : rd__min_size(size, available - RD__MATCH_KEY + 1);
    assert(available >= size && size <= UINT32_MAX / 2);
    *runs = (rd__match_runs){.first.length = 0};
    for (size_t at = (size_t)rd__min_u64(first, end); at < end;) {
        /* The buckets lie anywhere in memory: those of a batch are fetched at once. */
        _Atomic(uint64_t) *buckets[BATCH];
        uint32_t entries[BATCH];
        size_t count = 0;
        while (count < BATCH && at < end) {
            if (rd__match_is_run(data + at)) {
                at = match_index_note_run(index, data, size, at, offset, runs);
                continue;
            }
            const uint64_t hash = rd__match_hash(data + at);
            buckets[count] = &index->buckets[hash >> (64 - index->bucket_bits)];
            __builtin_prefetch((const void *)buckets[count], 1);
            entries[count++] = (uint32_t)((offset + at) / index->stride) << index->tag_bits | ((uint32_t)hash & mask);
            at += stride;
        }
        for (size_t i = 0; i < count; i++)
            match_index_put(buckets[i], entries[i]);
    }
}

static void match_index_add_run(rd__match_index *index, const rd__match_run *run) {
    if (run->length > index->longest[run->value].length)
        index->longest[run->value] = *run;
}

void rd__match_index_add_runs(rd__match_index *index, const rd__match_runs *runs, uint64_t end) {
    rd__match_run *const open = &index->open;
    const rd__match_run *const first = &runs->first;
    const bool joins = open->length > 0 && first->length > 0 && open->value == first->value &&
                       open->offset + open->length == first->offset;
    if (joins)
        open->length += first->length;
    match_index_add_run(index, joins ? open : first);
    for (size_t value = 0; value < sizeof runs->longest / sizeof *runs->longest; value++)
        match_index_add_run(index, &runs->longest[value]);
    if (!joins || open->offset + open->length < end)
        *open = runs->last;
}

void rd__match_index_free(rd__match_index *index) {
    rd__free_table((void *)index->buckets);
    index->buckets = NULL;
}
