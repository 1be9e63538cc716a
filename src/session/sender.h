/*
 * What the parts of a sender share (session/sender.c): the file's top, the lanes, the literals.
 */
#ifndef RD_SESSION_SENDER_H
#define RD_SESSION_SENDER_H

#include "base/memory.h"
#include "compress/literals.h"
#include "io/nearby.h"
#include "session/outline.h"
#include "session/plan.h"
#include "session/session.h"

enum {
    RD__SENDER_LANES_MAX = 32,     /* open at once */
    RD__SENDER_PORTION = 64 * 1024 /* of a stretch that is read at once */
};

typedef enum sender_phase {
    SENDER_DIGEST, /* of the file, which is to be made */
    SENDER_ANNOUNCED,
    SENDER_TOP, /* the receiver wants it */
    SENDER_TOP_SENT,
    SENDER_LANES,
    SENDER_SENT, /* all of it */
    SENDER_REPAIR
} sender_phase;

typedef struct sender_lane {
    uint64_t start; /* in the file */
    uint32_t length;
    bool waits; /* for the receiver's answer */
    bool ready; /* to do the next step */
    rd__ladder ladder;
    rd__climb climb;
    rd__round round;    /* under way */
    rd__growing answer; /* as it came */
    rd__growing body;   /* of the next round */
    rd_result result;
    rd_error error;
} sender_lane;

/* What a thread works on a lane with. */
typedef struct sender_slot {
    sender_lane *lane;
    rd__nearby nearby;
} sender_slot;

typedef struct sender {
    rd_session head;
    rd_source source;
    sender_phase phase;
    uint64_t size;
    uint64_t old_size;
    rd__plan plan;

    rd__outline outline;
    uint8_t *same; /* of each of its units: 1 if the receiver has it in the same place. NULL: it says nothing of that */

    uint64_t *sums; /* of the blocks; NULL: are not sent */
    uint8_t *found; /* of each block: 1 if the receiver has it */
    size_t block_count;

    size_t lane_count;
    size_t first; /* the lane that sends its literals next */
    size_t open_end;
    sender_lane *lanes; /* LANES_MAX, of which lane n is n modulo that */
    sender_slot *slots;
    void **slot_list;
    unsigned threads;
    size_t next_ready; /* of the run of threads: the lane that is looked at next */

    rd__literal_encoder encoder;
    rd__growing prefix;
    rd__growing history;
    rd__growing chunk; /* of a frame of DATA */
    bool data_begun;   /* of the first lane */
    size_t at;         /* its stretch */
    uint32_t at_offset;
    uint64_t unsent; /* literal bytes of the lane */

    rd__growing wrong; /* the leaves to be repaired: a bit each */
    size_t next_leaf;
    unsigned repairs;
} sender;

static inline sender_lane *rd__sender_lane_at(const sender *s, size_t number) {
    return &s->lanes[number % RD__SENDER_LANES_MAX];
}

/* Does the receiver have this block of the new file in the same place, as its outline tells? */
static inline bool rd__sender_is_known(const sender *s, size_t block) {
    return s->same && s->same[(uint64_t)block << s->plan.top_log2 >> s->outline.unit_log2];
}

/* ---- The top (sender_top.c) */

/* Says which units are the same, and the sums of the other blocks. */
rd_result rd__sender_send_top(sender *s);
/* Which blocks the receiver has found. */
rd_result rd__sender_take_placed(sender *s, const uint8_t *data, size_t size);

/* ---- Lanes (sender_lanes.c) */

/* Opens lanes, and has those take their next step that can. *done: there was something to do. */
rd_result rd__sender_work_lanes(sender *s, bool *done);
/* What the receiver has found in a lane's round. */
rd_result rd__sender_take_found(sender *s, uint64_t number, const uint8_t *data, size_t size);
void rd__sender_close_lane(sender_lane *lane);

/* ---- Literals and repair (sender_literals.c) */

/* Sends the next frames of the first lane's literals, and when they are complete, closes the lane. */
rd_result rd__sender_send_data(sender *s);
/* Compares the receiver's sums of leaves. */
rd_result rd__sender_take_leaves(sender *s, const uint8_t *data, size_t size);
/* Sends the next leaf that is wrong, in a frame of its own, and at the end an empty one. */
rd_result rd__sender_send_repair(sender *s);

#endif
