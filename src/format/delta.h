/*
 * The delta format: a magic, then commands, then END, then perhaps a trailer (trailer.h).
 *
 *     0x00           END
 *     0x01 .. 0x40   LITERAL of that many bytes, which follow
 *     0x41 .. 0x44   LITERAL; its length in 1, 2, 4 or 8 bytes, then the bytes
 *     0x45 + 4i + j  COPY; basis offset in {1,2,4,8}[i] bytes, length in {1,2,4,8}[j] bytes
 *     0x55 .. 0xff   reserved
 *
 * Integers are big-endian. A length of 0, and an offset or a length of 2^63 or more, are corrupt. Two files know this:
 * emitter.c writes deltas, op_reader.c reads them.
 */
#ifndef RD_FORMAT_DELTA_H
#define RD_FORMAT_DELTA_H

#include "redelta.h"

enum {
    RD__OP_END = 0x00,
    RD__OP_LITERAL_SHORT_MAX = 0x40,
    RD__OP_LITERAL = 0x41, /* + width code */
    RD__OP_COPY = 0x45,    /* + 4 * width code of the offset + width code of the length */
    RD__OP_RESERVED = 0x55
};

/* The longest command, without a literal's bytes. */
enum { RD__COMMAND_MAX = 1 + 8 + 8 };

#endif
