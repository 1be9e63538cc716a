/* The magic of zstd's frames, as in RFC 8878: little-endian 0xFD2FB528, and 0x184D2A50 to 0x184D2A5F if skippable. */
#include "format/frame.h"

#include "base/memory.h"

#include <string.h>

enum { SKIPPABLE_FIRST = 0x50, SKIPPABLE_MASK = 0xf0 };

bool rd__frame_begins(const uint8_t *data, size_t size) {
    static const uint8_t frame[RD__FRAME_MAGIC_LEN] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t skippable[RD__FRAME_MAGIC_LEN] = {SKIPPABLE_FIRST, 0x2a, 0x4d, 0x18};
    const size_t count = rd__min_size(size, RD__FRAME_MAGIC_LEN);
    if (count == 0)
        return true;
    if ((data[0] & SKIPPABLE_MASK) == SKIPPABLE_FIRST)
        return memcmp(data + 1, skippable + 1, count - 1) == 0;
    return memcmp(data, frame, count) == 0;
}
