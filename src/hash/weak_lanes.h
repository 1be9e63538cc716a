/*
 * Both weak sums in vectors of 32-bit words. A template: included once by each file that implements it for an
 * instruction set, after one of words32_*.h, which defines its operations. It defines
 *
 *     rabinkarp_update_lanes, rollsum_update_lanes      as rd__weak_update_fn
 *     rabinkarp_seek_lanes, rollsum_seek_lanes          as rd__seek_fn
 *
 * The sum of a block is a dot product. Lane j takes the bytes j, j + LANES, j + 2 LANES, ... For RabinKarp each lane is
 * a Horner scheme of its own with the step m^LANES (four vectors in turn: m^(4 LANES)), and the lanes are weighted at
 * the end. For rollsum, s2 counts each byte once for itself and once for each byte behind it: the rows behind it are
 * counted by adding s1 to s2 row by row, and what it lacks within its row is added at the end.
 *
 * Rolling obeys a linear recurrence, h[i + 1] = h[i] m + c[i], where c[i] depends only on the bytes that enter and
 * leave. So LANES positions are rolled at once: c is summed up over the lanes in log2 LANES steps, x[i] += x[i - k] m^k
 * for k = 1, 2, 4, ..., and the sum before the first lane is added to lane i as h m^(i + 1). From one vector to the
 * next only that last sum is waited for. Rollsum is the same with m = 1, twice.
 *
 * The sums of a tile of positions are tested against the filter in three rounds: where each one's word is, in vectors;
 * the words, one by one, because that is as quick as gathering them or quicker; and the bits, in vectors again.
 */
#include "base/memory.h"
#include "hash/kernels.h"
#include "hash/rabinkarp.h"
#include "hash/rollsum.h"

enum { TILE = 128, ROW = 4 * LANES };

/* ---- Sums of blocks --------------------------------------------------------------------------------------------- */

