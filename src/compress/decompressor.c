/* See decompressor.h. */
#include "compress/decompressor.h"

#if defined(RD_ZSTD)
#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { WINDOW_LOG_MIN = 10, WINDOW_LOG_MAX = 27 };

/* The largest window of a stream in any program of zstd: --long=31. */
#define WINDOW_OF_ZSTD_MAX ((uint64_t)1 << 31)

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

/*
 * The window that the frame asks for, in bytes, after zstd has found it too large. That of a frame of one segment is
 * the whole of its content.
 */
static uint64_t decompressor_window(const rd__decompressor *decompressor) {
    static const uint8_t dictionary_widths[] = {0, 1, 2, 4};
    static const uint8_t content_widths[] = {1, 2, 4, 8};
    const uint8_t *const header = decompressor->header;
    const size_t content = 1 + (size_t)dictionary_widths[header[0] & 3];
    if ((header[0] & 0x20) == 0) {
        const uint64_t base = (uint64_t)1 << (10 + (header[1] >> 3));
        return base + base / 8 * (header[1] & 7);
    }
    uint64_t window = 0;
    for (size_t i = content_widths[header[0] >> 6]; i > 0; i--)
        window = window << 8 | header[content + i - 1];
    return window;
}

static rd_result decompressor_fail_window(const rd__decompressor *decompressor, rd_error *error) {
    const bool possible = decompressor_window(decompressor) <= WINDOW_OF_ZSTD_MAX;
    return rd__fail(error, RD_E_LIMIT, decompressor->role, decompressor->block,
                    possible ? "the zstd frame needs more memory than is allowed"
                             : "the zstd frame needs more memory than zstd can use");
}

static rd_result decompressor_fail(const rd__decompressor *decompressor, size_t code, rd_error *error) {
    const rd_role role = decompressor->role;
    const uint64_t at = decompressor->block;
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation: return rd__fail_memory(error);
    case ZSTD_error_frameParameter_windowTooLarge: return decompressor_fail_window(decompressor, error);
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
    decompressor->magic_filled = decompressor->header_filled = 0;
    return decompressor_pass(decompressor, decompressor->magic, RD__FRAME_MAGIC_LEN, out, &used, error);
}

/* The next bytes of a frame. RD_MORE: `in` is used up. */
static rd_result decompressor_continue(rd__decompressor *decompressor, rd_in *in, rd_out *out, rd_error *error) {
    const size_t size = rd__min_size(in->size - in->pos, decompressor->wanted);
    size_t used = 0;
    if (size == 0 && !decompressor->kept)
        return RD_MORE;
    const uint8_t *const data = size > 0 ? (const uint8_t *)in->data + in->pos : NULL;
    const size_t header = rd__min_size(size, RD__FRAME_HEADER_MAX - decompressor->header_filled);
    if (header > 0)
        memcpy(decompressor->header + decompressor->header_filled, data, header);
    decompressor->header_filled += header;
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
