/*
 * The record of a part of a delta: the parse of a range of the new file, made as if the file began with that range.
 * What joins the records makes the true parse of them, as the stitcher does of segments.
 *
 *     bytes
 *     4      0x72730450
 *     1      version, 1
 *     1      the sum of: 1, the file ends with the range; 2, with nodes; 4, the file's state is known
 *     2      zero
 *     8      offset of the range, a multiple of the budget window of the signature
 *     8      length; a multiple of that, unless the file ends with it
 *     8      length of the new file
 *     12     header of the signature, or zero: there is none
 *     8      its blocks
 *     8      offset of the first block in the basis
 *     16     first bytes of the BLAKE3 of the signature's file
 *     32     state of the new file, if it is known: device, inode, mtime and ctime in nanoseconds, 8 bytes each
 *   copies, each:
 *     -      1 + the bytes between the copy before, or the start of the range, and this one
 *     -      its blocks
 *     -      its first block, less the one after the copy before, or less 0: zigzag
 *   and then:
 *     -      0
 *     -      what the last copy's last block is shorter than a block
 *     -      failures of strong sums in the worst budget window
 *     -      failures in all
 *     4      RabinKarp sum of all bytes that are in no copy, one after the other
 *     32 n   nodes (digest_part.h) of the chunks that start in the range
 *     16     check: the first bytes of the BLAKE3 of all before
 *
 * Numbers without a width are those of numbers.h. If a range ends less than a block before the end of the file, copies
 * and sum are those up to the end: the rest is matched as a whole. In what state a scanner leaves the range follows
 * from the copies.
 */
#ifndef RD_FORMAT_DELTA_PART_H
#define RD_FORMAT_DELTA_PART_H

#include "base/growing.h"
#include "format/digest_part.h"
#include "redelta.h"

enum {
    RD__DELTA_PART_LAST = 1,
    RD__DELTA_PART_DIGEST = 2,
    RD__DELTA_PART_STATE = 4,
    RD__DELTA_PART_IDENTITY = 16,
    RD__DELTA_PART_HEAD = RD__PART_HEAD + 8 + RD_SIGNATURE_HEADER_LEN + 8 + 8 + RD__DELTA_PART_IDENTITY,
    RD__DELTA_PART_STATE_LEN = 32,
    RD__NUMBER_MAX = 10 /* bytes */
};

/* The signature that a part was made with. */
typedef struct rd__signature_id {
    bool exists; /* otherwise all else is 0 */
    rd_params params;
    uint64_t blocks;
    uint64_t origin;
    uint8_t identity[RD__DELTA_PART_IDENTITY];
} rd__signature_id;

/* Which file it was, on the system where the part was made, and when it was written. */
typedef struct rd__part_state {
    uint64_t device;
    uint64_t inode;
    uint64_t written;
    uint64_t changed;
} rd__part_state;

typedef struct rd__delta_part {
    rd__part_head head;
    uint64_t new_size;
    rd__signature_id signature;
    rd__part_state state; /* with RD__DELTA_PART_STATE */
} rd__delta_part;

/* Where the positions end that the part's parse decides; UINT64_MAX: where the file does. */
uint64_t rd__delta_part_stop(const rd__delta_part *part);
/* The chunks that start in the range. */
uint64_t rd__delta_part_first_chunk(const rd__delta_part *part);
uint64_t rd__delta_part_end_chunk(const rd__delta_part *part);

/* Writes what comes before the copies. Returns its size. */
size_t rd__delta_part_put(const rd__delta_part *part, uint8_t bytes[RD__DELTA_PART_HEAD + RD__DELTA_PART_STATE_LEN]);
/*
 * Takes the first RD__DELTA_PART_HEAD bytes; `window` gives the budget window of a signature with these parameters.
 * Errors: those of rd__part_head_get, RD_E_CORRUPT.
 */
rd_result rd__delta_part_get(const uint8_t bytes[RD__DELTA_PART_HEAD], rd__delta_part *part, rd_error *error);
void rd__part_state_get(const uint8_t bytes[RD__DELTA_PART_STATE_LEN], rd__part_state *state);

/* The copies of a part, one after the other. All zero, but for `at`, where the range starts. */
typedef struct rd__part_copies {
    uint64_t at;    /* the end of the copy before */
    uint64_t block; /* that would continue it */
} rd__part_copies;

/* Adds a copy of blocks, the last of which is `shorter` than a block. */
void rd__part_copy_put(rd__part_copies *copies, const rd__delta_part *part, const rd_op *copy, rd__growing *bytes);
/* How much shorter than a block the last one of this copy is. */
uint64_t rd__part_copy_lacks(const rd__delta_part *part, const rd_op *copy);

/*
 * Takes the numbers of a copy, the first of which was not 0: *copy becomes one of whole blocks, which the file, the
 * range and the signature have room for, but for what the last block may lack. False: there is no such copy.
 */
bool rd__part_copy_get(rd__part_copies *copies, const rd__delta_part *part, const uint64_t numbers[3], rd_op *copy);
/* Takes away what the last copy's last block lacks. False: that cannot be. The copy may be NULL. */
bool rd__part_copy_shorten(const rd__delta_part *part, uint64_t lacks, rd_op *copy);

#endif
