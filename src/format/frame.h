/* The first bytes of a zstd frame. */
#ifndef RD_FORMAT_FRAME_H
#define RD_FORMAT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD__FRAME_MAGIC_LEN = 4 };

/* Can a frame start with these `size` bytes, of which four are enough? Without any it can. */
bool rd__frame_begins(const uint8_t *data, size_t size);

#endif
