/*
 * The steps of MD4, written once for one message at a time and for many: the includer defines what a word is.
 *
 * Each of the three rounds is sixteen steps on one of four words; the words rotate through the roles a, d, c, b, so
 * four steps are written out and repeated (RFC 1320, 3.4). The includer provides the words a, b, c, d and m[0 .. 16),
 * the operations ADD(x, y), CONSTANT(n) and ROTATE(x, n), to the left, and the functions of the three rounds, CHOOSE,
 * MAJORITY and PARITY(x, y, z).
 */
#ifndef RD_HASH_MD4_STEPS_H
#define RD_HASH_MD4_STEPS_H

/* The round constants: none, 2^30 sqrt(2), 2^30 sqrt(3). */
#define ROUND_1 0u
#define ROUND_2 0x5a827999u
#define ROUND_3 0x6ed9eba1u

#define STEP(f, a, b, c, d, word, constant, shift)                                                                     \
    (a) = ROTATE(ADD(ADD(a, ADD(word, CONSTANT(constant))), f(b, c, d)), shift)

#define FOUR_STEPS(f, i0, i1, i2, i3, constant, s0, s1, s2, s3)                                                        \
    do {                                                                                                               \
        STEP(f, a, b, c, d, m[i0], constant, s0);                                                                      \
        STEP(f, d, a, b, c, m[i1], constant, s1);                                                                      \
        STEP(f, c, d, a, b, m[i2], constant, s2);                                                                      \
        STEP(f, b, c, d, a, m[i3], constant, s3);                                                                      \
    } while (0)

#define ALL_STEPS()                                                                                                    \
    do {                                                                                                               \
        FOUR_STEPS(CHOOSE, 0, 1, 2, 3, ROUND_1, 3, 7, 11, 19);                                                         \
        FOUR_STEPS(CHOOSE, 4, 5, 6, 7, ROUND_1, 3, 7, 11, 19);                                                         \
        FOUR_STEPS(CHOOSE, 8, 9, 10, 11, ROUND_1, 3, 7, 11, 19);                                                       \
        FOUR_STEPS(CHOOSE, 12, 13, 14, 15, ROUND_1, 3, 7, 11, 19);                                                     \
        FOUR_STEPS(MAJORITY, 0, 4, 8, 12, ROUND_2, 3, 5, 9, 13);                                                       \
        FOUR_STEPS(MAJORITY, 1, 5, 9, 13, ROUND_2, 3, 5, 9, 13);                                                       \
        FOUR_STEPS(MAJORITY, 2, 6, 10, 14, ROUND_2, 3, 5, 9, 13);                                                      \
        FOUR_STEPS(MAJORITY, 3, 7, 11, 15, ROUND_2, 3, 5, 9, 13);                                                      \
        FOUR_STEPS(PARITY, 0, 8, 4, 12, ROUND_3, 3, 9, 11, 15);                                                        \
        FOUR_STEPS(PARITY, 2, 10, 6, 14, ROUND_3, 3, 9, 11, 15);                                                       \
        FOUR_STEPS(PARITY, 1, 9, 5, 13, ROUND_3, 3, 9, 11, 15);                                                        \
        FOUR_STEPS(PARITY, 3, 11, 7, 15, ROUND_3, 3, 9, 11, 15);                                                       \
    } while (0)

#endif
