/* See kept_literals.h. */
#include "file/kept_literals.h"

#include "base/memory.h"

enum { PART = 64 * 1024 }; /* of what a command claims to have: memory for it grows as the bytes come */

bool rd__ops_must_be_kept(const rd__ops *ops) {
    return ops->reader.source.compressed || ops->reader.dense || !ops->reader.source.source->seekable;
}

rd_result rd__kept_literals_add(rd__kept_literals *kept, rd__ops *ops, uint64_t size, rd__allowance *allowance) {
    rd_error *const error = &ops->operation->error;
    while (size > 0) {
        const size_t part = (size_t)rd__min_u64(size, PART);
        uint8_t *const bytes =
            rd__allowance_grow(allowance, kept->bytes, &kept->capacity, (uint64_t)kept->size + part, 1, error);
        if (!bytes)
            return error->result;
        kept->bytes = bytes;
        size_t got = 0;
        const rd_result result = rd__ops_read(ops, bytes + kept->size, part, &got);
        if (result != RD_OK)
            return result;
        kept->size += got;
        size -= got;
    }
    return RD_OK;
}
