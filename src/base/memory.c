/* See memory.h. */
#define _DEFAULT_SOURCE
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

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

/* Before a buffer stands what malloc returned, and the size. */
typedef struct memory_head {
    void *allocated;
    size_t size;
} memory_head;

void *rd__alloc_buffer(uint64_t count, size_t size) {
    const size_t bytes = memory_array_bytes(count, size);
    const size_t extra = sizeof(memory_head) + CACHE_LINE - 1;
    uint8_t *const allocated = bytes && bytes <= SIZE_MAX - extra ? malloc(bytes + extra) : NULL;
    if (!allocated)
        return NULL;
    uint8_t *const earliest = allocated + sizeof(memory_head);
    uint8_t *const buffer = earliest + (size_t)(-(uintptr_t)earliest % CACHE_LINE);
    ((memory_head *)(void *)buffer)[-1] = (memory_head){.allocated = allocated, .size = bytes};
    return buffer;
}

size_t rd__buffer_size(const void *buffer) {
    return ((const memory_head *)buffer)[-1].size;
}

void rd__free_buffer(void *buffer) {
    if (buffer)
        free(((memory_head *)buffer)[-1].allocated);
}

enum { LARGE_PAGE = 2 * 1024 * 1024 };

/* Before a table stands what calloc returned, which has touched nothing of so large an allocation. */
void *rd__alloc_table(uint64_t count, size_t size) {
    const size_t bytes = memory_array_bytes(count, size);
    const size_t alignment = bytes < LARGE_PAGE ? (size_t)CACHE_LINE : (size_t)LARGE_PAGE;
    const size_t extra = sizeof(void *) + alignment - 1;
    uint8_t *const allocated = bytes && bytes <= SIZE_MAX - extra ? calloc(bytes + extra, 1) : NULL;
    if (!allocated)
        return NULL;
    uint8_t *const earliest = allocated + sizeof(void *);
    uint8_t *const table = earliest + (size_t)(-(uintptr_t)earliest % alignment);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= LARGE_PAGE)
        (void)madvise(table, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE); /* or else it is only slower */
#endif
    ((void **)(void *)table)[-1] = allocated;
    return table;
}

void rd__free_table(void *table) {
    if (table)
        free(((void **)table)[-1]);
}

void *rd__resize_array(void *array, uint64_t count, size_t size) {
    const size_t bytes = memory_array_bytes(count, size);
    return bytes ? realloc(array, bytes) : NULL;
}
