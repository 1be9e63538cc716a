/* The end of a delta that is read from a file: behind END comes a trailer, or nothing. */
#ifndef RD_FILE_DELTA_END_H
#define RD_FILE_DELTA_END_H

#include "file/feed.h"
#include "format/trailer.h"

/*
 * Takes what is left in `in`, and reads the rest of the delta into chunk[0 .. capacity), where in->data is. Errors:
 * those of reading and of rd__trailer_take and _finish; RD_E_CORRUPT if the delta goes on behind its trailer.
 */
rd_result rd__read_delta_end(rd__feed *feed, rd_in *in, uint8_t *chunk, size_t capacity, rd__trailer_reader *reader);

#endif
