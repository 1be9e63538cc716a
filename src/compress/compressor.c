/* See compressor.h. */
#include "compress/compressor.h"

#if defined(RD_ZSTD)
#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    CHUNK = 256 * 1024,
    MADE = 256 * 1024,
    WORKERS_MAX = 8 /* each takes some windows of memory, and more than eight hardly make a delta faster */
};

const char *rd_zstd_version(void) {
    return ZSTD_versionString();
}

int rd_compression_max(void) {
    return ZSTD_maxCLevel();
}

/* Sets the number of workers. A zstd built without threads refuses one: it always works in the calling thread. */
static bool compressor_set_workers(ZSTD_CCtx *zstd, unsigned threads) {
    const ZSTD_bounds bounds = ZSTD_cParam_getBounds(ZSTD_c_nbWorkers);
    const int most = bounds.upperBound < WORKERS_MAX ? bounds.upperBound : WORKERS_MAX;
    if (ZSTD_isError(bounds.error) || most < 1)
        return true;
    const int workers = threads < (unsigned)most ? (int)threads : most;
    return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_nbWorkers, workers));
}

rd_result rd__compressor_init(rd__compressor *compressor, rd_context *context, int level, unsigned threads,
                              rd_error *error) {
    *compressor = (rd__compressor){.context = context};
    assert(threads >= 1);
    if (level < 1 || level > ZSTD_maxCLevel())
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, "the compression level is out of range");
    compressor->zstd = rd__context_take_state(context, RD__KEPT_COMPRESSOR);
    if (!compressor->zstd)
        compressor->zstd = ZSTD_createCCtx();
    compressor->chunk = rd__context_take(context, CHUNK, 1);
    compressor->made = rd__context_take(context, MADE, 1);
    ZSTD_CCtx *const zstd = compressor->zstd;
    if (zstd && compressor->chunk && compressor->made &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)) && compressor_set_workers(zstd, threads))
        return RD_OK;
    rd__compressor_free(compressor);
    return rd__fail_memory(error);
}

static void compressor_free_zstd(void *zstd) {
    (void)ZSTD_freeCCtx(zstd);
}

void rd__compressor_free(rd__compressor *compressor) {
    if (!compressor->context)
        return;
    if (compressor->zstd && !ZSTD_isError(ZSTD_CCtx_reset(compressor->zstd, ZSTD_reset_session_and_parameters)))
        rd__context_give_state(compressor->context, RD__KEPT_COMPRESSOR, compressor->zstd,
                               ZSTD_sizeof_CCtx(compressor->zstd), compressor_free_zstd);
    else
        compressor_free_zstd(compressor->zstd);
    rd__context_give(compressor->context, compressor->chunk);
    rd__context_give(compressor->context, compressor->made);
    *compressor = (rd__compressor){0};
}

rd_result rd__compressor_step(rd__compressor *compressor, rd_in *in, bool end, rd_in *made, rd_error *error) {
    const size_t size = rd__min_size(in->size - in->pos, CHUNK - compressor->filled);
    if (size > 0)
        memcpy(compressor->chunk + compressor->filled, (const uint8_t *)in->data + in->pos, size);
    compressor->filled += size;
    in->pos += size;
    *made = (rd_in){.data = compressor->made};
    const bool whole = compressor->filled == CHUNK;
    if (!whole && !end)
        return RD_MORE;

    ZSTD_inBuffer input = {.src = compressor->chunk, .size = compressor->filled, .pos = compressor->passed};
    ZSTD_outBuffer output = {.dst = compressor->made, .size = MADE};
    const size_t left = ZSTD_compressStream2(compressor->zstd, &output, &input, whole ? ZSTD_e_continue : ZSTD_e_end);
    if (ZSTD_isError(left))
        return rd__fail(error, RD_E_MEMORY, RD_ROLE_NONE, RD_UNKNOWN, "no memory, or no thread, to compress with");
    made->size = output.pos;
    compressor->passed = input.pos;
    if (whole && compressor->passed == CHUNK)
        compressor->filled = compressor->passed = 0;
    return !whole && left == 0 ? RD_OK : RD_MORE;
}
#endif
