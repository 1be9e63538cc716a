/*
 * What the parts of a receiver share (session/receiver.c): the file's top, the lanes, the literals, repair.
 */
#ifndef RD_SESSION_RECEIVER_H
#define RD_SESSION_RECEIVER_H

#include "base/memory.h"
#include "compress/literals.h"
#include "session/outline.h"
#include "session/output.h"
#include "session/seek.h"
#include "session/session.h"

enum {
    RD__RECEIVER_LANES_MAX = 32 /* that may be open */
};

typedef enum receiver_phase {
    RECEIVER_GREETING,
    RECEIVER_COMPARE, /* the file is announced */
    RECEIVER_LANES,
    RECEIVER_TOP, /* blocks are to be searched for */
    RECEIVER_WRITTEN,
    RECEIVER_REPAIR,
    RECEIVER_DONE
} receiver_phase;

typedef struct receiver_lane {
    bool open;
    bool asked; /* a round is to be answered */
    uint64_t start;
    uint32_t length;
    uint64_t before; /* diagonals */
    uint64_t after;
    unsigned rounds;
    rd__ladder ladder;
    rd__round round;
    rd__growing message; /* the round, as it came */
    rd__growing answer;
    uint32_t *rolling; /* of a search: what was sent for each stretch */
    rd_result result;
    rd_error error;
} receiver_lane;

typedef struct receiver_slot {
    receiver_lane *lane;
    rd__seeker seeker;
} receiver_slot;

typedef struct receiver {
    rd_session head;
    rd_source old_file;
    rd_sink sink;
    receiver_phase phase;
    bool has_old;
    bool data_begun;
    bool doubtful;      /* the literals of the lane cannot be read: hashes have misled */
    bool seen_leaf;     /* of the repair: a part of one came */
    uint64_t next_leaf; /* that may come, since they come in order */
    uint64_t size;
    uint64_t old_size;

    bool hashed;                   /* the old file, which has the new one's size */
    uint8_t digest[RD_DIGEST_LEN]; /* of the old file */
    rd__outline outline;

    unsigned top_log2; /* 0: there is none */
    unsigned top_rolling_bits;
    unsigned top_bits;   /* of sums */
    bool places_blocks;  /* that it searches for: the sender has sent sums of them */
    uint8_t *same;       /* of each unit of the outline: 1 if both files have it in the same place */
    rd__wanted *blocks;  /* first those that are searched for; after the search in the order of the new file */
    size_t wanted_count; /* that are searched for */
    size_t block_count;

    size_t lane_count;
    size_t first; /* the lane whose literals come next */
    receiver_lane *lanes;
    receiver_slot *slots;
    void **slot_list;
    unsigned threads;
    size_t next_asked;
    unsigned searches;

    rd__session_output output;
    rd__literal_decoder decoder;
    rd__growing prefix;
    rd__growing history;
    size_t at; /* the stretch that is written */
    uint32_t at_offset;
    unsigned repairs;
} receiver;

/* Do both files have what lies here in the same place, as their outlines tell? */
static inline bool rd__receiver_is_known(const receiver *r, uint64_t offset) {
    return r->same && r->same[offset >> r->outline.unit_log2];
}

/* ---- The top (receiver_top.c) */

/* Reads what it says of units and blocks. Without a search, the rounds follow at once. */
rd_result rd__receiver_take_top(receiver *r, const uint8_t *data, size_t size);
/* Searches the old file for the blocks, and says which it has. */
rd_result rd__receiver_search_top(receiver *r);

/* ---- Lanes (receiver_lanes.c) */

rd_result rd__receiver_take_round(receiver *r, uint64_t number, const uint8_t *data, size_t size);
/* Answers all rounds that are here, but for searches of the whole old file. *done: there were some. */
rd_result rd__receiver_answer_lanes(receiver *r, bool *done);
/* Searches the whole old file for the lanes that ask for one size, if any does, and answers them. */
rd_result rd__receiver_search(receiver *r, bool *done);
/* Notes in the figures how much is known by now. */
void rd__receiver_count_known(receiver *r);
/* The lane, opened if it was not. NULL: out of memory. */
receiver_lane *rd__receiver_open_lane(receiver *r, uint64_t number);
void rd__receiver_close_lane(receiver_lane *lane);

/* ---- Literals (receiver_literals.c) */

/* A frame of the first lane's literals: writes the lane as far as they go. */
rd_result rd__receiver_take_data(receiver *r, uint64_t number, const uint8_t *data, size_t size, bool more);

/* ---- The end, and repair (receiver_repair.c) */

/* All is written: is it the new file? */
rd_result rd__receiver_finish_file(receiver *r);
/* A leaf anew; at the end an empty message. */
rd_result rd__receiver_take_repair(receiver *r, const uint8_t *data, size_t size, bool more);

#endif
