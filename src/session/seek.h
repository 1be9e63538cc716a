/*
 * Finding the stretches of a lane in the old file. Where nothing else is known, a stretch is expected where it would
 * lie if the old file went on as it does before it, or after it: on the *diagonal* of the known stretches beside it.
 */
#ifndef RD_SESSION_SEEK_H
#define RD_SESSION_SEEK_H

#include "base/operation.h"
#include "engine/ladder.h"
#include "engine/search.h"
#include "io/nearby.h"
#include "session/session.h"

/* What a thread seeks with. */
typedef struct rd__seeker {
    rd__nearby nearby; /* over the old file */
    const rd__session_keys *keys;
    uint64_t old_size;
} rd__seeker;

/* Of a lane: where it starts in the new file, and the diagonals that lead into it from both sides. */
typedef struct rd__seek_lane {
    rd__ladder *ladder;
    uint64_t start;
    uint64_t before;
    uint64_t after;
} rd__seek_lane;

/* Tests the stretches of a split on their diagonals, and flags those that are found. Errors: of reading. */
rd_result rd__seek_diagonals(rd__seeker *seeker, const rd__seek_lane *lane, rd_error *error);

/*
 * Searches for stretches near where they are expected. `rolling` has what was sent for those that are tested, in order:
 * the highest bits of their rolling sums, which has `bits`. Errors: of reading; RD_E_MEMORY.
 */
rd_result rd__seek_nearby(rd__seeker *seeker, const rd__seek_lane *lane, const uint32_t *rolling, unsigned bits,
                          rd_error *error);

/* Does the old file have the stretch at `place`? *sum is what it has there. RD_OK whatever the answer. */
rd_result rd__seek_try(rd__seeker *seeker, uint64_t offset, uint32_t length, uint64_t known, unsigned bits,
                       uint64_t place, bool *found, uint64_t *sum, rd_error *error);

/* Notes in the stretch where the search has found it, if it has. */
void rd__seek_note(rd__stretch *stretch, const rd__wanted *wanted);

/* Searches the whole old file, with all threads. Errors: of reading; RD_E_MEMORY. */
rd_result rd__seek_everywhere(rd__seeker *seeker, rd__operation *operation, rd__wanted *wanted, size_t count,
                              uint32_t length, unsigned bits);

/*
 * Finds blocks of the new file, each of `length` bytes, which come in order; afterwards they do not. Where most lie
 * in place, those are found first, without rolling; and if hardly any are left, the rounds will find what there is of
 * them. Errors: as above.
 */
rd_result rd__seek_blocks(rd__seeker *seeker, rd__operation *operation, rd__wanted *blocks, size_t count,
                          uint32_t length, unsigned bits);

#endif