/* The sum of the lanes, each times a weight. */
TARGET static uint32_t weigh(WORD word, const uint32_t weights[LANES]) {
    uint32_t lanes[LANES];
    uint32_t sum = 0;
    STORE(lanes, MULTIPLY(word, LOAD(weights)));
    for (size_t i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
}

/* The sum so far enters as if it were added in the very last place of the row before the first. */
TARGET static uint32_t rabinkarp_update_lanes(uint32_t sum, const uint8_t *data, size_t size) {
    if (size < ROW)
        return rd__rabinkarp_update_portable(sum, data, size);
    const uint32_t *const weights = rd__rabinkarp_powers + RD__RABINKARP_POWERS - ROW;
    const WORD step = SET(weights[0] * RD__RABINKARP_MULTIPLIER);
    uint32_t first[LANES] = {0};
    first[LANES - 1] = sum;
    WORD a = SET(0), b = SET(0), c = SET(0), d = LOAD(first);
    for (; size >= ROW; size -= ROW, data += ROW) {
        a = ADD(MULTIPLY(a, step), LOAD_BYTES(data));
        b = ADD(MULTIPLY(b, step), LOAD_BYTES(data + LANES));
        c = ADD(MULTIPLY(c, step), LOAD_BYTES(data + (size_t)2 * LANES));
        d = ADD(MULTIPLY(d, step), LOAD_BYTES(data + (size_t)3 * LANES));
    }
    const uint32_t whole = weigh(a, weights) + weigh(b, weights + LANES) + weigh(c, weights + (size_t)2 * LANES) +
                           weigh(d, weights + (size_t)3 * LANES);
    return rd__rabinkarp_update_portable(whole, data, size);
}

TARGET static uint32_t rollsum_update_lanes(uint32_t sum, const uint8_t *data, size_t size) {
    uint32_t ones[LANES];
    uint32_t behind[LANES]; /* bytes from lane i to the end of the row, itself included */
    for (size_t i = 0; i < LANES; i++) {
        ones[i] = 1;
        behind[i] = (uint32_t)(LANES - i);
    }
    const size_t rows = size / LANES;
    const uint32_t n = (uint32_t)(rows * LANES);
    WORD s1 = SET(0), s2 = SET(0);
    for (size_t i = 0; i < rows; i++, data += LANES) {
        s2 = ADD(s2, s1);
        s1 = ADD(s1, LOAD_BYTES(data));
    }
    const uint32_t before = sum & 0xffff;
    const uint32_t sum1 = before + weigh(s1, ones) + n * RD__ROLLSUM_OFFSET;
    const uint32_t sum2 = (sum >> 16) + n * before + LANES * weigh(s2, ones) + weigh(s1, behind) +
                          RD__ROLLSUM_OFFSET * rd__rollsum_triangle(n);
    return rd__rollsum_update_portable(rd__rollsum_join(sum1, sum2), data, size % LANES);
}

/* ---- The filter -------------------------------------------------------------------------------------------------- */

/* Reads the words one by one, into four lanes at a time: as quick as a gather where that is quick, and quicker
 * elsewhere. */
TARGET static inline void read_words(const uint32_t *words, const uint32_t *places, uint32_t *found, size_t count) {
    for (size_t i = 0; i < count; i += 4)
        STORE_FOUR(found + i, words[places[i]], words[places[i + 1]], words[places[i + 2]], words[places[i + 3]]);
}

/* A bit in each lane, at the place that the five bits of x above `shift` give. */
TARGET static inline WORD bit_at(WORD x, uint32_t shift) {
    return SHIFT_EACH_LEFT(SET(1), AND(SHIFT_RIGHT(x, shift), SET(31)));
}

/* Adds the positions of a tile of sums that pass the filter to `hits`; the first one's position is `at`. */
TARGET static size_t filter_tile(const rd__filter *filter, const uint32_t *sums, size_t positions, size_t at,
                                 rd__hit *hits) {
    uint32_t places[TILE];
    uint32_t bits[TILE];
    uint32_t words[TILE];
    size_t count = 0;
    const WORD key = SET(filter->key);
    for (size_t i = 0; i < positions; i += LANES) {
        const WORD x = MULTIPLY(LOAD(sums + i), key);
        STORE(places + i, SHIFT_RIGHT(x, filter->shift));
        STORE(bits + i, OR(bit_at(x, filter->shift - 5), bit_at(x, filter->shift - 10)));
    }
    read_words(filter->words, places, words, positions);
    for (size_t i = 0; i < positions; i += LANES) {
        for (uint32_t passed = LANES_WITH_ALL(LOAD(words + i), LOAD(bits + i)); passed != 0; passed &= passed - 1) {
            const size_t lane = i + (size_t)__builtin_ctz(passed);
            hits[count++] = (rd__hit){.at = (uint32_t)(at + lane), .weak = sums[lane]};
        }
    }
    return count;
}

/* ---- Rolling ----------------------------------------------------------------------------------------------------- */

/* What one vector of RabinKarp needs of its block length and of what went before. */
typedef struct rabinkarp_roll {
    WORD leaving; /* m^block_len */
    WORD fixed;   /* m^block_len (m - 1) */
    WORD powers;  /* m^(i + 1) in lane i */
    WORD sum;     /* before the first lane, in all lanes */
} rabinkarp_roll;

TARGET static rabinkarp_roll rabinkarp_begin(size_t block_len, uint32_t sum) {
    uint32_t powers[LANES];
    const uint32_t leaving = rd__rabinkarp_power(block_len);
    for (size_t i = 0; i < LANES; i++)
        powers[i] = rd__rabinkarp_powers[RD__RABINKARP_POWERS - 2 - i];
    return (rabinkarp_roll){.leaving = SET(leaving),
                            .fixed = SET(leaving * (RD__RABINKARP_MULTIPLIER - 1)),
                            .powers = LOAD(powers),
                            .sum = SET(sum)};
}

#define POWER(n) SET(rd__rabinkarp_powers[RD__RABINKARP_POWERS - 1 - (n)])
#define ADD_POWER_OF_LOWER(x, n) ADD(x, MULTIPLY(MOVE_UP(x, n), POWER(n)))
#define ADD_LOWER(x, n) ADD(x, MOVE_UP(x, n))
/* Sums up over the lanes: lane i gets what lanes 0 .. i had. */
#if LANES == 16
#define SUM_UP(x, step)                                                                                                \
    do {                                                                                                               \
        (x) = step(x, 1);                                                                                              \
        (x) = step(x, 2);                                                                                              \
        (x) = step(x, 4);                                                                                              \
        (x) = step(x, 8);                                                                                              \
    } while (0)
#else
#define SUM_UP(x, step)                                                                                                \
    do {                                                                                                               \
        (x) = step(x, 1);                                                                                              \
        (x) = step(x, 2);                                                                                              \
        (x) = step(x, 4);                                                                                              \
    } while (0)
#endif

/* The sums of a tile of positions, the first being that after `window` has moved by one. */
TARGET static void rabinkarp_tile(rabinkarp_roll *roll, const uint8_t *window, const uint8_t *entering, uint32_t *sums,
                                  size_t positions) {
    for (size_t i = 0; i < positions; i += LANES) {
        const WORD lost = ADD(MULTIPLY(LOAD_BYTES(window + i), roll->leaving), roll->fixed);
        WORD x = SUB(LOAD_BYTES(entering + i), lost);
        SUM_UP(x, ADD_POWER_OF_LOWER);
        x = ADD(x, MULTIPLY(roll->sum, roll->powers));
        roll->sum = LAST(x);
        STORE(sums + i, x);
    }
}

typedef struct rollsum_roll {
    WORD length; /* of the block */
    WORD s1;     /* before the first lane, in all lanes */
    WORD s2;
} rollsum_roll;

TARGET static void rollsum_tile(rollsum_roll *roll, const uint8_t *window, const uint8_t *entering, uint32_t *sums,
                                size_t positions) {
    for (size_t i = 0; i < positions; i += LANES) {
        const WORD leaving = LOAD_BYTES(window + i);
        WORD s1 = SUB(LOAD_BYTES(entering + i), leaving);
        SUM_UP(s1, ADD_LOWER);
        s1 = ADD(s1, roll->s1);
        WORD s2 = SUB(s1, MULTIPLY(roll->length, ADD(leaving, SET(RD__ROLLSUM_OFFSET))));
        SUM_UP(s2, ADD_LOWER);
        s2 = ADD(s2, roll->s2);
        roll->s1 = LAST(s1);
        roll->s2 = LAST(s2);
        STORE(sums + i, OR(AND(s1, SET(0xffff)), SHIFT_LEFT(s2, 16)));
    }
}

TARGET static size_t rabinkarp_seek_lanes(const rd__filter *filter, size_t block_len, uint32_t *sum,
                                          const uint8_t *window, size_t begin, size_t end, rd__hit *hits) {
    uint32_t sums[TILE] = {0};
    size_t count = 0;
    size_t at = begin;
    rabinkarp_roll roll = rabinkarp_begin(block_len, *sum);
    while (end - at >= LANES) {
        const size_t positions = rd__min_size((end - at) / LANES * LANES, TILE);
        rabinkarp_tile(&roll, window + at, window + at + block_len, sums, positions);
        count += filter_tile(filter, sums, positions, at + 1, hits + count);
        *sum = sums[positions - 1];
        at += positions;
    }
    return count + rd__rabinkarp_seek_portable(filter, block_len, sum, window, at, end, hits + count);
}

TARGET static size_t rollsum_seek_lanes(const rd__filter *filter, size_t block_len, uint32_t *sum,
                                        const uint8_t *window, size_t begin, size_t end, rd__hit *hits) {
    uint32_t sums[TILE] = {0};
    size_t count = 0;
    size_t at = begin;
    rollsum_roll roll = {.length = SET(block_len), .s1 = SET(*sum & 0xffff), .s2 = SET(*sum >> 16)};
    while (end - at >= LANES) {
        const size_t positions = rd__min_size((end - at) / LANES * LANES, TILE);
        rollsum_tile(&roll, window + at, window + at + block_len, sums, positions);
        count += filter_tile(filter, sums, positions, at + 1, hits + count);
        *sum = sums[positions - 1];
        at += positions;
    }
    return count + rd__rollsum_seek_portable(filter, block_len, sum, window, at, end, hits + count);
}
