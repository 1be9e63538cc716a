/* See growing.h. */
#include "base/growing.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 };

bool rd__growing_reserve(rd__growing *growing, size_t size) {
    if (size <= growing->capacity - growing->size)
        return true;
    size_t capacity = growing->capacity > 0 ? growing->capacity : SMALLEST;
    while (capacity - growing->size < size && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    uint8_t *const data = capacity - growing->size < size ? NULL : rd__resize_array(growing->data, capacity, 1);
    if (!data) {
        growing->failed = true;
        return false;
    }
    growing->data = data;
    growing->capacity = capacity;
    return true;
}

uint8_t *rd__growing_add(rd__growing *growing, size_t size) {
    if (!rd__growing_reserve(growing, size > 0 ? size : 1))
        return NULL;
    uint8_t *const added = growing->data + growing->size;
    growing->size += size;
    return added;
}

void rd__growing_put(rd__growing *growing, const void *data, size_t size) {
    uint8_t *const to = size > 0 ? rd__growing_add(growing, size) : NULL;
    if (to)
        memcpy(to, data, size);
}

void rd__growing_clear(rd__growing *growing) {
    growing->size = 0;
    growing->failed = false;
}

void rd__growing_free(rd__growing *growing) {
    free(growing->data);
    *growing = (rd__growing){0};
}
