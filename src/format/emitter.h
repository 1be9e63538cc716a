/*
 * The emitter: writes deltas. Everything that makes a delta, a whole file or a stream, gets the bytes from here: magic,
 * commands, END and trailer, in that order. The bytes of a literal follow its command and are the caller's to write.
 *
 * It takes the narrowest widths; which commands there are is the engine's choice (engine/op_joiner.h).
 */
#ifndef RD_FORMAT_EMITTER_H
#define RD_FORMAT_EMITTER_H

#include "format/delta.h"
#include "format/trailer.h"

/* The most that one call writes. */
enum { RD__EMIT_MAX = RD_DELTA_END_LEN + RD_TRAILER_BASIS_LEN };

typedef struct rd__emitter {
    rd_stats *stats; /* the ops are counted here */
    uint64_t target; /* bytes of the new file that the ops so far make */
} rd__emitter;

/* Each writes to `bytes` and returns the number of bytes written. */
size_t rd__emit_magic(uint8_t bytes[RD__EMIT_MAX]);
/* The op must be the next one of the new file. */
size_t rd__emit_op(rd__emitter *emitter, const rd_op *op, uint8_t bytes[RD__EMIT_MAX]);
/*
 * END and a trailer with this digest of the new file, RD_DIGEST_LEN bytes, and with the basis, unless that is NULL; a
 * digest of NULL: END alone.
 */
size_t rd__emit_end(const rd__emitter *emitter, const uint8_t *digest, const rd__basis_id *basis,
                    uint8_t bytes[RD__EMIT_MAX]);

#endif
