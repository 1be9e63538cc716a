/*
 * The header of a signature as librsync checks it: lengths before the magic number, each as soon as it has come; a
 * magic number or strong sum length of zero stands for the default. Redelta's own loader is stricter and checks in
 * another order, so it gets a header without defaults.
 */
#ifndef RS_HEADER_H
#define RS_HEADER_H

#include "redelta.h"

enum { RS__HEADER_LEN = 12, RS__HEADER_BLOCK_LEN_END = 8 };

static inline uint32_t rs__header_word(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/*
 * Checks the `size` bytes that have come, and once all have, replaces zeros by defaults. RD_OK, or RD_MORE if some are
 * missing; RD_E_CORRUPT, RD_E_MAGIC, RD_E_PARAMETER with the reason in *reason.
 */
rd_result rs__header_settle(uint8_t header[RS__HEADER_LEN], size_t size, const char **reason);

#endif
