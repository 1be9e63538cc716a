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

rd_result rd__column_decode(rd__column_bytes coded, rd__column_bytes prefix, uint64_t at, uint8_t *data, size_t size,
                            rd_error *error) {
    const size_t src_size = sizeof column_magic + coded.size;
    ZSTD_DCtx *const zstd = ZSTD_createDCtx();
    uint8_t *const frame = rd__alloc_array(src_size, 1);
    if (!zstd || !frame) {
        (void)ZSTD_freeDCtx(zstd);
        free(frame);
        return rd__fail_memory(error);
    }
    memcpy(frame, column_magic, sizeof column_magic);
    if (coded.size > 0)
        memcpy(frame + sizeof column_magic, coded.data, coded.size);
    size_t got = ZSTD_findFrameCompressedSize(frame, src_size);
    const size_t capacity = size;
    bool good = got == src_size;
    if (good && prefix.size > 0)
        good = !ZSTD_isError(ZSTD_DCtx_refPrefix(zstd, prefix.data, prefix.size));
    if (good)
        got = ZSTD_decompressDCtx(zstd, data, capacity, frame, src_size);
    const bool no_memory = good && ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation;
    (void)ZSTD_freeDCtx(zstd);
    free(frame);
    if (no_memory)
        return rd__fail_memory(error);
    return good && got == size
               ? RD_OK
               : rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, at, "a column of a dense frame is corrupt");
}
#endif
