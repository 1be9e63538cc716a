/*
 * Integers in memory, in either byte order, at any alignment. Those of a fixed width compile to one load or store, with
 * a byte swap where the machine needs it. And what else is done with bits and bytes in more than one room.
 */
#ifndef RD_BASE_BYTES_H
#define RD_BASE_BYTES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t rd__load_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void rd__store_be32(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

static inline uint16_t rd__load_le16(const uint8_t *p) {
    return (uint16_t)(p[1] << 8 | p[0]);
}

static inline void rd__store_le16(uint8_t *p, uint16_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline uint32_t rd__load_le32(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void rd__store_le32(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
    p[3] = (uint8_t)(value >> 24);
}

static inline uint64_t rd__load_le64(const uint8_t *p) {
    return (uint64_t)rd__load_le32(p + 4) << 32 | rd__load_le32(p);
}

static inline void rd__store_le64(uint8_t *p, uint64_t value) {
    rd__store_le32(p, (uint32_t)value);
    rd__store_le32(p + 4, (uint32_t)(value >> 32));
}

/* A big-endian integer of `width` bytes, at most 8; of none, 0. */
static inline uint64_t rd__load_be(const uint8_t *p, size_t width) {
    uint64_t value = 0;
    assert(width <= 8);
    for (size_t i = 0; i < width; i++)
        value = value << 8 | p[i];
    return value;
}

/* The value must fit in `width` bytes. */
static inline void rd__store_be(uint8_t *p, size_t width, uint64_t value) {
    assert(width >= 1 && width <= 8 && (width == 8 || value >> 8 * width == 0));
    for (size_t i = width; i-- > 0; value >>= 8)
        p[i] = (uint8_t)value;
}

/* Are all of these bytes 0? Where they are not, the first ones mostly tell. */
static inline bool rd__is_zeros(const uint8_t *data, size_t size) {
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* The least n with 2^n >= value, at most 63. */
static inline unsigned rd__log2_above(uint64_t value) {
    unsigned log2 = 0;
    while (log2 < 63 && (uint64_t)1 << log2 < value)
        log2++;
    return log2;
}

#endif
