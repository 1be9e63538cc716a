/* See column.h. */
#include "compress/column.h"

#if defined(RD_ZSTD)
#include "base/memory.h"
#include "base/result.h"
#include "format/frame.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/* The window must reach back over the prefix; a dense frame has less than 2^24 bytes of both. */
enum { WINDOW_LOG_MIN = 10, WINDOW_LOG_MAX = 24 };

rd_result rd__column_check(int level, rd_error *error) {
    if (level >= 1 && level <= ZSTD_maxCLevel())
        return RD_OK;
    return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, "the compression level is out of range");
}

static bool column_prepare(ZSTD_CCtx *zstd, rd__column_bytes column, rd__column_bytes prefix, int level) {
    int window_log = WINDOW_LOG_MIN;
    while (window_log < WINDOW_LOG_MAX && (size_t)1 << window_log < column.size + prefix.size)
        window_log++;
    if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)))
        return false;
    if (prefix.size == 0)
        return true;
    return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log)) &&
           !ZSTD_isError(ZSTD_CCtx_refPrefix(zstd, prefix.data, prefix.size));
}

rd_result rd__column_encode(rd__column_bytes column, rd__column_bytes prefix, int level, rd__growing *out,
                            rd_error *error) {
    ZSTD_CCtx *const zstd = ZSTD_createCCtx();
    const size_t bound = ZSTD_compressBound(column.size);
    uint8_t *const made = rd__alloc_array(bound, 1);
    rd_result result = RD_E_MEMORY;
    if (zstd && made && column_prepare(zstd, column, prefix, level)) {
        const size_t size = ZSTD_compress2(zstd, made, bound, column.data, column.size);
        if (!ZSTD_isError(size)) {
            rd__growing_put(out, made + RD__FRAME_MAGIC_LEN, size - RD__FRAME_MAGIC_LEN);
            result = out->failed ? RD_E_MEMORY : RD_OK;
        }
    }
    free(made);
    (void)ZSTD_freeCCtx(zstd);
    return result == RD_OK ? RD_OK : rd__fail_memory(error);
}

/* The magic number, which is not stored. */
static const uint8_t column_magic[RD__FRAME_MAGIC_LEN] = {0x28, 0xb5, 0x2f, 0xfd};

/* Decodes a whole frame. RD_E_CORRUPT, RD_E_MEMORY, without an error noted. */
static rd_result column_decode_frame(rd__column_bytes frame, rd__column_bytes prefix, uint8_t *data, size_t size) {
    ZSTD_DCtx *const zstd = ZSTD_createDCtx();
    if (!zstd)
        return RD_E_MEMORY;
    size_t got = 0;
    bool good = ZSTD_findFrameCompressedSize(frame.data, frame.size) == frame.size;
    if (good && prefix.size > 0)
        good = !ZSTD_isError(ZSTD_DCtx_refPrefix(zstd, prefix.data, prefix.size));
    if (good)
        got = ZSTD_decompressDCtx(zstd, data, size, frame.data, frame.size);
    const bool no_memory = good && ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation;
    (void)ZSTD_freeDCtx(zstd);
    return no_memory ? RD_E_MEMORY : good && got == size ? RD_OK : RD_E_CORRUPT;
}

rd_result rd__column_decode(uint8_t *coded, size_t coded_size, rd__column_bytes prefix, uint64_t at, uint8_t *data,
                            size_t size, rd_error *error) {
    uint8_t *const start = coded - sizeof column_magic;
    uint8_t kept[sizeof column_magic];
    memcpy(kept, start, sizeof kept);
    memcpy(start, column_magic, sizeof column_magic);
    const rd__column_bytes frame = {.data = start, .size = sizeof column_magic + coded_size};
    const rd_result result = column_decode_frame(frame, prefix, data, size);
    memcpy(start, kept, sizeof kept);
    if (result == RD_E_MEMORY)
        return rd__fail_memory(error);
    return result == RD_OK ? RD_OK
                           : rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, at, "a column of a dense frame is corrupt");
}
#endif
