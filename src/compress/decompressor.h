/*
 * Decompressing what zstd made: one or more frames, perhaps with skippable ones among them, arriving in chunks of any
 * size.
 *
 * This room, and not zstd, which may know old formats too, recognises a frame by its magic. A frame may ask for a
 * window of at most 128 MiB, so that memory is bounded whatever it claims. How much comes out of it nobody knows
 * beforehand: for that the caller has limits.
 */
#ifndef RD_COMPRESS_DECOMPRESSOR_H
#define RD_COMPRESS_DECOMPRESSOR_H

#include "base/context.h"
#include "format/frame.h"

/* The most that follows the magic in the header of a frame (RFC 8878). */
enum { RD__FRAME_HEADER_MAX = 14 };

typedef struct rd__decompressor {
    rd_context *context;
    struct ZSTD_DCtx_s *zstd; /* NULL: there is nothing to free */
    rd_role role;             /* of the file */
    uint64_t taken;           /* bytes of it */
    uint8_t magic[RD__FRAME_MAGIC_LEN];
    size_t magic_filled;
    uint8_t header[RD__FRAME_HEADER_MAX]; /* what follows the magic */
    size_t header_filled;
    uint64_t block; /* where in it starts what zstd reads now: a block, or the like */
    size_t wanted;  /* bytes that zstd asks for next; 0 between two frames */
    bool kept;      /* there was no room for all that zstd has */
} rd__decompressor;

/*
 * `memory` bounds the window of a frame further, unless it is 0. The context must outlive the decompressor. Errors:
 * RD_E_MEMORY; RD_E_MAGIC: built without zstd.
 */
rd_result rd__decompressor_init(rd__decompressor *decompressor, rd_context *context, rd_role role, uint64_t memory,
                                rd_error *error);

/*
 * Takes what it can from `in` and writes what it can to `out`, which has room. `end` says that nothing follows what is
 * in `in`. RD_OK: all frames are complete. RD_MORE: `in` is used up or `out` is full.
 * Errors, with the offset in the compressed file: RD_E_TRUNCATED, RD_E_CORRUPT, RD_E_LIMIT (the window), RD_E_MEMORY.
 */
rd_result rd__decompressor_step(rd__decompressor *decompressor, rd_in *in, rd_out *out, bool end, rd_error *error);

void rd__decompressor_free(rd__decompressor *decompressor);

#endif
