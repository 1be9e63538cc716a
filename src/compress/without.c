/* Stands in for the other files of this folder that call zstd, in a build without zstd: each reports that there is no
 * compression. */
#include "base/memory.h"
#include "base/result.h"
#include "compress/column.h"
#include "compress/compressor.h"
#include "compress/decompressor.h"
#include "compress/literals.h"
#include "compress/sample.h"

#if !defined(RD_ZSTD)
#include <string.h>

const char *rd_zstd_version(void) {
    return NULL;
}

int rd_compression_max(void) {
    return 0;
}

bool rd__compressed_size(const void *data, size_t size, int level, size_t *compressed) {
    (void)data, (void)level;
    *compressed = size;
    return true;
}

rd_result rd__compressor_init(rd__compressor *compressor, rd_context *context, int level, unsigned threads,
                              rd_error *error) {
    (void)level, (void)threads;
    *compressor = (rd__compressor){.context = context};
    return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                    "compression is unavailable: redelta was built without zstd");
}

rd_result rd__compressor_step(rd__compressor *compressor, rd_in *in, bool end, rd_in *made, rd_error *error) {
    (void)compressor, (void)in, (void)end, (void)made;
    return rd__fail(error, RD_E_STATE, RD_ROLE_NONE, RD_UNKNOWN, "there is no compressor");
}

void rd__compressor_free(rd__compressor *compressor) {
    (void)compressor;
}

rd_result rd__decompressor_init(rd__decompressor *decompressor, rd_context *context, rd_role role, uint64_t memory,
                                rd_error *error) {
    (void)memory;
    *decompressor = (rd__decompressor){.context = context, .role = role};
    return rd__fail(error, RD_E_MAGIC, role, 0, "this is compressed, and redelta was built without zstd");
}

rd_result rd__decompressor_step(rd__decompressor *decompressor, rd_in *in, rd_out *out, bool end, rd_error *error) {
    (void)in, (void)out, (void)end;
    return rd__fail(error, RD_E_STATE, decompressor->role, RD_UNKNOWN, "there is no decompressor");
}

void rd__decompressor_free(rd__decompressor *decompressor) {
    (void)decompressor;
}

rd_result rd__column_check(int level, rd_error *error) {
    (void)level;
    return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                    "dense deltas are unavailable: redelta was built without zstd");
}

rd_result rd__column_encode(rd__column_bytes column, rd__column_bytes prefix, int level, rd__growing *out,
                            rd_error *error) {
    (void)column, (void)prefix, (void)level, (void)out;
    return rd__fail(error, RD_E_STATE, RD_ROLE_NONE, RD_UNKNOWN, "there is no compressor");
}

/* NOLINTBEGIN(readability-non-const-parameter): with zstd, they are written to */
rd_result rd__column_decode(uint8_t *coded, size_t coded_size, rd__column_bytes prefix, uint64_t at, uint8_t *data,
                            size_t size, rd_error *error) {
    /* NOLINTEND(readability-non-const-parameter) */
    (void)coded, (void)coded_size, (void)prefix, (void)data, (void)size;
    return rd__fail(error, RD_E_MAGIC, RD_ROLE_DELTA, at, "this is a dense delta, and redelta was built without zstd");
}

/* The literals of a session go as they are. */

bool rd__literals_compress(void) {
    return false;
}

rd_result rd__literals_start(rd__literal_encoder *encoder, int level, const uint8_t *prefix, size_t prefix_size,
                             uint64_t size, rd_error *error) {
    (void)prefix, (void)prefix_size, (void)size;
    encoder->zstd = NULL;
    return level == 0 ? RD_OK
                      : rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                                 "compression is unavailable: redelta was built without zstd");
}

rd_result rd__literals_encode(rd__literal_encoder *encoder, const uint8_t *data, size_t size, bool last,
                              rd__growing *out, rd_error *error) {
    (void)encoder, (void)last;
    rd__growing_put(out, data, size);
    return out->failed ? rd__fail_memory(error) : RD_OK;
}

void rd__literal_encoder_free(rd__literal_encoder *encoder) {
    (void)encoder;
}

rd_result rd__literals_open(rd__literal_decoder *decoder, bool compressed, const uint8_t *prefix, size_t prefix_size,
                            rd_error *error) {
    (void)prefix, (void)prefix_size;
    *decoder = (rd__literal_decoder){0};
    return compressed ? rd__fail(error, RD_E_CORRUPT, RD_ROLE_NONE, RD_UNKNOWN,
                                 "the other side compresses, though redelta was built without zstd here")
                      : RD_OK;
}

rd_result rd__literals_decode(rd__literal_decoder *decoder, rd_in *in, rd_out *out) {
    (void)decoder;
    const size_t size = rd__min_size(in->size - in->pos, out->size - out->pos);
    if (size > 0)
        memcpy((uint8_t *)out->data + out->pos, (const uint8_t *)in->data + in->pos, size);
    in->pos += size;
    out->pos += size;
    return RD_OK;
}

void rd__literal_decoder_free(rd__literal_decoder *decoder) {
    (void)decoder;
}
#endif
