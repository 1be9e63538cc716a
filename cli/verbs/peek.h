/*
 * peek.h: the start of an input, also of a pipe, before it is read.
 */
#ifndef REDELTA_CLI_PEEK_H
#define REDELTA_CLI_PEEK_H

#include "cli/base/files.h"

/* Enough to look into a file that is compressed with zstd: its first block has at most 128 KiB. */
enum { PEEK_SIZE = 160 * 1024 };

typedef struct cli_peek {
    uint8_t start[PEEK_SIZE];
    size_t size; /* of the start: less than PEEK_SIZE only if that is all of the file */
    const cli_input *input;
    cli_failure *failure;
} cli_peek;

/*
 * Reads the start of an input. Its source then still gives all of the file; that of a pipe refers to *peek, which must
 * outlive it.
 */
rd_result peek_open(cli_peek *peek, cli_input *input, cli_failure *failure);

#endif
