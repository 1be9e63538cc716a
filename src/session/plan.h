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
    unsigned top_log2;         /* of the blocks; 0: there is nothing to be found */
    unsigned top_rolling_bits; /* 0: no block is searched for */
    unsigned top_sum_bits;
    unsigned global_bits; /* of the rolling sums of a search of the whole old file */
    uint64_t old_size;
    unsigned forced_bits; /* 0: none */
    bool quick;           /* few rounds: more bits, so that fewer checks are needed */
    size_t count;
    rd__plan_step steps[RD__PLAN_STEPS];
    /* Of the searches near the expected places so far, in all lanes: */
    uint64_t searched;
    uint64_t found;
} rd__plan;

/* What is asked of a file of which nothing is known yet. */
void rd__plan_make(rd__plan *plan, uint64_t new_size, uint64_t old_size, unsigned max_rounds, unsigned forced_bits);
/* The receiver's outline has told what both files have in the same place: so many bytes are unknown, in whole units. */
void rd__plan_take_outline(rd__plan *plan, unsigned unit_log2, uint64_t new_size, uint64_t unknown);

/*
 * Why a lane is parked: it waits until no search of any lane is under way. Then all that are to search the whole old
 * file do so at once, since the receiver reads it only once for all of them.
 */
typedef enum rd__parked {
    RD__PARKED_NOT,
    RD__PARKED_BEFORE, /* a search of the whole old file */
    RD__PARKED_SAMPLE, /* one of a sample has found something */
    RD__PARKED_POOR    /* a search near the expected places has found little, in this lane */
} rd__parked;

/* How far a lane is. */
typedef struct rd__climb {
    size_t next;     /* step */
    uint32_t length; /* of the lane */
    bool over;       /* nothing more is asked, but for what is to be checked */
    rd__parked parked;
    bool again;       /* the last step is to be made once more */
    bool cleared;     /* it need not be parked before the next search */
    bool goes_global; /* searches are made in the whole old file */
    bool probes;      /* the search under way is of a sample, since nothing is known yet */
    bool probed;      /* there was such a one */
    unsigned rounds;
    uint64_t spent;    /* bytes of rounds */
    uint64_t budget;   /* of these */
    uint64_t searched; /* of the last search, near the expected places: stretches */
    uint64_t found;
    double inner_share; /* of the children of the last split with nothing known beside them: those that were found */
    double share;       /* of the last search: stretches that were found, of those that were searched for */
} rd__climb;

void rd__climb_begin(rd__climb *climb, const rd__plan *plan, uint32_t length);
/* After the answers of the round, before the conclusions. */
void rd__climb_learn(rd__climb *climb, const rd__ladder *ladder, const rd__round *round);
/*
 * Of a parked lane, once no search is under way: decides what it goes on with. All parked lanes together have so many
 * unknown bytes: reading the whole old file for few takes longer than sending them.
 */
void rd__climb_unpark(rd__climb *climb, const rd__plan *plan, uint64_t unknown);
/* Chooses the next round. False: there is none, and the lane is settled, or it is parked. */
bool rd__climb_next(rd__climb *climb, const rd__plan *plan, const rd__ladder *ladder, rd__round *round);

#endif
