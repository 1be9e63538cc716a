/*
 * The rounds of BLAKE2b, written once for one message at a time and for many: the includer defines what a word is.
 *
 * Every index into the message is a constant here, so a compiler keeps the sixteen words v0 .. v15 in registers. The
 * includer provides the words v0 .. v15 and m[0 .. 16) and the operations ADD(x, y), XOR(x, y) and ROTATE(x, n), to the
 * right.
 */
#ifndef RD_HASH_BLAKE2B_ROUNDS_H
#define RD_HASH_BLAKE2B_ROUNDS_H

/*
 * Half of the mixing function G (RFC 7693, 3.1), with rotations by r and s, for four independent columns or diagonals
 * at once. Each operation is written four times in a row, so that a processor always finds some that need not wait for
 * a result.
 */
#define MIX(r, s, a0, b0, c0, d0, x0, a1, b1, c1, d1, x1, a2, b2, c2, d2, x2, a3, b3, c3, d3, x3)                      \
    do {                                                                                                               \
        (a0) = ADD(a0, x0), (a1) = ADD(a1, x1), (a2) = ADD(a2, x2), (a3) = ADD(a3, x3);                                \
        (a0) = ADD(a0, b0), (a1) = ADD(a1, b1), (a2) = ADD(a2, b2), (a3) = ADD(a3, b3);                                \
        (d0) = XOR(d0, a0), (d1) = XOR(d1, a1), (d2) = XOR(d2, a2), (d3) = XOR(d3, a3);                                \
        (d0) = ROTATE(d0, r), (d1) = ROTATE(d1, r), (d2) = ROTATE(d2, r), (d3) = ROTATE(d3, r);                        \
        (c0) = ADD(c0, d0), (c1) = ADD(c1, d1), (c2) = ADD(c2, d2), (c3) = ADD(c3, d3);                                \
        (b0) = XOR(b0, c0), (b1) = XOR(b1, c1), (b2) = XOR(b2, c2), (b3) = XOR(b3, c3);                                \
        (b0) = ROTATE(b0, s), (b1) = ROTATE(b1, s), (b2) = ROTATE(b2, s), (b3) = ROTATE(b3, s);                        \
    } while (0)
#define MIX_COLUMNS(r, s, x0, x1, x2, x3)                                                                              \
    MIX(r, s, v0, v4, v8, v12, x0, v1, v5, v9, v13, x1, v2, v6, v10, v14, x2, v3, v7, v11, v15, x3)
#define MIX_DIAGONALS(r, s, x0, x1, x2, x3)                                                                            \
    MIX(r, s, v0, v5, v10, v15, x0, v1, v6, v11, v12, x1, v2, v7, v8, v13, x2, v3, v4, v9, v14, x3)

/* One round. The arguments are a row of the message schedule (RFC 7693, 2.7). */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15)                                    \
    do {                                                                                                               \
        MIX_COLUMNS(32, 24, m[s0], m[s2], m[s4], m[s6]);                                                               \
        MIX_COLUMNS(16, 63, m[s1], m[s3], m[s5], m[s7]);                                                               \
        MIX_DIAGONALS(32, 24, m[s8], m[s10], m[s12], m[s14]);                                                          \
        MIX_DIAGONALS(16, 63, m[s9], m[s11], m[s13], m[s15]);                                                          \
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
