/*
 * looks.h: what a file seems to be, by its first bytes, and whether its bytes look random, like those of compressed and
 * encrypted files.
 */
#ifndef REDELTA_CLI_LOOKS_H
#define REDELTA_CLI_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOOKS_START =
        160 * 1024,     /* bytes of a file to look at: more than the first block of a zstd frame, which is 128 KiB */
    LOOKS_SAMPLE = 4096 /* bytes of a sample for looks_random; fewer are not enough */
};

typedef struct cli_looks {
    const char *what; /* "a gzip file": as in "this is ..." */
    const char
        *remedy; /* if a small change makes another file of it: what to do for a small delta. NULL: it does not */
} cli_looks;

/* `size` bytes at `data` are the start of the file, or all of it; some hundred are enough. */
cli_looks looks_of(const uint8_t *data, size_t size);

/* Whether the LOOKS_SAMPLE bytes could be random. */
bool looks_random(const uint8_t *sample);

/* What to do about a file of random bytes about which nothing else is known. */
const char *looks_remedy_for_random(void);

#endif
