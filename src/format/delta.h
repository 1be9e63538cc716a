/*
 * The delta format: a magic, then commands, then END.
 *
 *     0x00           END
 *     0x01 .. 0x40   LITERAL of that many bytes, which follow
 *     0x41 .. 0x44   LITERAL; its length in 1, 2, 4 or 8 bytes, then the bytes
 *     0x45 + 4i + j  COPY; basis offset in {1,2,4,8}[i] bytes, length in {1,2,4,8}[j] bytes
 *     0x55 .. 0xff   reserved
 *
 * Integers are big-endian. A length of 0, and an offset or a length of 2^63 or more, are corrupt. The encoder takes the
 * narrowest widths; which commands stand there is the engine's choice (see engine/op_joiner.h).
 */
#ifndef RD_FORMAT_DELTA_H
#define RD_FORMAT_DELTA_H

#include "redelta.h"

enum { RD__COMMAND_MAX = 1 + 8 + 8 };

/* Writes the magic, or END, and returns the bytes written. */
size_t rd__delta_put_magic(uint8_t command[RD__COMMAND_MAX]);
size_t rd__delta_put_end(uint8_t command[RD__COMMAND_MAX]);

/* Writes the command of an op, for a literal without its bytes, and returns the bytes written. */
size_t rd__delta_put_op(uint8_t command[RD__COMMAND_MAX], const rd_op *op);
/* The bytes that it would write. */
size_t rd__delta_op_size(const rd_op *op);

/* A delta being decoded, from bytes that arrive in any portions. All zero at the start. */
typedef struct rd__delta_decoder {
    uint8_t command[RD__COMMAND_MAX]; /* the command that is not complete yet */
    size_t filled;
    size_t command_size; /* of the op decoded last */
    uint64_t offset;     /* in the delta, of the command that is not complete yet */
    uint64_t target;     /* in the new file, of the next op */
    bool begun;          /* the magic was read */
    bool ended;          /* END was read */
} rd__delta_decoder;

/*
 * Decodes the next op from data[0 .. size); *used is the number of bytes taken. RD_OK: *op is complete, or
 * decoder->ended is set; the bytes of a literal follow in the input and are the caller's to take, all of them before
 * the next call. RD_MORE: all of the data was used. Errors: RD_E_MAGIC, RD_E_CORRUPT.
 */
rd_result rd__delta_decode(rd__delta_decoder *decoder, const uint8_t *data, size_t size, size_t *used, rd_op *op,
                           rd_error *error);

/* The error of a delta of `size` bytes that stopped before END. */
rd_result rd__delta_truncated(uint64_t size, rd_error *error);

#endif
