/*
 * The dense container: the ops of a delta in columns, which compress better apart than mixed, and with which bytes of
 * the old file are used to compress those of the new one. It is read with the old file at hand.
 *
 *     header    4  0x72730336
 *               1  version, 1
 *               3  zero
 *               8  length of the old file
 *               32 digest of the old file
 *               8  check
 *     frames, any number:
 *               1  1
 *               4  length of the body
 *               -  body
 *               8  check
 *     trailer   1  0
 *               8  length of the new file
 *               32 digest of the new file
 *               8  check
 *
 * Digests are BLAKE3. A check is the first 8 bytes of the BLAKE3 of the check before it, if there is one, and of what
 * stands since then: so nothing can be altered, left out or moved unnoticed. The digest of the old file comes first, so
 * that another file is refused before anything is made; that of the new file comes last, so that the container can be
 * written in one pass.
 *
 * A frame makes the next bytes of the new file. They are covers, with literals before, between and after them. A cover
 * is a range of the old file, of which some bytes differ: they are counted in the bytes of all covers of the frame
 * taken together. A difference is that of a byte, or says that an address comes (dense_map.h). The body has three
 * numbers (numbers.h): of covers, of differences, of bytes of the new file; and then the columns: the coding, 1 byte;
 * the size, a number; if it is coded, the size of what is stored, a number; and the bytes. What the columns mean is in
 * dense_walk.h; how zstd codes them, in compress/column.h.
 *
 * What a frame may hold is bounded, so that the memory of a reader is, too: body, columns, prefix and map take at most
 * 80 MiB. Its covers are also bounded by what it makes, since each may lie elsewhere in the old file: so a reader does
 * not read much more than it makes.
 */
#ifndef RD_FORMAT_DENSE_H
#define RD_FORMAT_DENSE_H

#include "base/growing.h"
#include "format/trailer.h"

enum {
    RD__DENSE_CHECK_LEN = 8,
    RD__DENSE_HEADER_LEN = 4 + 1 + 3 + 8 + RD_DIGEST_LEN + RD__DENSE_CHECK_LEN,
    RD__DENSE_FRAME_HEAD_LEN = 1 + 4,
    RD__DENSE_TRAILER_LEN = 1 + 8 + RD_DIGEST_LEN + RD__DENSE_CHECK_LEN,
    /* The limits of a frame. */
    RD__DENSE_COVERS_MAX = 1 << 18,
    RD__DENSE_COVER_SHARE = 16, /* bytes of the new file for each cover but one: see rd__dense_covers_most */
    RD__DENSE_DIFFERENCES_MAX = 1 << 20,
    RD__DENSE_LITERALS_MAX = 6 * 1024 * 1024, /* bytes */
    RD__DENSE_PREFIX_MAX = 10 * 1024 * 1024,  /* bytes of the old file that literals are coded by */
    RD__DENSE_BODY_MAX = 32 * 1024 * 1024
};

/* The length of either file: larger ones would make sums of offsets overflow. */
#define RD__DENSE_SIZE_MAX ((uint64_t)1 << 60)

/* What follows what. */
enum { RD__DENSE_TRAILER = 0, RD__DENSE_FRAME = 1 };

/* The columns, in the order in which they are stored. A column of numbers is followed by that of its tails. */
typedef enum rd__dense_column {
    RD__DENSE_LENGTHS = 0,     /* of covers, less 1 */
    RD__DENSE_GAPS = 2,        /* of each cover: the literal bytes before it */
    RD__DENSE_PLACES = 4,      /* of each cover, in the old file */
    RD__DENSE_SKIPS = 6,       /* of each difference: the bytes of covers between the one before and this one */
    RD__DENSE_DIFFERENCES = 8, /* new - old, modulo 256; or 0: an address of 4 bytes, see dense_map.h */
    RD__DENSE_ADDRESSES = 9,   /* their kinds */
    RD__DENSE_LITERALS = 10,
    RD__DENSE_COLUMNS = 11
} rd__dense_column;

enum { RD__DENSE_NUMBERS = RD__DENSE_DIFFERENCES / 2 };

/* How a column is stored. */
typedef enum rd__dense_coding {
    RD__DENSE_STORED = 0, /* as it is */
    RD__DENSE_ZSTD = 1,
    RD__DENSE_ZSTD_PREFIX = 2 /* with bytes of the old file before it; literals only */
} rd__dense_coding;

typedef struct rd__dense_header {
    rd__basis_id basis; /* the old file */
} rd__dense_header;

typedef struct rd__dense_trailer {
    uint64_t new_size;
    uint8_t new_digest[RD_DIGEST_LEN];
} rd__dense_trailer;

/* A column as it is stored in the body of a frame. */
typedef struct rd__dense_stored {
    rd__dense_coding coding;
    size_t size; /* of the column */
    const uint8_t *data;
    size_t stored; /* bytes at `data` */
} rd__dense_stored;

typedef struct rd__dense_frame {
    size_t covers;
    size_t differences;
    uint64_t target; /* bytes of the new file */
    rd__dense_stored columns[RD__DENSE_COLUMNS];
} rd__dense_frame;

/* The covers that a frame may have that makes so many bytes of the new file. */
uint64_t rd__dense_covers_most(uint64_t target);

/* The check of `size` bytes at `data`, of which the first RD__DENSE_CHECK_LEN are the check before. */
void rd__dense_check(const uint8_t *data, size_t size, uint8_t check[RD__DENSE_CHECK_LEN]);

/* Each writes the whole, with its check. `before` is the check before. */
void rd__dense_header_put(uint8_t bytes[RD__DENSE_HEADER_LEN], const rd__dense_header *header);
void rd__dense_trailer_put(uint8_t bytes[RD__DENSE_TRAILER_LEN], const uint8_t *before,
                           const rd__dense_trailer *trailer);

/* Adds a frame with its check to `out`. */
void rd__dense_frame_put(rd__growing *out, const uint8_t *before, const rd__dense_frame *frame);

/*
 * Each reads the whole and compares its check. `origin` is where it starts in the delta. Errors: RD_E_MAGIC (header:
 * another file, or a version that is not known), RD_E_CORRUPT.
 */
rd_result rd__dense_header_get(const uint8_t bytes[RD__DENSE_HEADER_LEN], rd__dense_header *header, rd_error *error);
rd_result rd__dense_trailer_get(const uint8_t bytes[RD__DENSE_TRAILER_LEN], const uint8_t *before, uint64_t origin,
                                rd__dense_trailer *trailer, rd_error *error);

/* What these bytes say is the length of the new file, if they are a trailer: the check is not compared. */
uint64_t rd__dense_trailer_new_size(const uint8_t bytes[RD__DENSE_TRAILER_LEN]);

/* The length of the body, by the head of a frame. RD_E_CORRUPT: it is out of range. */
rd_result rd__dense_frame_head_get(const uint8_t head[RD__DENSE_FRAME_HEAD_LEN], uint64_t origin, size_t *body,
                                   rd_error *error);

/*
 * Reads a body of `size` bytes, whose check was compared, and checks every limit. Columns lie in it. RD_E_CORRUPT.
 */
rd_result rd__dense_body_get(const uint8_t *body, size_t size, uint64_t origin, rd__dense_frame *frame,
                             rd_error *error);

#endif
