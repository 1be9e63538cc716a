/* What data compresses to: asked of a sample, to choose what is worth a copy. */
#ifndef RD_COMPRESS_SAMPLE_H
#define RD_COMPRESS_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * *compressed becomes the size of `size` bytes compressed by zstd at this level, without the frame around them, and at
 * most `size`; without zstd, `size`. False: out of memory.
 */
bool rd__compressed_size(const void *data, size_t size, int level, size_t *compressed);

#endif
