/*
 * The rounds of BLAKE2b, written once for one message at a time and for many: the includer says what its words are.
 *
 * Every index into the message is a constant here, so a compiler keeps the sixteen words v0 .. v15 in registers. The
 * includer has words v0 .. v15 and m[0 .. 16) and the operations ADD(x, y), XOR(x, y) and ROTATE(x, n), to the right.
 */
#ifndef RD_HASH_BLAKE2B_ROUNDS_H
#define RD_HASH_BLAKE2B_ROUNDS_H

/* The mixing function G (RFC 7693, 3.1). */
#define MIX(a, b, c, d, x, y)                                                                                          \
    do {                                                                                                               \
        (a) = ADD(ADD(a, b), x);                                                                                       \
        (d) = ROTATE(XOR(d, a), 32);                                                                                   \
        (c) = ADD(c, d);                                                                                               \
        (b) = ROTATE(XOR(b, c), 24);                                                                                   \
        (a) = ADD(ADD(a, b), y);                                                                                       \
        (d) = ROTATE(XOR(d, a), 16);                                                                                   \
        (c) = ADD(c, d);                                                                                               \
        (b) = ROTATE(XOR(b, c), 63);                                                                                   \
    } while (0)

/* One round: columns, then diagonals. The arguments are a row of the message schedule (RFC 7693, 2.7). */
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

/* All twelve, by the message schedule (RFC 7693, 2.7); the last two rows are the first two again. */
#define ALL_ROUNDS()                                                                                                   \
    do {                                                                                                               \
        ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                                                   \
        ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);                                                   \
        ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);                                                   \
        ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);                                                   \
        ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);                                                   \
        ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);                                                   \
        ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);                                                   \
        ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);                                                   \
        ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);                                                   \
        ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);                                                   \
        ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                                                   \
        ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);                                                   \
    } while (0)

#endif
