/*
 * Making a dense frame of some ops: covers in each style are tried, and the columns that compress best are kept. Trials
 * and columns are work for several threads; the frame depends on the ops, the old file and the level alone.
 */
#ifndef RD_FILE_DENSE_FRAME_H
#define RD_FILE_DENSE_FRAME_H

#include "base/operation.h"
#include "file/dense_covers.h"
#include "format/dense.h"
#include "format/emitter.h"

/*
 * What may be in the ops of a frame. A style that leaves out copies has more literals than the ops, so these are fewer
 * than a frame may hold (format/dense.h); the first style leaves out none, or the frame is short, so it fits.
 */
enum { RD__DENSE_OPS_MAX = RD__DENSE_COVERS_MAX, RD__DENSE_LITERAL_BYTES_MAX = 4 * 1024 * 1024 };

/* Counts the commands of the delta in librsync's form, as the reader gives them. */
typedef struct rd__dense_counter {
    rd__emitter emitter;
    uint64_t literal; /* bytes of the literal that may still grow */
} rd__dense_counter;

/* After the last frame. */
void rd__dense_counter_end(rd__dense_counter *counter);

/*
 * Adds the frame of the ops, at least one, to `out`, with its check, and to what is counted; `before` is the check
 * before. Errors: those of reading the old file, RD_E_MEMORY.
 */
rd_result rd__dense_frame_make(rd__operation *operation, const rd_source *old_file, const rd__dense_ops *ops, int level,
                               const uint8_t *before, rd__dense_counter *counter, rd__growing *out);

#endif
