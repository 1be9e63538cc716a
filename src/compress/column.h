/*
 * A column of a dense delta, coded by zstd at once: one frame without its magic number, without checksum and without
 * dictionary, and perhaps with other bytes before it as a prefix, which the decoder has as well.
 */
#ifndef RD_COMPRESS_COLUMN_H
#define RD_COMPRESS_COLUMN_H

#include "base/growing.h"
#include "redelta.h"

typedef struct rd__column_bytes {
    const uint8_t *data;
    size_t size;
} rd__column_bytes;

/* The level that is used if none is asked for. */
enum { RD__COLUMN_LEVEL = 19 };

/* Can columns be coded at this level? RD_E_PARAMETER: out of range, or built without zstd. */
rd_result rd__column_check(int level, rd_error *error);

/*
 * Adds the coded column to `out`. It depends on its bytes, the prefix and the level alone. Memory: as zstd takes for
 * the level and the size. RD_E_MEMORY.
 */
rd_result rd__column_encode(rd__column_bytes column, rd__column_bytes prefix, int level, rd__growing *out,
                            rd_error *error);

/*
 * Decodes `coded_size` bytes at `coded` into exactly `size` bytes at `data`. The RD__FRAME_MAGIC_LEN bytes before
 * `coded` are used meanwhile, so that it need not be copied, and are then as before. `at`: where it lies in the delta.
 * RD_E_CORRUPT, RD_E_MEMORY; RD_E_MAGIC: built without zstd.
 */
rd_result rd__column_decode(uint8_t *coded, size_t coded_size, rd__column_bytes prefix, uint64_t at, uint8_t *data,
                            size_t size, rd_error *error);

#endif
