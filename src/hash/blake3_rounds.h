/*
 * The rounds of BLAKE3, written once for one block at a time and for many: the includer defines what a word is.
 *
 * The permutation of the message between rounds (the BLAKE3 paper, 2.2) is in the indices, all of which are constants.
 * So a compiler keeps the sixteen words v0 .. v15 in registers. The includer provides these words, m[0 .. 16), and the
 * operations ADD(x, y), XOR(x, y) and ROTATE_RIGHT(x, n).
 */
#ifndef RD_HASH_BLAKE3_ROUNDS_H
#define RD_HASH_BLAKE3_ROUNDS_H

/* The mixing function G (the same section). */
#define MIX(a, b, c, d, x, y)                                                                                          \
    do {                                                                                                               \
        (a) = ADD(ADD(a, b), x);                                                                                       \
        (d) = ROTATE_RIGHT(XOR(d, a), 16);                                                                             \
        (c) = ADD(c, d);                                                                                               \
        (b) = ROTATE_RIGHT(XOR(b, c), 12);                                                                             \
        (a) = ADD(ADD(a, b), y);                                                                                       \
        (d) = ROTATE_RIGHT(XOR(d, a), 8);                                                                              \
        (c) = ADD(c, d);                                                                                               \
        (b) = ROTATE_RIGHT(XOR(b, c), 7);                                                                              \
    } while (0)

/* One round: the columns, then the diagonals. The arguments are the words of the message in the order of that round. */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)                                    \
    do {                                                                                                               \
        MIX(v0, v4, v8, v12, m[s0], m[s1]);                                                                            \
        MIX(v1, v5, v9, v13, m[s2], m[s3]);                                                                            \
        MIX(v2, v6, v10, v14, m[s4], m[s5]);                                                                           \
        MIX(v3, v7, v11, v15, m[s6], m[s7]);                                                                           \
        MIX(v0, v5, v10, v15, m[s8], m[s9]);                                                                           \
        MIX(v1, v6, v11, v12, m[s10], m[s11]);                                                                         \
        MIX(v2, v7, v8, v13, m[s12], m[s13]);                                                                          \
        MIX(v3, v4, v9, v14, m[s14], m[s15]);                                                                          \
    } while (0)

/* All seven. Each row is the one before it, permuted. */
#define ALL_ROUNDS()                                                                                                   \
    do {                                                                                                               \
        ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                                                   \
        ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);                                                   \
        ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);                                                   \
        ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);                                                   \
        ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);                                                   \
        ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);                                                   \
        ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13);                                                   \
    } while (0)

#endif
