/*
 * What a sender asks, and when: the sizes of the blocks and of the children of each round, how many bits, where to
 * search, when to stop. A receiver follows; so all of this may change without a new version of the protocol.
 */
#ifndef RD_SESSION_PLAN_H
#define RD_SESSION_PLAN_H

#include "engine/ladder.h"

enum { RD__PLAN_STEPS = 24 };

typedef struct rd__plan_step {
    uint8_t size_log2;
    bool searches; /* for stretches of this size; otherwise splits to it */
    bool edges;
} rd__plan_step;

/* Of a file. */
typedef struct rd__plan {
    unsigned top_log2; /* of the blocks; 0: there is nothing to be found */
    unsigned top_rolling_bits;
    unsigned top_sum_bits;
    uint64_t old_size;
    unsigned forced_bits; /* 0: none */
    bool quick;           /* few rounds: more bits, so that fewer checks are needed */
    size_t count;
    rd__plan_step steps[RD__PLAN_STEPS];
} rd__plan;

void rd__plan_make(rd__plan *plan, uint64_t new_size, uint64_t old_size, unsigned max_rounds, unsigned forced_bits);

/* How far a lane is. */
typedef struct rd__climb {
    size_t next; /* step */
    bool begun;
    bool over;        /* nothing more is asked, but for what is to be checked */
    bool probes;      /* the search under way is of a sample, since nothing is known yet */
    bool goes_global; /* the next search is one of the whole old file */
    bool again;       /* the last step's search is to be made once more, globally */
    unsigned rounds;
    uint64_t spent;  /* bytes of rounds */
    uint64_t budget; /* of these */
    double share;    /* of the last search: stretches that were found, of those that were searched for */
} rd__climb;

void rd__climb_begin(rd__climb *climb, const rd__plan *plan, uint32_t length);
/* After the answers of the round, before the conclusions. */
void rd__climb_learn(rd__climb *climb, const rd__ladder *ladder, const rd__round *round);
/* Chooses the next round. False: there is none, and the lane is settled. */
bool rd__climb_next(rd__climb *climb, const rd__plan *plan, const rd__ladder *ladder, rd__round *round);

#endif
