/*
 * The ladder of a lane: which stretches of its part of the new file are known to be in the old file, found by sums of
 * ever shorter stretches (Langford 2001; Suel, Noel, Trendafilov 2004). Both sides of a session have one. They climb it
 * in rounds: the sender sends sums, the receiver answers which it has found, and both draw the same conclusions, so
 * nothing else need be sent. Where a stretch was found is the receiver's affair alone.
 *
 * A stretch is unknown until a few bits of its sum (hash/stretch_sum.h) agree with what the receiver has at some place.
 * So few agree by chance now and then. Hence a stretch is *fresh* at first; in the next round, fresh ones are checked
 * in groups, by other bits of the exclusive or of their sums. The members of a group that fails are *suspects*, and are
 * checked one by one in the round after that. What is bad is unknown again, and is split as any other.
 *
 * An unknown stretch is split into *children*; the sum of the last one follows from those of its siblings and of the
 * whole. From some size on, only children next to what is known are tested: what has nothing known beside it has most
 * likely nothing in common with the old file.
 */
#ifndef RD_ENGINE_LADDER_H
#define RD_ENGINE_LADDER_H

#include "format/bit_coder.h"
#include "format/bits.h"
#include "redelta.h"

enum {
    RD__LANE_LOG2 = 26,    /* a lane is so much of a file */
    RD__SUSPECT_BITS = 16, /* with which a suspect is checked: the highest of its sum */
    RD__CHECK_SHIFT = 24,  /* a group is checked with bits of sums from this one up; those below are for stretches */
    RD__CHECK_BITS_MAX = 24,
    RD__SUM_BITS_MAX = 24,
    RD__SURE_BITS = 22,        /* what is found by so many bits of sums, in a split, is known without a check */
    RD__ROLLING_BITS_MIN = 11, /* of the rolling sums of a search */
    RD__ROLLING_BITS_MAX = 32,
    RD__GROUP_LOG2_MAX = 8,
    RD__SAMPLE_LOG2_MAX = 16,
    RD__ROUND_HEADER_LEN = 6,
    RD__LADDER_MAX = 1 << 17 /* stretches of a lane */
};

typedef enum rd__stretch_state {
    RD__STRETCH_UNKNOWN,
    RD__STRETCH_FRESH,
    RD__STRETCH_GROUPED, /* a check of its group is under way */
    RD__STRETCH_SUSPECT,
    RD__STRETCH_KNOWN
} rd__stretch_state;

enum { /* flags of a stretch, for the round under way */
       RD__STRETCH_TESTED = 1,
       RD__STRETCH_DERIVED = 2, /* its sum is not sent */
       RD__STRETCH_CHILD = 4,   /* its parent was split in this round */
       RD__STRETCH_ELDEST = 8,  /* the first child */
       RD__STRETCH_FOUND = 16,
       RD__STRETCH_BAD = 32,  /* a suspect, or a member of a group that failed */
       RD__STRETCH_INNER = 64 /* a child that has nothing known beside its parent */
};

typedef struct rd__stretch {
    uint32_t start; /* in the lane */
    uint32_t length;
    uint8_t state;
    uint8_t flags;
    uint8_t bits;   /* of its sum, the lowest, that the receiver has while it is unknown */
    uint64_t sum;   /* the sender's; the receiver's: the bits it was sent, or all of what was found */
    uint64_t place; /* of the receiver: where in the old file */
} rd__stretch;

typedef enum rd__round_kind { RD__ROUND_CLOSE, RD__ROUND_SPLIT, RD__ROUND_LOCAL, RD__ROUND_GLOBAL } rd__round_kind;

/* What a round is about; its first bytes on the wire. */
typedef struct rd__round {
    rd__round_kind kind;
    bool edges;           /* of a split: only children next to something known are tested */
    bool final;           /* what is in a group that fails is unknown, without another check */
    unsigned size_log2;   /* of the children, or of the stretches that are searched for */
    unsigned bits;        /* that are sent for each: of its sum, or of its rolling sum */
    unsigned group_log2;  /* members of a group */
    unsigned check_bits;  /* of a group's check */
    unsigned sample_log2; /* of a search: only one in so many stretches is searched for */
} rd__round;

enum { RD__LADDER_MODELS = 2 + 3 * 16 };

typedef struct rd__ladder {
    rd__stretch *stretches; /* all of the lane, in order */
    size_t count;
    size_t capacity;
    bool finds; /* the receiver's: known stretches are joined only if their places follow each other */
    rd__bit_model models[RD__LADDER_MODELS];
} rd__ladder;

/* An empty ladder, of the receiver if it `finds`. */
void rd__ladder_init(rd__ladder *ladder, bool finds);
/* Adds a stretch at the end. False: out of memory. */
bool rd__ladder_add(rd__ladder *ladder, rd__stretch stretch);
void rd__ladder_free(rd__ladder *ladder);

/* False: it is no round that a sender may send. */
bool rd__round_get(const uint8_t header[RD__ROUND_HEADER_LEN], rd__round *round);
void rd__round_put(rd__growing *out, const rd__round *round);

/* Sender: adds the checks of suspects and of fresh stretches, which become groups. */
void rd__ladder_put_checks(rd__ladder *ladder, const rd__round *round, rd__bit_writer *writer);
/* Receiver: reads these and flags what is bad. */
void rd__ladder_get_checks(rd__ladder *ladder, const rd__round *round, rd__bit_reader *reader);

/*
 * The most stretches that the ladder may have after this round has begun, RD__LADDER_MAX or fewer. Known ones beside
 * each other count as one, wherever they were found, so that both sides count alike.
 */
size_t rd__ladder_bound(const rd__ladder *ladder, const rd__round *round);
/* Both: splits stretches, or selects those to be searched for, and flags what is tested. False: out of memory. */
bool rd__ladder_begin(rd__ladder *ladder, const rd__round *round);

/* Sender, of a split: adds the sums of what is tested, which have been made, and derives those of what is not. */
void rd__ladder_put_sums(rd__ladder *ladder, const rd__round *round, rd__bit_writer *writer);
/* Receiver: reads them, and derives those that are not sent. */
void rd__ladder_get_sums(rd__ladder *ladder, const rd__round *round, rd__bit_reader *reader);

/* Receiver: adds the answers, as the stretches are flagged. Sender: flags them. False: the answers are no such. */
void rd__ladder_put_answers(rd__ladder *ladder, const rd__round *round, rd__growing *out);
bool rd__ladder_get_answers(rd__ladder *ladder, const rd__round *round, const uint8_t *data, size_t size);

/* Both: draws the conclusions from the answers, and clears the flags. */
void rd__ladder_end(rd__ladder *ladder, const rd__round *round);

/* What is to be checked is none. */
bool rd__ladder_is_settled(const rd__ladder *ladder);
/* Bytes in stretches that are not unknown. */
uint64_t rd__ladder_known(const rd__ladder *ladder);

/* The lowest bits of a sum. */
static inline uint64_t rd__sum_bits(uint64_t sum, unsigned bits) {
    return sum & (((uint64_t)1 << bits) - 1);
}

#endif
