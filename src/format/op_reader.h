/*
 * The op reader: reads deltas. Everything that reads one, to patch, to inspect or to verify, gets its ops from here:
 * bytes in, in chunks of any size, and one op after the other out. All that a delta can be guilty of by itself is found
 * here: bad commands, an end that comes too early, a trailer that is none or is about a file of another length, bytes
 * after the end.
 */
#ifndef RD_FORMAT_OP_READER_H
#define RD_FORMAT_OP_READER_H

#include "format/delta.h"
#include "format/trailer.h"

typedef enum rd__op_reader_state {
    RD__READ_MAGIC,
    RD__READ_COMMAND,
    RD__READ_TRAILER, /* after END */
    RD__READ_REST     /* after the trailer */
} rd__op_reader_state;

/* All zero at the start, but for what the caller sets. */
typedef struct rd__op_reader {
    /* Set by the caller: */
    rd_stats *stats;  /* the ops are counted here */
    rd_verify verify; /* NEVER: the delta ends with END; ALWAYS: a trailer is required */
    bool whole;       /* the delta is all there is: nothing may follow its trailer, or, without one, its END */
    uint64_t limit;   /* bytes of the new file that may be made; 0: any number */
    /* For all to see: */
    uint64_t taken;         /* bytes of the delta */
    uint64_t target;        /* bytes of the new file that the ops so far make */
    uint64_t literal_left;  /* bytes of the last op, a literal, that come next */
    uint64_t reach;         /* where in the basis the copies so far end */
    bool has_trailer;       /* once the delta has ended */
    uint64_t trailer_taken; /* bytes of it */
    /* Its own: */
    rd__op_reader_state state;
    size_t filled;
    uint8_t
        bytes[RD_TRAILER_BASIS_LEN]; /* the magic, the command or the start of the trailer that is not complete yet */
} rd__op_reader;

/*
 * Reads the next op. `end` says that nothing follows what is in `in`; once true it must stay so.
 * RD_MORE with op->length > 0: *op is the next one. If it is a literal, its bytes come next: the caller takes them by
 * rd__op_reader_literal, and the next call skips the rest. RD_MORE with op->length 0: all of `in` was used.
 * RD_OK: the delta has ended, and its trailer, if it has one and anybody asks, is in order.
 * Errors: RD_E_MAGIC, RD_E_CORRUPT, RD_E_TRUNCATED, RD_E_LIMIT, RD_E_UNVERIFIED, and RD_E_MISMATCH if the trailer is
 * about a file of another length, or about a basis that is too short for the copies.
 */
rd_result rd__op_reader_next(rd__op_reader *reader, rd_in *in, bool end, rd_op *op, rd_error *error);

/* Takes bytes of the literal from `in`, at most `size`. Returns their number; *data is where they lie. */
size_t rd__op_reader_literal(rd__op_reader *reader, rd_in *in, size_t size, const uint8_t **data);

/* The caller skipped `size` bytes of the literal, at most literal_left, without reading them. */
void rd__op_reader_skipped(rd__op_reader *reader, uint64_t size);

/* The digest of the new file, after a delta with a trailer has ended: RD_DIGEST_LEN bytes. */
const uint8_t *rd__op_reader_digest(const rd__op_reader *reader);
/* Likewise: the basis of the delta. False: the trailer does not know it. */
bool rd__op_reader_basis(const rd__op_reader *reader, rd__basis_id *basis);

#endif
