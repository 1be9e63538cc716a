/*
 * What words32_sse41.h and words32_neon.h have in common: a vector of the templates is a pair of four words each. They
 * define TARGET and `four_words`, a vector, before they include this file, and then the functions that its macros name.
 *
 * A vector holds four words only, and most operations take two cycles or more before the next one can have the result.
 * Two vectors that do not depend on each other keep the pipes busy meanwhile, so the pair is what the templates take
 * for a vector.
 */
#ifndef RD_HASH_WORDS32_PAIR_H
#define RD_HASH_WORDS32_PAIR_H

#include <stddef.h>
#include <stdint.h>

#define LANES 8
#define WORD pair

/* Lanes 0 to 3, and 4 to 7. */
typedef struct pair {
    four_words low;
    four_words high;
} pair;

#define ON_BOTH_VECTORS(name, operation)                                                                               \
    TARGET static inline pair name(pair x, pair y) {                                                                   \
        return (pair){operation(x.low, y.low), operation(x.high, y.high)};                                             \
    }

#define ADD(x, y) add(x, y)
#define SUB(x, y) subtract(x, y)
#define MULTIPLY(x, y) multiply(x, y)
#define AND(x, y) both_bits(x, y)
#define OR(x, y) either_bit(x, y)
#define XOR(x, y) different_bits(x, y)
#define SET(n) set((uint32_t)(n))
#define LOAD(p) load(p)
#define STORE(p, word) store(p, word)

/* words[x[i] >> shift] in lane i. */
#define READ_WORDS(words, x, shift) read_words(words, x, shift)
/* As many bytes as there are lanes, each widened to a word. */
#define LOAD_BYTES(p) load_bytes(p)
/* All lanes shifted left by as many bits as `bits` says, and to the right. */
#define SHIFT_LEFT(x, bits) shift_left(x, (uint32_t)(bits))
#define SHIFT_RIGHT(x, bits) shift_right(x, (uint32_t)(bits))
/* Bit n[i] alone in lane i, n[i] being less than 32. */
#define BITS_AT(n) bits_at(n)
/* Lane i takes what was in lane i - n, n being 1, 2 or 4; the first n lanes take 0. */
#define MOVE_UP(x, n) move_up_##n(x)
/* The last lane, in all of them. */
#define LAST(x) last(x)
/* Bit i of the result: whether lane i of `words` has all the bits that it has of `bits`. */
#define LANES_WITH_ALL(words, bits) lanes_with_all(words, bits)

#endif
