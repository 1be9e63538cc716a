/*
 * The sums by which two sides of a session compare stretches of the new file: of 64 bits, of which few are sent.
 *
 * A stretch consists of leaves of 32 bytes, counted from the start of the new file; only the last one of the file may
 * be shorter. The sum of a stretch is the exclusive or of those of its leaves, so that whoever has the sum of a stretch
 * and of its left half has that of the right half, however few of the bits. The sum of a leaf depends on its number,
 * so leaves that change places do not cancel out.
 *
 * A leaf is four words of 64 bits, multiplied in pairs, with keys that both sides of the session chose at random: two
 * products of 128 bits, folded to 64, and the product of these. That is in the manner of wyhash (Wang Yi 2019) and of
 * NH (Black et al. 1999). It need not resist anybody who knows the keys: the new file is verified by its digest.
 */
#ifndef RD_HASH_STRETCH_SUM_H
#define RD_HASH_STRETCH_SUM_H

#include <stddef.h>
#include <stdint.h>

enum { RD__LEAF = 32, RD__STRETCH_KEYS = 6 };

typedef struct rd__stretch_keys {
    uint64_t keys[RD__STRETCH_KEYS];
} rd__stretch_keys;

/*
 * The sum of `size` bytes, as if they lay at the leaf with this number in the new file. A rest that is no whole leaf is
 * the end of the file.
 */
uint64_t rd__stretch_sum(const rd__stretch_keys *keys, const uint8_t *data, size_t size, uint64_t leaf);

#endif
