/* See sample.h. */
#include "compress/sample.h"

#if defined(RD_ZSTD)
#include "base/memory.h"

#include <stdlib.h>
#include <zstd.h>

enum { FRAME_MIN = 12 }; /* magic, header, and the header of a block, about */

bool rd__compressed_size(const void *data, size_t size, int level, size_t *compressed) {
    const size_t room = ZSTD_compressBound(size);
    void *const made = rd__alloc_array(room, 1);
    const size_t whole = made ? ZSTD_compress(made, room, data, size, level) : 0;
    free(made);
    if (!made || ZSTD_isError(whole)) /* there is room enough, so that is all that can fail */
        return false;
    *compressed = rd__min_size(size, whole > FRAME_MIN ? whole - FRAME_MIN : 1);
    return true;
}
#endif
