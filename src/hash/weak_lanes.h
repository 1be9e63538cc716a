/*
 * Both weak sums in vectors of 32-bit words. A template: included once by each file that implements it for an
 * instruction set, after one of words32_*.h, which defines its operations. It defines
 *
 *     rabinkarp_update_lanes, rollsum_update_lanes      as rd__weak_update_fn
 *     rabinkarp_seek_lanes, rollsum_seek_lanes          as rd__seek_fn, with or without gathers
 *
 * The sum of a block is a dot product. Lane j takes the bytes j, j + LANES, j + 2 LANES, ... For RabinKarp each lane is
 * a Horner scheme of its own with the step m^LANES (with four vectors in turn, m^(4 LANES)), and the lanes are weighted
 * at the end. For rollsum, s2 counts each byte once for itself and once for each byte after it: the bytes of later rows
 * are counted by adding s1 to s2 row by row, and those of its own row at the end.
 *
 * Rolling obeys a linear recurrence, h[i + 1] = h[i] m + c[i], where c[i] depends only on the bytes that enter and
 * leave. So LANES positions are rolled at once: m is odd, thus has an inverse mod 2^32, and
 *
 *     h[i + 1] = m^(i + 1) (h[0] + c[0] m^-1 + c[1] m^-2 + ... + c[i] m^-(i + 1))
 *
 * where the sum in the parentheses is a prefix sum over the lanes, made in log2 LANES steps: x[i] += x[i - k] for k =
 * 1, 2, 4, ... A row of four vectors is rolled from the same h[0], so that the powers go on from one vector to the
 * next, which then waits for an addition only, and for a multiplication once a row. Rollsum is the same with m = 1,
 * twice.
 *
 * A tile of positions is rolled first. Its result is not the sums but their hashes, by which the filter is searched.
 * Then the words of the filter are read one by one, which is faster than gathering them on many processors, each into
 * its lane of a vector that stays in a register: words stored to memory and loaded as a vector would have to be waited
 * for. Where the includer defines GATHER_WORDS, they can be gathered as well.
 */
#include "base/memory.h"
#include "hash/kernels.h"
#include "hash/rabinkarp.h"
#include "hash/rollsum.h"

#include <assert.h>

enum { WEAK_TILE = 128, WEAK_ROW = 4 * LANES };

#if defined(GATHER_WORDS)
#define WORDS_AT(gathers, words, x, shift) ((gathers) ? GATHER_WORDS(words, x, shift) : READ_WORDS(words, x, shift))
#else
#define WORDS_AT(gathers, words, x, shift) ((void)(gathers), READ_WORDS(words, x, shift))
#endif

/* ---- Sums of blocks --------------------------------------------------------------------------------------------- */

