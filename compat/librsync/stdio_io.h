/*
 * A FILE * as a source or a sink of redelta.
 *
 * A regular file at a known position is read and written by its descriptor, by threads, the kernel or both; the FILE's
 * own buffer is emptied first, and its position is set afterwards. Anything else (a pipe, memory, a stream of the
 * program's making) goes through fread and fwrite.
 */
#ifndef RS_STDIO_IO_H
#define RS_STDIO_IO_H

#include "librsync.h"
#include "redelta.h"

typedef struct rs__input {
    rd_source source;
    FILE *file;
    bool direct;        /* the descriptor is read */
    rs_long_t position; /* if direct: of the file at the start */
} rs__input;

typedef struct rs__output {
    rd_sink sink;
    FILE *file;
    bool direct;
} rs__output;

/* The file from its present position on. */
void rs__input_open(rs__input *input, FILE *file);
/* The whole file, read at any offset. */
void rs__input_open_basis(rs__input *input, FILE *file);
/* Leaves the file after the `bytes` that were read of it. */
void rs__input_close(rs__input *input, uint64_t bytes);
/* Leaves the file at the offset that was reached (RD_UNKNOWN: where it was), by a read beyond its end if `ended`. */
void rs__input_close_basis(rs__input *input, uint64_t reached, bool ended);

/* Points into *output, which must stay where it is. */
void rs__output_open(rs__output *output, FILE *file);
/* Hands all bytes to the system, and leaves the file after them. False: that failed, with errno set. */
bool rs__output_close(rs__output *output);

/* Are both the same regular file? */
bool rs__same_file(FILE *a, FILE *b);

#endif
