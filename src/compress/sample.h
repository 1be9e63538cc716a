/* What data compresses to: asked of a sample, to choose what is worth a copy. */
#ifndef RD_COMPRESS_SAMPLE_H
#define RD_COMPRESS_SAMPLE_H

#include <stddef.h>

/*
 * The size of `size` bytes compressed by zstd at this level, without the frame around them; `size` if that is smaller,
 * if there is no memory, or if the library was built without zstd.
 */
size_t rd__compressed_size(const void *data, size_t size, int level);

#endif
