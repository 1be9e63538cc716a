/*
 * Bytes that are added to at the end, in memory that grows with them. A failure to grow is noted, so that who adds many
 * small pieces asks once, at the end.
 */
#ifndef RD_BASE_GROWING_H
#define RD_BASE_GROWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: no bytes. */
typedef struct rd__growing {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed; /* there was no memory for something that was added */
} rd__growing;

/* Makes room for `size` more bytes. False: out of memory, and noted. */
bool rd__growing_reserve(rd__growing *growing, size_t size);
/* `size` more bytes, not initialised, or NULL: out of memory. */
uint8_t *rd__growing_add(rd__growing *growing, size_t size);
void rd__growing_put(rd__growing *growing, const void *data, size_t size);
/* Forgets the bytes, and keeps the memory. */
void rd__growing_clear(rd__growing *growing);
void rd__growing_free(rd__growing *growing);

static inline void rd__growing_put_byte(rd__growing *growing, uint8_t byte) {
    if (growing->size < growing->capacity || rd__growing_reserve(growing, 1))
        growing->data[growing->size++] = byte;
}

#endif
