/*
 * A column of numbers, as two strings of bytes: the heads, one byte for each number, with its lowest seven bits, and
 * the highest bit set if there is more; and the tails, the rest of those that have more, in groups of seven bits from
 * the lowest up, the highest bit set in all but the last. Apart, either compresses better than in one.
 */
#ifndef RD_FORMAT_NUMBERS_H
#define RD_FORMAT_NUMBERS_H

#include "base/growing.h"

/* The most bytes that the tail of a number takes. */
enum { RD__NUMBER_TAIL_MAX = 9 };

/* Numbers that are read one after the other. */
typedef struct rd__numbers {
    const uint8_t *heads;
    const uint8_t *heads_end;
    const uint8_t *tails;
    const uint8_t *tails_end;
} rd__numbers;

/* Adds a number in groups of seven bits. */
void rd__number_put(rd__growing *bytes, uint64_t value);
/* Takes such a number from *from, which moves on. False: there is none, or it has more than 64 bits. */
bool rd__number_get(const uint8_t **from, const uint8_t *end, uint64_t *value);

/* Adds a number to a column. */
void rd__numbers_put(rd__growing *heads, rd__growing *tails, uint64_t value);
/* The next number. False: there is none, or its tail is cut short or too long. */
bool rd__numbers_next(rd__numbers *numbers, uint64_t *value);

/* A difference of two numbers modulo 2^64 as a number that is small if either is: 0, -1, 1, -2, ... */
static inline uint64_t rd__zigzag(uint64_t difference) {
    return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t rd__unzigzag(uint64_t value) {
    return value >> 1 ^ (0 - (value & 1));
}

#endif
