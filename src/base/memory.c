/* See memory.h. */
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

/* The size of an array: at least 1, so that NULL always means failure; 0 if it does not fit a size_t. */
static size_t memory_array_bytes(uint64_t count, size_t size) {
    assert(size > 0);
    if (count == 0)
        return 1;
    return count > SIZE_MAX / size ? 0 : (size_t)count * size;
}

void *rd__alloc_array(uint64_t count, size_t size) {
    const size_t bytes = memory_array_bytes(count, size);
    return bytes ? malloc(bytes) : NULL;
}

void *rd__alloc_zeroed(uint64_t count, size_t size) {
    const size_t bytes = memory_array_bytes(count, size);
    return bytes ? calloc(1, bytes) : NULL;
}

enum { CACHE_LINE = 64 };

/* Before the buffer stands what malloc returned. */
void *rd__alloc_buffer(uint64_t count, size_t size) {
    const size_t bytes = memory_array_bytes(count, size);
    const size_t extra = sizeof(void *) + CACHE_LINE - 1;
    uint8_t *const allocated = bytes && bytes <= SIZE_MAX - extra ? malloc(bytes + extra) : NULL;
    if (!allocated)
        return NULL;
    uint8_t *const earliest = allocated + sizeof(void *);
    void **const buffer = (void *)(earliest + (size_t)(-(uintptr_t)earliest % CACHE_LINE));
    buffer[-1] = allocated;
    return buffer;
}

void rd__free_buffer(void *buffer) {
    if (buffer)
        free(((void **)buffer)[-1]);
}

void *rd__resize_array(void *array, uint64_t count, size_t size) {
    const size_t bytes = memory_array_bytes(count, size);
    return bytes ? realloc(array, bytes) : NULL;
}
