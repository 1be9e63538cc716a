/*
 * The outline of a file (docs/formats.md, "Outline"): some bytes of the digest's tree for each of its parts. Two files
 * of one size are hashed as a whole anyhow. Then a few bytes for each unit tell which units they share in place, before
 * any of the new file is summed or the old one searched.
 */
#ifndef RD_SESSION_OUTLINE_H
#define RD_SESSION_OUTLINE_H

#include "base/operation.h"
#include "hash/stretch_sum.h"
#include "io/source.h"

enum { RD__OUTLINE_SUM_LEN = 4 };

typedef struct rd__outline {
    unsigned unit_log2; /* 0: there is none, since the file is too small or too large */
    size_t unit_count;
    uint64_t size;
    uint64_t *parts; /* of the file; NULL after rd__outline_free */
    size_t part_count;
} rd__outline;

/*
 * The digest of the source, and its outline if it can have one. *size is the number of its bytes. Errors: RD_E_MEMORY;
 * those of reading.
 */
rd_result rd__outline_make(rd__outline *outline, const rd_source *source, rd__operation *operation, rd_role role,
                           uint8_t digest[RD_DIGEST_LEN], uint64_t *size);
void rd__outline_free(rd__outline *outline);

/* The sum of a unit. */
uint32_t rd__outline_sum(const rd__outline *outline, const rd__stretch_keys *keys, size_t unit);

/* The bytes of a unit: fewer in the last one. */
uint64_t rd__outline_unit_size(const rd__outline *outline, size_t unit);

#endif
