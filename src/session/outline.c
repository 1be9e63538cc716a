/* See outline.h. */
#include "session/outline.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "file/digest.h"

#include <stdlib.h>

enum { UNITS_MAX = 1 << 14, FILE_LOG2_MAX = 40 };

rd_result rd__outline_make(rd__outline *outline, const rd_source *source, rd__operation *operation, rd_role role,
                           uint8_t digest[RD_DIGEST_LEN], uint64_t *size) {
    const uint64_t expected = source->size;
    const uint64_t part = (uint64_t)1 << RD__DIGEST_PART_LOG2;
    *outline = (rd__outline){.size = expected};
    if (expected > part && expected <= (uint64_t)1 << FILE_LOG2_MAX) {
        outline->unit_log2 = RD__DIGEST_PART_LOG2;
        while (expected > (uint64_t)UNITS_MAX << outline->unit_log2)
            outline->unit_log2++;
        outline->unit_count = (size_t)((expected - 1) >> outline->unit_log2) + 1;
        outline->part_count = (size_t)((expected - 1) / part) + 1;
        outline->parts =
            rd__alloc_zeroed(outline->part_count, sizeof *outline->parts); /* the file may become shorter */
        if (!outline->parts)
            return rd__fail_memory(&operation->error);
    }
    return rd__source_digest_parts(source, operation, role, outline->parts, outline->part_count, digest, size);
}

void rd__outline_free(rd__outline *outline) {
    free(outline->parts);
    outline->parts = NULL;
}

uint32_t rd__outline_sum(const rd__outline *outline, const rd__stretch_keys *keys, size_t unit) {
    const unsigned shift = outline->unit_log2 - RD__DIGEST_PART_LOG2;
    const size_t end = rd__min_size((unit + 1) << shift, outline->part_count);
    uint64_t sum = 0;
    for (size_t i = unit << shift; i < end; i++) {
        uint8_t leaf[RD__LEAF] = {0};
        rd__store_le64(leaf, outline->parts[i]);
        sum ^= rd__stretch_sum(keys, leaf, sizeof leaf, i);
    }
    return (uint32_t)sum;
}

uint64_t rd__outline_unit_size(const rd__outline *outline, size_t unit) {
    const uint64_t start = (uint64_t)unit << outline->unit_log2;
    return rd__min_u64((uint64_t)1 << outline->unit_log2, outline->size - start);
}
