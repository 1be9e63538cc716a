/* Searching the index. See index.h for its shape. */
#include "engine/index.h"

#include <stdlib.h>
#include <string.h>

void rd__index_free(rd__index *index) {
    free(index->starts);
    free(index->entries);
    free(index->filter_words);
    *index = (rd__index){0};
}

uint64_t rd__index_count(const rd__index *index) {
    return index->starts[(uint64_t)1 << (32 - index->bucket_shift)];
}

void rd__index_prefetch_bucket(const rd__index *index, uint32_t weak) {
    __builtin_prefetch(&index->starts[rd__filter_hash(&index->filter, weak) >> index->bucket_shift]);
}

void rd__index_prefetch_entries(const rd__index *index, uint32_t weak) {
    __builtin_prefetch(&index->entries[index->starts[rd__filter_hash(&index->filter, weak) >> index->bucket_shift]]);
}

/* The first entry in [first, end) whose hash is at least `hash`. */
static uint32_t index_lower_bound(const rd__index *index, uint32_t first, uint32_t end, uint32_t hash) {
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        if (index->entries[middle].hash < hash)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

bool rd__index_find_weak(const rd__index *index, uint32_t weak, rd__index_range *range) {
    const uint32_t hash = rd__filter_hash(&index->filter, weak);
    const uint32_t bucket = hash >> index->bucket_shift;
    const uint32_t end = index->starts[bucket + 1];
    const uint32_t first = index_lower_bound(index, index->starts[bucket], end, hash);
    if (first == end || index->entries[first].hash != hash)
        return false;
    const bool alone = first + 1 == end || index->entries[first + 1].hash != hash;
    range->first = first;
    range->end = alone ? first + 1 : hash == UINT32_MAX ? end : index_lower_bound(index, first, end, hash + 1);
    return true;
}

bool rd__index_find_strong(const rd__index *index, const rd__sums *sums, const rd__index_range *range,
                           const uint8_t *strong, uint32_t *block) {
    uint32_t first = range->first;
    uint32_t end = range->end;
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        const int order = memcmp(rd__sums_strong(sums, index->entries[middle].block), strong, sums->strong_len);
        if (order == 0) {
            *block = index->entries[middle].block;
            return true;
        }
        if (order < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return false;
}
