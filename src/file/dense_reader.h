/*
 * The dense reader: gives a dense delta in librsync's form, piece by piece, so that whatever reads a delta reads this
 * one, too. With the old file at hand, that is the whole delta, and another old file is refused before anything is
 * given. Without, all is right but the bytes of literals, which are zeros: the ops of a dense delta need no old file.
 *
 * Bytes of a cover that are the same become a copy, if they are at least 8, a copy's command; else a literal, as those
 * that differ. Literals are joined, and cut where others are.
 *
 * Memory: one frame (format/dense.h).
 */
#ifndef RD_FILE_DENSE_READER_H
#define RD_FILE_DENSE_READER_H

#include "compress/zstd_source.h"
#include "engine/op_joiner.h"
#include "format/dense_walk.h"
#include "format/emitter.h"
#include "io/pages.h"

typedef struct rd__dense_reader {
    rd__zstd_source *source; /* the reader's, of what may be compressed once more */
    rd__operation *operation;
    const rd_source *basis; /* or NULL */
    rd_source old_file;     /* the basis, of the length that the delta says */
    rd__pages pages;        /* of it */
    bool has_pages;
    rd__dense_header header;
    rd__dense_trailer trailer;
    rd__growing raw; /* the check before, and what is being read after it */
    rd_in in;        /* read, and not yet in `raw` */
    uint8_t *chunk;  /* where it lies */
    uint64_t taken;  /* bytes of the dense delta that are in `raw`, or were */
    rd__dense_frame frame;
    rd__growing columns[RD__DENSE_COLUMNS];
    rd__growing prefix;
    rd__dense_walk walk;
    rd__dense_piece piece;        /* what is left of it */
    size_t literals;              /* bytes used of the column */
    rd__dense_map map;            /* of the frame, if it has addresses */
    uint8_t word[RD__DENSE_WORD]; /* of the piece, if it is an address */
    bool in_frame;
    bool ended;
    rd_stats counted; /* the ops that were given */
    rd__emitter emitter;
    uint8_t *out;     /* a literal, with room for commands before and after it */
    size_t literal;   /* bytes gathered of it */
    size_t out_start; /* what may be given */
    size_t out_end;
} rd__dense_reader;

/* Is this how a dense delta starts? `data` has RD__MAGIC_LEN bytes. */
bool rd__dense_begins(const uint8_t *data);

/*
 * Opens a dense delta, of which `size` bytes at `data`, at least RD__MAGIC_LEN, were read from `source`. `basis` may be
 * NULL; else its length and, unless nothing is to be verified, its digest must be those of the delta. *reader is to be
 * closed if it is not NULL. Errors: RD_E_MISMATCH (role RD_ROLE_BASIS), those of reading both,
 * RD_E_MAGIC, RD_E_CORRUPT, RD_E_TRUNCATED, RD_E_MEMORY.
 */
rd_result rd__dense_reader_open(rd__dense_reader **reader, rd__zstd_source *source, const rd_source *basis,
                                const uint8_t *data, size_t size);

/* Some of the next bytes of the delta in librsync's form; *got is 0 only at the end. Errors: as above, RD_E_LIMIT. */
rd_result rd__dense_reader_read(rd__dense_reader *reader, uint8_t *data, size_t size, size_t *got);

/* After the end: makes the operation's statistics tell of the ops that were given, and of the digests. */
void rd__dense_reader_stats(const rd__dense_reader *reader, rd__operation *operation);

/* NULL is allowed. */
void rd__dense_reader_close(rd__dense_reader *reader);

#endif