/* The sum of the lanes, each times a weight. */
TARGET static uint32_t weak_lanes_weigh(WORD word, const uint32_t weights[LANES]) {
    uint32_t lanes[LANES];
    uint32_t sum = 0;
    STORE(lanes, MULTIPLY(word, LOAD(weights)));
    for (size_t i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
}

/* The sum so far enters as if it were the last byte of a row before the first. */
TARGET static uint32_t rabinkarp_update_lanes(uint32_t sum, const uint8_t *data, size_t size) {
    if (size < WEAK_ROW)
        return rd__rabinkarp_update_portable(sum, data, size);
    const uint32_t *const weights = rd__rabinkarp_powers + RD__RABINKARP_POWERS - WEAK_ROW;
    const WORD step = SET(weights[0] * RD__RABINKARP_MULTIPLIER);
    uint32_t first[LANES] = {0};
    first[LANES - 1] = sum;
    WORD a = SET(0), b = SET(0), c = SET(0), d = LOAD(first);
    for (; size >= WEAK_ROW; size -= WEAK_ROW, data += WEAK_ROW) {
        a = ADD(MULTIPLY(a, step), LOAD_BYTES(data));
        b = ADD(MULTIPLY(b, step), LOAD_BYTES(data + LANES));
        c = ADD(MULTIPLY(c, step), LOAD_BYTES(data + (size_t)2 * LANES));
        d = ADD(MULTIPLY(d, step), LOAD_BYTES(data + (size_t)3 * LANES));
    }
    const uint32_t whole = weak_lanes_weigh(a, weights) + weak_lanes_weigh(b, weights + LANES) +
                           weak_lanes_weigh(c, weights + (size_t)2 * LANES) +
                           weak_lanes_weigh(d, weights + (size_t)3 * LANES);
    return rd__rabinkarp_update_portable(whole, data, size);
}

TARGET static uint32_t rollsum_update_lanes(uint32_t sum, const uint8_t *data, size_t size) {
    uint32_t ones[LANES];
    uint32_t suffixes[LANES]; /* bytes from lane i to the end of the row, its own included */
    for (size_t i = 0; i < LANES; i++) {
        ones[i] = 1;
        suffixes[i] = (uint32_t)(LANES - i);
    }
    const size_t rows = size / LANES;
    const uint32_t n = (uint32_t)(rows * LANES);
    WORD s1 = SET(0), s2 = SET(0);
    for (size_t i = 0; i < rows; i++, data += LANES) {
        s2 = ADD(s2, s1);
        s1 = ADD(s1, LOAD_BYTES(data));
    }
    const uint32_t before = sum & 0xffff;
    const uint32_t sum1 = before + weak_lanes_weigh(s1, ones) + n * RD__ROLLSUM_OFFSET;
    const uint32_t sum2 = (sum >> 16) + n * before + LANES * weak_lanes_weigh(s2, ones) +
                          weak_lanes_weigh(s1, suffixes) + RD__ROLLSUM_OFFSET * rd__rollsum_triangle(n);
    return rd__rollsum_update_portable(rd__rollsum_join(sum1, sum2), data, size % LANES);
}

/* ---- The filter -------------------------------------------------------------------------------------------------- */

/* 2^n in each lane, where n is the five bits of x from bit `shift` up. */
TARGET static inline WORD weak_lanes_bit_at(WORD x, uint32_t shift) {
    return BITS_AT(AND(SHIFT_RIGHT(x, shift), SET(31)));
}

/*
 * Writes the positions of a tile of hashes that pass the filter to `hits`, and returns their number. The first hash is
 * that of position `at`.
 */
TARGET static inline size_t weak_lanes_filter_tile(const rd__filter *filter, bool gathers, uint32_t unhash,
                                                   const uint32_t *hashes, size_t positions, size_t at, rd__hit *hits) {
    size_t count = 0;
    for (size_t i = 0; i < positions; i += LANES) {
        const WORD x = LOAD(hashes + i);
        const WORD bits = OR(weak_lanes_bit_at(x, filter->shift - 5), weak_lanes_bit_at(x, filter->shift - 10));
        const WORD words = WORDS_AT(gathers, filter->words, hashes + i, filter->shift);
        for (uint32_t passed = LANES_WITH_ALL(words, bits); passed != 0; passed &= passed - 1) {
            const size_t lane = i + (size_t)__builtin_ctz(passed);
            hits[count++] = (rd__hit){.at = (uint32_t)(at + lane), .weak = hashes[lane] * unhash};
        }
    }
    return count;
}

/* ---- Rolling ----------------------------------------------------------------------------------------------------- */

/* The constants and the state with which RabinKarp rolls, a row of positions at a time. */
typedef struct rabinkarp_roll {
    WORD leaving[4]; /* m^block_len m^-(i + 1) in lane i of the row */
    WORD hash[4];    /* m^(i + 1) key */
    WORD fixed;      /* m^block_len */
    WORD sum;        /* before the first lane, in all lanes */
} rabinkarp_roll;

TARGET static rabinkarp_roll rabinkarp_roll_from(const rd__filter *filter, size_t block_len, uint32_t sum) {
    rabinkarp_roll roll = {.fixed = SET(rd__rabinkarp_power(block_len)), .sum = SET(sum)};
    for (size_t k = 0; k < 4; k++) {
        roll.leaving[k] = MULTIPLY(LOAD(rd__rabinkarp_inverse_powers + k * LANES), roll.fixed);
        roll.hash[k] = MULTIPLY(LOAD(rd__rabinkarp_rising_powers + k * LANES), SET(filter->key));
    }
    return roll;
}

#define ADD_LOWER(x, n) ADD(x, MOVE_UP(x, n))
/* The prefix sums: lane i becomes the sum of lanes 0 .. i. */
TARGET static inline WORD weak_lanes_sum_up(WORD x) {
    x = ADD_LOWER(x, 1);
    x = ADD_LOWER(x, 2);
    x = ADD_LOWER(x, 4);
#if LANES == 16
    x = ADD_LOWER(x, 8);
#endif
    return x;
}

/*
 * The hashes at the positions of `vectors` vectors, at most a row. The first is where `window` has moved by one.
 *
 * c[i] is in[i] - m^block_len (out[i] + m - 1). The part of it that is the same everywhere is not added up over the
 * lanes: (m - 1) (m^-1 + ... + m^-(i + 1)) = 1 - m^-(i + 1).
 */
TARGET static inline void rabinkarp_vectors(rabinkarp_roll *roll, const uint8_t *window, const uint8_t *entering,
                                            uint32_t *hashes, size_t vectors) {
    WORD before = SUB(roll->sum, roll->fixed);
    WORD x = before;
#pragma GCC unroll 4
    for (size_t k = 0; k < vectors; k++) {
        const WORD in = MULTIPLY(LOAD_BYTES(entering + k * LANES), LOAD(rd__rabinkarp_inverse_powers + k * LANES));
        const WORD out = MULTIPLY(LOAD_BYTES(window + k * LANES), roll->leaving[k]);
        const WORD change = weak_lanes_sum_up(SUB(in, out));
        x = ADD(change, ADD(before, roll->leaving[k]));
        before = ADD(before, LAST(change));
        STORE(hashes + k * LANES, MULTIPLY(x, roll->hash[k]));
    }
    roll->sum = MULTIPLY(LAST(x), SET(rd__rabinkarp_rising_powers[vectors * LANES - 1]));
}

TARGET static void rabinkarp_tile(rabinkarp_roll *roll, const uint8_t *window, const uint8_t *entering,
                                  uint32_t *hashes, size_t positions) {
    size_t i = 0;
    for (; positions - i >= WEAK_ROW; i += WEAK_ROW)
        rabinkarp_vectors(roll, window + i, entering + i, hashes + i, 4);
    if (i < positions)
        rabinkarp_vectors(roll, window + i, entering + i, hashes + i, (positions - i) / LANES);
}

typedef struct rollsum_roll {
    WORD length; /* of the block */
    WORD key;    /* of the filter */
    WORD s1;     /* before the first lane, in all lanes */
    WORD s2;
} rollsum_roll;

TARGET static void rollsum_tile(rollsum_roll *roll, const uint8_t *window, const uint8_t *entering, uint32_t *hashes,
                                size_t positions) {
    for (size_t i = 0; i < positions; i += LANES) {
        const WORD leaving = LOAD_BYTES(window + i);
        const WORD s1 = ADD(weak_lanes_sum_up(SUB(LOAD_BYTES(entering + i), leaving)), roll->s1);
        const WORD change = SUB(s1, MULTIPLY(roll->length, ADD(leaving, SET(RD__ROLLSUM_OFFSET))));
        const WORD s2 = ADD(weak_lanes_sum_up(change), roll->s2);
        roll->s1 = LAST(s1);
        roll->s2 = LAST(s2);
        STORE(hashes + i, MULTIPLY(OR(AND(s1, SET(0xffff)), SHIFT_LEFT(s2, 16)), roll->key));
    }
}

TARGET static inline size_t rabinkarp_seek_lanes(const rd__filter *filter, bool gathers, size_t block_len,
                                                 uint32_t *sum, const uint8_t *window, size_t start, size_t end,
                                                 rd__hit *hits) {
    const uint32_t unhash = rd__filter_unhash(filter);
    uint32_t hashes[WEAK_TILE] = {0};
    size_t count = 0;
    size_t at = start;
    assert(start <= end && end - start <= RD__SEEK_MAX);
    rabinkarp_roll roll = rabinkarp_roll_from(filter, block_len, *sum);
    while (end - at >= LANES) {
        const size_t positions = rd__min_size((end - at) / LANES * LANES, WEAK_TILE);
        rabinkarp_tile(&roll, window + at, window + at + block_len, hashes, positions);
        count += weak_lanes_filter_tile(filter, gathers, unhash, hashes, positions, at + 1, hits + count);
        *sum = hashes[positions - 1] * unhash;
        at += positions;
    }
    if (at < end)
        count += rd__rabinkarp_seek_portable(filter, block_len, sum, window, at, end, hits + count);
    return count;
}

TARGET static inline size_t rollsum_seek_lanes(const rd__filter *filter, bool gathers, size_t block_len, uint32_t *sum,
                                               const uint8_t *window, size_t start, size_t end, rd__hit *hits) {
    const uint32_t unhash = rd__filter_unhash(filter);
    uint32_t hashes[WEAK_TILE] = {0};
    size_t count = 0;
    size_t at = start;
    assert(start <= end && end - start <= RD__SEEK_MAX);
    rollsum_roll roll = {
        .length = SET(block_len), .key = SET(filter->key), .s1 = SET(*sum & 0xffff), .s2 = SET(*sum >> 16)};
    while (end - at >= LANES) {
        const size_t positions = rd__min_size((end - at) / LANES * LANES, WEAK_TILE);
        rollsum_tile(&roll, window + at, window + at + block_len, hashes, positions);
        count += weak_lanes_filter_tile(filter, gathers, unhash, hashes, positions, at + 1, hits + count);
        *sum = hashes[positions - 1] * unhash;
        at += positions;
    }
    if (at < end)
        count += rd__rollsum_seek_portable(filter, block_len, sum, window, at, end, hits + count);
    return count;
}
