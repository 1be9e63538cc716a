/*
 * Covers for a dense frame: what a delta copies, where that pays continued over bytes that differ.
 *
 * A delta's copies are exact: an address that changes in a program ends one copy and starts the next. A cover goes on,
 * and says what differs. Which of the copies are worth one depends on the files: a style says how covers are made, and
 * the writer tries them. All walk once over the ops of the frame:
 *   - copies that are short, or that the diagonal of the cover before makes as well but for a few bytes, are left out;
 *   - copies on the same diagonal become one cover, if few bytes between them differ;
 *   - of more covers than a frame may have, the short ones are left out;
 *   - covers grow into the gaps between them, as far as more bytes are the same than differ, weighed by the style.
 * Bytes of the new file come from the ops: literals are given, and copies are in the old file.
 */
#ifndef RD_FILE_DENSE_COVERS_H
#define RD_FILE_DENSE_COVERS_H

#include "base/growing.h"
#include "io/pages.h"

/* The ops of a frame, without a gap between them. The basis_offset of a literal is where its bytes lie in `literals`.
 */
typedef struct rd__dense_ops {
    const rd_op *ops;
    size_t count;
    const uint8_t *literals;
} rd__dense_ops;

typedef struct rd__dense_style {
    uint64_t shortest; /* copy that is used */
    uint64_t margin;   /* a copy is left out if the cover before makes all of it but so many bytes; RD_UNKNOWN: never */
    int differs;       /* the weight of a byte that differs, against 2 for one that does not; 0: covers do not grow */
    unsigned bits;     /* that a byte that differs takes, by which copies on one diagonal are joined */
    bool addresses;    /* addresses are looked for */
} rd__dense_style;

enum { RD__DENSE_STYLES = 4 };
extern const rd__dense_style rd__dense_styles[RD__DENSE_STYLES];

/* Reads the new file by the ops. For one thread. */
typedef struct rd__dense_bytes {
    rd__dense_ops input;
    rd__pages *pages; /* of the old file */
    size_t at;        /* the op in which the last byte that was read lies */
} rd__dense_bytes;

/* The op in which this byte of the new file lies. */
const rd_op *rd__dense_op_at(rd__dense_bytes *bytes, uint64_t target);

/* Reads `size` bytes into `data`. False: a failure, noted in the pages. */
bool rd__dense_read_new(rd__dense_bytes *bytes, uint64_t target, uint8_t *data, size_t size);

/*
 * Adds the covers, each an rd_op, to `covers`; they may be fewer than the copies, and none overlaps another in the new
 * file. False: a failure, noted in the pages, or out of memory, noted in `covers`.
 */
bool rd__dense_covers_make(rd__dense_bytes *bytes, const rd__dense_style *style, rd__growing *covers);

#endif
