/* See header.h. */
#include "header.h"

#include <string.h>

enum { STRONG_LEN_AT = 8, MD4_LEN = 16 };

static rd_result header_fail(const char **reason, rd_result result, const char *what) {
    *reason = what;
    return result;
}

rd_result rs__header_settle(uint8_t header[RS__HEADER_LEN], size_t size, const char **reason) {
    static const uint8_t default_magic[4] = {'r', 's', 0x01, 0x47}; /* RabinKarp and BLAKE2 */
    const uint32_t block_len = size >= RS__HEADER_BLOCK_LEN_END ? rs__header_word(header + 4) : 1;
    if (block_len == 0 || block_len > RD_BLOCK_LEN_MAX)
        return header_fail(reason, RD_E_CORRUPT, "the block length is out of range");
    if (size < RS__HEADER_LEN)
        return RD_MORE;
    const uint32_t strong_len = rs__header_word(header + STRONG_LEN_AT);
    if (strong_len > RD_STRONG_LEN_MAX)
        return header_fail(reason, RD_E_CORRUPT, "the strong sum length is out of range");
    if (rs__header_word(header) == 0)
        memcpy(header, default_magic, sizeof default_magic);
    if (rd_identify(header, RS__HEADER_LEN) != RD_KIND_SIGNATURE)
        return header_fail(reason, RD_E_MAGIC, "this is not a signature");
    const uint8_t most = (header[3] & 0x0f) == 6 ? MD4_LEN : RD_STRONG_LEN_MAX; /* the magic ends in 36 or 46: MD4 */
    if (strong_len > most)
        return header_fail(reason, RD_E_PARAMETER, "the strong sum length is more than the hash has");
    if (strong_len == 0)
        header[RS__HEADER_LEN - 1] = most;
    return RD_OK;
}
