/* See compressor.h. */
#include "compress/compressor.h"

#if defined(RD_ZSTD)
#include "base/memory.h"
#include "base/result.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    PORTION = 256 * 1024,
    MADE = 256 * 1024,
    WORKERS_MAX = 8 /* each takes some windows of memory, and a delta is hardly made faster than eight compress it */
};

int rd_compression_max(void) {
    return ZSTD_maxCLevel();
}

/* Sets the number of workers, which a zstd built without threads refuses: that one always works in the caller's. */
static bool set_workers(ZSTD_CCtx *context, unsigned threads) {
    const ZSTD_bounds bounds = ZSTD_cParam_getBounds(ZSTD_c_nbWorkers);
    const int most = bounds.upperBound < WORKERS_MAX ? bounds.upperBound : WORKERS_MAX;
    if (ZSTD_isError(bounds.error) || most < 1)
        return true;
    const int workers = threads < (unsigned)most ? (int)threads : most;
    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, workers));
}

static bool set_up(ZSTD_CCtx *context, int level, unsigned threads) {
    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) && set_workers(context, threads);
}

rd_result rd__compressor_init(rd__compressor *compressor, int level, unsigned threads, rd_error *error) {
    *compressor = (rd__compressor){0};
    if (level < 1 || level > ZSTD_maxCLevel())
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, "the compression level is out of range");
    compressor->context = ZSTD_createCCtx();
    compressor->portion = rd__alloc_array(PORTION, 1);
    compressor->made = rd__alloc_array(MADE, 1);
    if (compressor->context && compressor->portion && compressor->made && set_up(compressor->context, level, threads))
        return RD_OK;
    rd__compressor_free(compressor);
    return rd__fail_memory(error);
}

void rd__compressor_free(rd__compressor *compressor) {
    (void)ZSTD_freeCCtx(compressor->context);
    free(compressor->portion);
    free(compressor->made);
    *compressor = (rd__compressor){0};
}

static void gather(rd__compressor *compressor, rd_in *in) {
    const size_t size = rd__min_size(in->size - in->pos, PORTION - compressor->filled);
    if (size > 0)
        memcpy(compressor->portion + compressor->filled, (const uint8_t *)in->data + in->pos, size);
    compressor->filled += size;
    in->pos += size;
}

rd_result rd__compressor_step(rd__compressor *compressor, rd_in *in, bool end, rd_in *made, rd_error *error) {
    gather(compressor, in);
    *made = (rd_in){.data = compressor->made};
    const bool whole = compressor->filled == PORTION;
    if (!whole && !end)
        return RD_MORE;
    ZSTD_inBuffer input = {.src = compressor->portion, .size = compressor->filled, .pos = compressor->passed};
    ZSTD_outBuffer output = {.dst = compressor->made, .size = MADE};
    const size_t left =
        ZSTD_compressStream2(compressor->context, &output, &input, whole ? ZSTD_e_continue : ZSTD_e_end);
    if (ZSTD_isError(left))
        return rd__fail(error, RD_E_MEMORY, RD_ROLE_NONE, RD_UNKNOWN, "no memory, or no thread, to compress with");
    made->size = output.pos;
    compressor->passed = input.pos;
    if (whole && compressor->passed == PORTION)
        compressor->filled = compressor->passed = 0;
    return !whole && left == 0 ? RD_OK : RD_MORE;
}
#endif
