/*
 * The header of a signature as librsync judges it: lengths before the magic number, each as soon as it is there; a zero
 * where the magic number or the strong sum length should be stands for the default. Redelta's own loader is stricter
 * and looks in another order, so it gets a header in which everything is said.
 */
#ifndef RS_HEADER_H
#define RS_HEADER_H

#include "redelta.h"

enum { RS__HEADER_LEN = 12, RS__HEADER_BLOCK_LEN_END = 8 };

static inline uint32_t rs__header_word(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/*
 * Judges the `size` bytes that there are, and once all are, puts defaults in the place of zeros. RD_OK, or RD_MORE if
 * some are missing; RD_E_CORRUPT, RD_E_MAGIC, RD_E_PARAMETER with what is wrong in *reason.
 */
rd_result rs__header_settle(uint8_t header[RS__HEADER_LEN], size_t size, const char **reason);

#endif
