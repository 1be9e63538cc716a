/*
 * The literal bytes of a session's lanes: a frame of zstd for each lane, made and read in chunks of any size, with
 * bytes that both sides have as a prefix. Without zstd on one side, they are sent as they are.
 */
#ifndef RD_COMPRESS_LITERALS_H
#define RD_COMPRESS_LITERALS_H

#include "base/growing.h"
#include "redelta.h"

enum {
    RD__LITERALS_WINDOW_LOG = 24, /* of a frame: its bytes and the prefix before them; this bounds memory */
    RD__LITERALS_PREFIX_MAX = 4 * 1024 * 1024
};

/* All zero: nothing to free. */
typedef struct rd__literal_encoder {
    struct ZSTD_CCtx_s *zstd; /* NULL: as they are */
} rd__literal_encoder;

/* Can this build compress? */
bool rd__literals_compress(void);

/*
 * Starts a frame. `level` 0: bytes as they are. The prefix must stay until the frame is complete. `size` bytes will
 * come, at least 1. RD_E_MEMORY; RD_E_PARAMETER: the level.
 */
rd_result rd__literals_start(rd__literal_encoder *encoder, int level, const uint8_t *prefix, size_t prefix_size,
                             uint64_t size, rd_error *error);
/* Adds what becomes of these bytes to `out`; `last`: the frame is complete with them. RD_E_MEMORY. */
rd_result rd__literals_encode(rd__literal_encoder *encoder, const uint8_t *data, size_t size, bool last,
                              rd__growing *out, rd_error *error);
void rd__literal_encoder_free(rd__literal_encoder *encoder);

/* All zero: nothing to free. */
typedef struct rd__literal_decoder {
    struct ZSTD_DCtx_s *zstd; /* NULL: as they are */
    bool ended;               /* the frame is complete */
} rd__literal_decoder;

/* Starts to read a frame, compressed or not. RD_E_MEMORY; RD_E_CORRUPT: built without zstd. */
rd_result rd__literals_open(rd__literal_decoder *decoder, bool compressed, const uint8_t *prefix, size_t prefix_size,
                            rd_error *error);
/* Takes what it can and gives what it can. RD_OK, RD_E_MEMORY, or RD_E_CORRUPT, without an error noted: the
 * prefix may be wrong. */
rd_result rd__literals_decode(rd__literal_decoder *decoder, rd_in *in, rd_out *out);
void rd__literal_decoder_free(rd__literal_decoder *decoder);

#endif
