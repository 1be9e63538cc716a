/*
 * Compressing with zstd: any bytes in, one frame with a checksum out.
 *
 * The frame depends on the bytes and the level alone. To that end zstd always gets the same chunks, however the bytes
 * come, and the same room. What fits into one chunk is compressed at once, in this thread. More is compressed by zstd's
 * own threads, if it was built with them, even by only one: the frame is the same for any number of them, but it is not
 * the one that zstd makes without.
 */
#ifndef RD_COMPRESS_COMPRESSOR_H
#define RD_COMPRESS_COMPRESSOR_H

#include "base/context.h"

typedef struct rd__compressor {
    rd_context *context;
    struct ZSTD_CCtx_s *zstd; /* NULL: there is nothing to free */
    uint8_t *chunk;
    size_t filled; /* bytes of the chunk */
    size_t passed; /* of these, to zstd */
    uint8_t *made;
} rd__compressor;

/*
 * `threads`, at least 1, is how many may work. The context must outlive the compressor. Errors: RD_E_PARAMETER (the
 * level, or built without zstd), RD_E_MEMORY.
 */
rd_result rd__compressor_init(rd__compressor *compressor, rd_context *context, int level, unsigned threads,
                              rd_error *error);

/*
 * Takes some bytes of `in`, and gives what was made in *made, valid until the next step. RD_MORE: call again if `in` is
 * not used up, or with `end`, which says that nothing follows what is in `in`. RD_OK: the frame is complete.
 * Errors: RD_E_MEMORY.
 */
rd_result rd__compressor_step(rd__compressor *compressor, rd_in *in, bool end, rd_in *made, rd_error *error);

void rd__compressor_free(rd__compressor *compressor);

#endif
