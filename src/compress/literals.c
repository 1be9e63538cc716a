/* See literals.h. */
#include "compress/literals.h"

#if defined(RD_ZSTD)
#include "base/memory.h"
#include "base/result.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { WINDOW_LOG_MIN = 10, ROOM = 128 * 1024 };

bool rd__literals_compress(void) {
    return true;
}

/* A window that reaches back over all bytes and the prefix, if that is allowed. */
static int literals_window_log(size_t prefix_size, uint64_t size) {
    int window_log = WINDOW_LOG_MIN;
    while (window_log < RD__LITERALS_WINDOW_LOG && (uint64_t)1 << window_log < prefix_size + size)
        window_log++;
    return window_log;
}

/* What zstd would choose for the level, but for the window: a large one costs the fast levels nothing. */
static bool literals_prepare(ZSTD_CCtx *zstd, int level, const uint8_t *prefix, size_t prefix_size, uint64_t size) {
    return !ZSTD_isError(ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, literals_window_log(prefix_size, size))) &&
           !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(zstd, size)) &&
           (prefix_size == 0 || !ZSTD_isError(ZSTD_CCtx_refPrefix(zstd, prefix, prefix_size)));
}

rd_result rd__literals_start(rd__literal_encoder *encoder, int level, const uint8_t *prefix, size_t prefix_size,
                             uint64_t size, rd_error *error) {
    if (level == 0) {
        rd__literal_encoder_free(encoder);
        return RD_OK;
    }
    if (level < 1 || level > ZSTD_maxCLevel())
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, "the compression level is out of range");
    if (!encoder->zstd)
        encoder->zstd = ZSTD_createCCtx();
    return encoder->zstd && literals_prepare(encoder->zstd, level, prefix, prefix_size, size) ? RD_OK
                                                                                              : rd__fail_memory(error);
}

rd_result rd__literals_encode(rd__literal_encoder *encoder, const uint8_t *data, size_t size, bool last,
                              rd__growing *out, rd_error *error) {
    ZSTD_inBuffer input = {.src = data, .size = size};
    size_t left = 1;
    if (!encoder->zstd) {
        rd__growing_put(out, data, size);
        return out->failed ? rd__fail_memory(error) : RD_OK;
    }
    while (last ? left > 0 : input.pos < input.size) {
        if (!rd__growing_reserve(out, ROOM))
            return rd__fail_memory(error);
        ZSTD_outBuffer output = {.dst = out->data + out->size, .size = ROOM};
        left = ZSTD_compressStream2(encoder->zstd, &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return rd__fail_memory(error);
        out->size += output.pos;
    }
    return RD_OK;
}

void rd__literal_encoder_free(rd__literal_encoder *encoder) {
    (void)ZSTD_freeCCtx(encoder->zstd);
    encoder->zstd = NULL;
}

rd_result rd__literals_open(rd__literal_decoder *decoder, bool compressed, const uint8_t *prefix, size_t prefix_size,
                            rd_error *error) {
    decoder->ended = false;
    if (!compressed) {
        rd__literal_decoder_free(decoder);
        return RD_OK;
    }
    if (!decoder->zstd)
        decoder->zstd = ZSTD_createDCtx();
    if (decoder->zstd && !ZSTD_isError(ZSTD_DCtx_reset(decoder->zstd, ZSTD_reset_session_and_parameters)) &&
        !ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, RD__LITERALS_WINDOW_LOG)) &&
        (prefix_size == 0 || !ZSTD_isError(ZSTD_DCtx_refPrefix(decoder->zstd, prefix, prefix_size))))
        return RD_OK;
    return rd__fail_memory(error);
}

rd_result rd__literals_decode(rd__literal_decoder *decoder, rd_in *in, rd_out *out) {
    if (!decoder->zstd) {
        const size_t size = rd__min_size(in->size - in->pos, out->size - out->pos);
        if (size > 0)
            memcpy((uint8_t *)out->data + out->pos, (const uint8_t *)in->data + in->pos, size);
        in->pos += size;
        out->pos += size;
        return RD_OK;
    }
    ZSTD_inBuffer input = {.src = in->data, .size = in->size, .pos = in->pos};
    ZSTD_outBuffer output = {.dst = out->data, .size = out->size, .pos = out->pos};
    if (decoder->ended)
        return in->pos < in->size ? RD_E_CORRUPT : RD_OK;
    const size_t left = ZSTD_decompressStream(decoder->zstd, &output, &input);
    in->pos = input.pos;
    out->pos = output.pos;
    decoder->ended = left == 0;
    if (ZSTD_isError(left) && ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
        return RD_E_MEMORY;
    return ZSTD_isError(left) ? RD_E_CORRUPT : RD_OK;
}

void rd__literal_decoder_free(rd__literal_decoder *decoder) {
    (void)ZSTD_freeDCtx(decoder->zstd);
    decoder->zstd = NULL;
}
#endif
