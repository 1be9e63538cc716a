/*
 * What words32_sse41.h and words32_neon.h have in common: what the templates call a vector is a pair of vectors of four
 * words. They define TARGET, FOUR_WORDS (the type of such a vector) and PAIR_FUNCTION (which gives a function its
 * prefix) before they include this file, and after it the functions that its macros name.
 *
 * A vector holds only four words, and most operations take two cycles or more before the next one can use the result.
 * Two vectors that do not depend on each other keep the pipes busy meanwhile.
 */
#ifndef RD_HASH_WORDS32_PAIR_H
#define RD_HASH_WORDS32_PAIR_H

#include <stddef.h>
#include <stdint.h>

#define LANES 8
#define WORD words32_pair

/* Lanes 0 to 3, and 4 to 7. */
typedef struct words32_pair {
    FOUR_WORDS low;
    FOUR_WORDS high;
} words32_pair;

#define ON_BOTH_VECTORS(name, operation)                                                                               \
    TARGET static inline words32_pair PAIR_FUNCTION(name)(words32_pair x, words32_pair y) {                            \
        return (words32_pair){operation(x.low, y.low), operation(x.high, y.high)};                                     \
    }

#define ADD(x, y) PAIR_FUNCTION(add)(x, y)
#define SUB(x, y) PAIR_FUNCTION(subtract)(x, y)
#define MULTIPLY(x, y) PAIR_FUNCTION(multiply)(x, y)
#define AND(x, y) PAIR_FUNCTION(both_bits)(x, y)
#define OR(x, y) PAIR_FUNCTION(either_bit)(x, y)
#define XOR(x, y) PAIR_FUNCTION(different_bits)(x, y)
#define SET(n) PAIR_FUNCTION(set)((uint32_t)(n))
#define LOAD(p) PAIR_FUNCTION(load)(p)
#define STORE(p, word) PAIR_FUNCTION(store)(p, word)

/* words[x[i] >> shift] in lane i. */
#define READ_WORDS(words, x, shift) PAIR_FUNCTION(read_words)(words, x, shift)
/* LANES bytes, each widened to a word. */
#define LOAD_BYTES(p) PAIR_FUNCTION(load_bytes)(p)
/* All lanes shifted by `bits` bits. */
#define SHIFT_LEFT(x, bits) PAIR_FUNCTION(shift_left)(x, (uint32_t)(bits))
#define SHIFT_RIGHT(x, bits) PAIR_FUNCTION(shift_right)(x, (uint32_t)(bits))
/* 2^n[i] in lane i; n[i] must be less than 32. */
#define BITS_AT(n) PAIR_FUNCTION(bits_at)(n)
/* Lane i takes the value of lane i - n, for n = 1, 2 or 4; the first n lanes take 0. */
#define MOVE_UP(x, n) PAIR_FUNCTION(move_up_##n)(x)
/* The value of the last lane in all lanes. */
#define LAST(x) PAIR_FUNCTION(last)(x)
/* Bit i of the result: does lane i of `words` have all bits of lane i of `bits`? */
#define LANES_WITH_ALL(words, bits) PAIR_FUNCTION(lanes_with_all)(words, bits)

#endif
