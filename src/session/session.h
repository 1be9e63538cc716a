/*
 * What both sides of a session share: frames in and out, the greeting, the keys, failures. A side is a set of
 * functions: one that takes a message, and one that does the next portion of work when no message is left to be taken.
 *
 * Nothing here waits, and nothing can be waited for in a circle: messages are always taken, whatever is still to be
 * sent, since they are few. A sender has at most one round of each lane under way, and a receiver says how many lanes
 * may be open. Work that has much to say, such as the literals, pauses while the output is not fetched.
 */
#ifndef RD_SESSION_SESSION_H
#define RD_SESSION_SESSION_H

#include "base/operation.h"
#include "engine/ladder.h"
#include "format/session.h"
#include "hash/stretch_sum.h"
#include "io/watch.h"

enum {
    RD__SESSION_OUT_MAX = 1024 * 1024, /* bytes that wait to be fetched: no work is done while there are more */
    RD__SESSION_ROUNDS = 2, /* round trips besides those of the blocks and of a lane: of the file and the literals */
    RD__SESSION_REPAIR_LEAF_MIN = 64 * 1024,
    RD__SESSION_REPAIR_LEAVES_MAX = 1 << 18
};

/* The keys of a session's sums. */
typedef struct rd__session_keys {
    rd__stretch_keys stretch;
    uint32_t rolling; /* odd: the rolling sum is multiplied by it */
} rd__session_keys;

/* What a side does. */
typedef struct rd__session_side {
    /* Takes a message. Of RD__MESSAGE_DATA and _REPAIR each frame is one, and `more` says that it is not the last. */
    rd_result (*take)(rd_session *session, rd__message_type type, uint64_t lane, const uint8_t *data, size_t size,
                      bool more);
    /* Does the next portion of work. *done: there was some. */
    rd_result (*work)(rd_session *session, bool *done);
    void (*close)(rd_session *session);
    bool works_first; /* there is work before the greeting of the other side; see `rests` */
} rd__session_side;

/* The head of both sides' sessions. */
struct rd_session {
    const rd__session_side *side;
    rd__operation operation;
    rd_result state; /* RD_MORE while it runs, then how it ended */
    bool receives;
    bool greeted;  /* the other side's greeting is here */
    bool finished; /* by the side: RD_OK once the output is fetched */
    bool told;     /* of the failure: the other side knows, or will */
    bool rests;    /* until the greeting, or the next step: what was said is to travel before the work begins */
    rd__hello hello;
    rd__hello other;
    rd__session_keys keys;
    rd__growing out; /* for the other side */
    size_t out_given;
    size_t greeting_size;   /* of the greeting in it */
    rd__growing frame;      /* header and payload, as far as they have come */
    rd__growing message;    /* of several frames */
    rd__frame_header begun; /* of the message */
    bool has_file;
    rd__file_record record;
    bool announced; /* the digest of the new file was sent, or is here */
    uint8_t digest[RD_DIGEST_LEN];
    rd_session_state figures;
    rd__watch watch;                     /* of the side's own file */
    unsigned forced_bits;                /* for tests: sums are no longer than this; 0: as they should be */
    char text[RD__FAILURE_TEXT_MAX + 1]; /* from the other side */
};

/* A zeroed session of `size` bytes, its head set and its greeting ready to be fetched. As rd__stream_new. */
rd_result rd__session_new(rd_session **session, size_t size, const rd__session_side *side, bool receives,
                          const rd_options *options);
/* The end of every function that makes one: as rd__stream_made. */
rd_result rd__session_made(rd_session **session, rd_result result);

/* Adds a message of what is in `body`. */
rd_result rd__session_send(rd_session *session, rd__message_type type, uint64_t lane, const uint8_t *data, size_t size);

/* The other side breaks the rules: RD_E_CORRUPT. */
rd_result rd__session_refuse(rd_session *session, const char *reason);

/* Do both sides compress? */
bool rd__session_compresses(const rd_session *session);

/* For tests: no sum has more bits than this, so that many mislead. Of a new sender. */
void rd__session_force_bits(rd_session *session, unsigned bits);
/* For tests: greets with these bytes instead of random ones, so that a conversation repeats. Of a new session. */
void rd__session_fix_random(rd_session *session, const uint8_t random[RD__SESSION_RANDOM]);

#endif
