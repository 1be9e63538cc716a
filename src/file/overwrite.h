/* The last resort of a destination: writing a whole new file over an old one, which is not atomic. */
#ifndef RD_FILE_OVERWRITE_H
#define RD_FILE_OVERWRITE_H

#include "redelta.h"

#include <stdbool.h>

/*
 * Makes the regular file `to` hold the bytes of `from`, with its holes, and flushes it to the disk. It keeps everything
 * else but the rights to act as its owner or group. *touched: after a failure, it holds a part of each file.
 */
rd_result rd__overwrite(int to, int from, bool *touched, rd_error *error);

#endif
