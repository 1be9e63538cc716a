/* See decompressor.h. */
#include "compress/decompressor.h"

#if defined(RD_ZSTD)
#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { WINDOW_LOG_MIN = 10, WINDOW_LOG_MAX = 27 };

rd_result rd__decompressor_init(rd__decompressor *decompressor, rd_context *context, rd_role role, uint64_t memory,
                                rd_error *error) {
    int window_log = WINDOW_LOG_MAX;
    while (memory > 0 && window_log > WINDOW_LOG_MIN && (uint64_t)1 << window_log > memory)
        window_log--;
    *decompressor = (rd__decompressor){
        .context = context, .zstd = rd__context_take_state(context, RD__KEPT_DECOMPRESSOR), .role = role};
    if (!decompressor->zstd)
        decompressor->zstd = ZSTD_createDCtx();
    if (decompressor->zstd &&
        !ZSTD_isError(ZSTD_DCtx_setParameter(decompressor->zstd, ZSTD_d_windowLogMax, window_log)))
        return RD_OK;
    rd__decompressor_free(decompressor);
    return rd__fail_memory(error);
}

static void decompressor_free_zstd(void *zstd) {
    (void)ZSTD_freeDCtx(zstd);
}

void rd__decompressor_free(rd__decompressor *decompressor) {
    if (decompressor->zstd && !ZSTD_isError(ZSTD_DCtx_reset(decompressor->zstd, ZSTD_reset_session_and_parameters)))
        rd__context_give_state(decompressor->context, RD__KEPT_DECOMPRESSOR, decompressor->zstd,
                               ZSTD_sizeof_DCtx(decompressor->zstd), decompressor_free_zstd);
    else
        decompressor_free_zstd(decompressor->zstd);
    decompressor->zstd = NULL;
}

static rd_result decompressor_fail(const rd__decompressor *decompressor, size_t code, rd_error *error) {
    const rd_role role = decompressor->role;
    const uint64_t at = decompressor->block;
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation: return rd__fail_memory(error);
    case ZSTD_error_frameParameter_windowTooLarge:
        return rd__fail(error, RD_E_LIMIT, role, at, "the zstd frame needs more memory than is allowed");
    case ZSTD_error_dictionary_wrong:
        return rd__fail(error, RD_E_CORRUPT, role, at, "the zstd frame needs a dictionary, and there is none");
    case ZSTD_error_checksum_wrong:
        return rd__fail(error, RD_E_CORRUPT, role, at, "the checksum of the zstd frame is wrong");
    default: return rd__fail(error, RD_E_CORRUPT, role, at, "the zstd frame is corrupt");
    }
}

/* Gives zstd as many bytes as it asks for, so that a failure is that of one block; *used says how many it took. */
static rd_result decompressor_pass(rd__decompressor *decompressor, const uint8_t *data, size_t size, rd_out *out,
                                   size_t *used, rd_error *error) {
    ZSTD_inBuffer input = {.src = data, .size = size};
    ZSTD_outBuffer output = {.dst = out->data, .size = out->size, .pos = out->pos};
    const size_t wanted = ZSTD_decompressStream(decompressor->zstd, &output, &input);
    if (ZSTD_isError(wanted))
        return decompressor_fail(decompressor, wanted, error);
    *used = input.pos;
    out->pos = output.pos;
    if (wanted != decompressor->wanted - input.pos) /* not the rest of what it asked for before */
        decompressor->block = decompressor->taken + input.pos;
    decompressor->wanted = wanted;
    decompressor->kept = out->pos == out->size;
    decompressor->taken += input.pos;
    return RD_OK;
}

/* Gathers the magic of a frame. RD_OK: zstd has it. RD_MORE: `in` is used up. */
static rd_result decompressor_start_frame(rd__decompressor *decompressor, rd_in *in, rd_out *out, rd_error *error) {
    size_t used = 0;
    while (decompressor->magic_filled < RD__FRAME_MAGIC_LEN) {
        if (in->pos == in->size)
            return RD_MORE;
        decompressor->magic[decompressor->magic_filled++] = ((const uint8_t *)in->data)[in->pos++];
        if (!rd__frame_begins(decompressor->magic, decompressor->magic_filled))
            return rd__fail(error, RD_E_CORRUPT, decompressor->role, decompressor->taken,
                            "data other than a zstd frame follows the last frame");
    }
    decompressor->block = decompressor->taken;
    decompressor->magic_filled = 0;
    return decompressor_pass(decompressor, decompressor->magic, RD__FRAME_MAGIC_LEN, out, &used, error);
}

/* The next bytes of a frame. RD_MORE: `in` is used up. */
static rd_result decompressor_continue(rd__decompressor *decompressor, rd_in *in, rd_out *out, rd_error *error) {
    const size_t size = rd__min_size(in->size - in->pos, decompressor->wanted);
    size_t used = 0;
    if (size == 0 && !decompressor->kept)
        return RD_MORE;
    const uint8_t *const data = size > 0 ? (const uint8_t *)in->data + in->pos : NULL;
    const rd_result result = decompressor_pass(decompressor, data, size, out, &used, error);
    in->pos += used;
    return result;
}

rd_result rd__decompressor_step(rd__decompressor *decompressor, rd_in *in, rd_out *out, bool end, rd_error *error) {
    assert(out->pos < out->size);
    rd_result result = RD_OK;
    while (result == RD_OK && out->pos < out->size)
        result = decompressor->wanted == 0 ? decompressor_start_frame(decompressor, in, out, error)
                                           : decompressor_continue(decompressor, in, out, error);
    if (result == RD_OK)
        return RD_MORE;
    if (result != RD_MORE || !end)
        return result;
    if (decompressor->wanted == 0 && decompressor->magic_filled == 0)
        return RD_OK;
    return rd__fail(error, RD_E_TRUNCATED, decompressor->role, decompressor->taken + decompressor->magic_filled,
                    "it ends inside a zstd frame");
}
#endif
