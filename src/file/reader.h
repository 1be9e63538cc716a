/*
 * Reading a source from its start to its end, chunk by chunk: the outer loop of most operations. A signature or a delta
 * that is compressed is decompressed on the way, so that nobody after the reader knows of that.
 */
#ifndef RD_FILE_READER_H
#define RD_FILE_READER_H

#include "file/dense_reader.h"

typedef struct rd__reader {
    rd__zstd_source source;
    bool ended;              /* all was read */
    bool expands;            /* what starts like a dense delta is one; set by rd__reader_of for a delta */
    const rd_source *basis;  /* of the delta, set by the caller if it has one: NULL, see file/dense_reader.h */
    bool begun;              /* it is known whether it is dense */
    rd__dense_reader *dense; /* or NULL */
} rd__reader;

/* At the start of the source. rd__reader_close must follow. */
rd__reader rd__reader_of(const rd_source *source, rd__operation *operation, rd_role role);

/*
 * Reads some of the next bytes into data[0 .. size), at least four. *got is 0 only at the end, and then `ended` is set.
 * The bytes read of the source are counted as in_bytes, and reported as progress. Errors: those of reading and of
 * decompressing, RD_E_CANCELLED.
 */
rd_result rd__reader_read(rd__reader *reader, void *data, size_t size, size_t *got);

/*
 * Passes over the next bytes, at most `size`, without reading them, if the source can do that and is known to have
 * them. Returns their number, or 0.
 */
uint64_t rd__reader_skip(rd__reader *reader, uint64_t size);

void rd__reader_close(rd__reader *reader);

/* May a file of this role be compressed? Others are taken as they are, whatever is in them. */
bool rd__role_may_be_compressed(const rd__operation *operation, rd_role role);

#endif
