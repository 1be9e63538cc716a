/*
 * The dense writer: a sink of ops that makes a dense delta of them. It stands where the plain output does: what makes a
 * delta gives it copies and literals, in order. Frames are made as soon as there are ops enough, so memory is bounded.
 */
#ifndef RD_FILE_DENSE_WRITER_H
#define RD_FILE_DENSE_WRITER_H

#include "file/dense_frame.h"
#include "format/dense.h"
#include "io/sink.h"

typedef struct rd__dense_writer {
    const rd_sink *sink;
    rd__operation *operation;
    const rd_source *old_file;
    uint8_t old_digest[RD_DIGEST_LEN];
    int level;
    uint64_t target;                    /* bytes of the new file so far */
    rd__growing ops;                    /* rd_op: those of the frame to be made */
    size_t copies;                      /* of them */
    rd__growing literals;               /* their bytes */
    uint64_t literal;                   /* bytes of the literal that may still grow */
    rd__dense_counter counter;          /* for the operation's statistics */
    uint8_t check[RD__DENSE_CHECK_LEN]; /* of what was written last */
} rd__dense_writer;

/*
 * Writes the header. `old_file` is seekable, its size is known, and `old_digest`, RD_DIGEST_LEN bytes, is its digest;
 * it may be read by several threads at once if it is concurrent. The level is options.compression, or RD__COLUMN_LEVEL
 * if that is not set. rd__dense_writer_close must follow in any case. Errors: RD_E_PARAMETER (the level; built without
 * zstd), RD_E_LIMIT (files beyond 2^60 bytes), those of writing.
 */
rd_result rd__dense_writer_open(rd__dense_writer *writer, const rd_sink *sink, rd__operation *operation,
                                const rd_source *old_file, const uint8_t *old_digest);

/*
 * Each adds an op, the next one of the new file; literals that follow each other become one. A copy lies within the old
 * file. The bytes of a literal are taken over. The operation's statistics become those of the delta in librsync's form,
 * which may have other ops. Errors: those of reading the old file and of writing, RD_E_MEMORY, RD_E_CANCELLED,
 * RD_E_LIMIT.
 */
rd_result rd__dense_writer_copy(rd__dense_writer *writer, const rd_op *copy);
rd_result rd__dense_writer_literal(rd__dense_writer *writer, const void *data, size_t size);

/* Writes the last frame and the trailer, with the digest of the new file, RD_DIGEST_LEN bytes. Nothing may follow. */
rd_result rd__dense_writer_finish(rd__dense_writer *writer, const uint8_t *new_digest);

void rd__dense_writer_close(rd__dense_writer *writer);

#endif
