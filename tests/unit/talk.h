/*
 * Two sessions in memory that talk to each other, in steps of any size, over a connection that may break or lie.
 *
 * The connection allocates nothing while they talk, so that allocations can be counted, unless every chunk is to lie in
 * an allocation of its own, where a sanitizer sees each byte read too many.
 */
#ifndef RD_TESTS_TALK_H
#define RD_TESTS_TALK_H

#include "support.h"

enum { SENDER, RECEIVER, SIDES };
enum { TALK_MAX = 4 << 20, TALK_MADE_MAX = 2 << 20 }; /* bytes that one side may say, and of a file that is made */

static const size_t nowhere = SIZE_MAX;

/* How they talk, and what goes wrong; what a side says is counted from 0. */
typedef struct talk_plan {
    size_t in_most;       /* bytes that a step is given */
    size_t out_most;      /* room for what it says */
    bool exact;           /* each chunk in an allocation of its own */
    size_t cut[SIDES];    /* after so many bytes of what this side says, the connection breaks in both directions */
    size_t change[SIDES]; /* this byte of what it says comes out changed */
    uint8_t with;         /* by exclusive or */
    size_t cancel[SIDES]; /* before this step of its, counted from 0 */
} talk_plan;

static inline talk_plan talk_plan_plain(void) {
    return (talk_plan){.in_most = 65536,
                       .out_most = 65536,
                       .cut = {nowhere, nowhere},
                       .change = {nowhere, nowhere},
                       .cancel = {nowhere, nowhere}};
}

typedef struct talk_side {
    rd_session *session;
    rd_result result; /* RD_MORE until it has one */
    bool ended;       /* the result is told, and its direction closed */
    bool closed;      /* nothing of what it says passes any more */
    size_t said;      /* bytes that passed */
    size_t dropped;   /* bytes that did not */
    size_t heard;     /* bytes that it took from the other side */
    size_t steps;
} talk_side;

/* What the receiver writes. `fails`: the write of this number does, counted from 0. */
typedef struct talk_output {
    size_t next;
    size_t size;
    size_t writes;
    size_t fails;
} talk_output;

typedef struct talk {
    talk_side sides[SIDES];
    talk_output output;
} talk;

static uint8_t talk_said[SIDES][TALK_MAX];
static uint8_t talk_made[TALK_MADE_MAX];

static inline rd_result talk_write_at(void *context, uint64_t offset, const void *data, size_t size) {
    talk_output *const o = context;
    if (o->writes++ == o->fails || offset > TALK_MADE_MAX || size > TALK_MADE_MAX - offset)
        return RD_E_IO;
    if (size > 0)
        memcpy(talk_made + offset, data, size);
    if (offset + size > o->size)
        o->size = (size_t)offset + size;
    return RD_OK;
}

static inline rd_result talk_write(void *context, const void *data, size_t size) {
    talk_output *const o = context;
    const rd_result result = talk_write_at(context, o->next, data, size);
    o->next += size;
    return result;
}

/* What a side says passes, as the plan has it. */
static inline void talk_say(talk *t, const talk_plan *plan, unsigned side, const uint8_t *data, size_t size) {
    talk_side *const s = &t->sides[side];
    for (size_t i = 0; i < size; i++) {
        if (s->said == plan->cut[side])
            t->sides[SENDER].closed = t->sides[RECEIVER].closed = true;
        if (s->closed) {
            s->dropped += s->result == RD_MORE; /* else it tells only of its failure */
            continue;
        }
        assert_true(s->said < TALK_MAX);
        talk_said[side][s->said] = (uint8_t)(data[i] ^ (s->said == plan->change[side] ? plan->with : 0));
        s->said++;
    }
}

/* One step of a side. Returns whether anything happened. */
static inline bool talk_step(talk *t, const talk_plan *plan, unsigned side) {
    static uint8_t room[1 << 20];
    talk_side *const s = &t->sides[side];
    const talk_side *const other = &t->sides[1 - side];
    if (s->ended)
        return false;
    if (s->steps == plan->cancel[side])
        rd_session_cancel(s->session);
    s->steps++;
    const size_t left = other->said - s->heard;
    const size_t size = left < plan->in_most ? left : plan->in_most;
    rd_memory copy = {0};
    if (plan->exact)
        copy = bytes_copy(talk_said[1 - side] + s->heard, size);
    rd_in in = {.data = plan->exact ? copy.data : talk_said[1 - side] + s->heard, .size = size};
    rd_out out = {.data = room, .size = plan->out_most < sizeof room ? plan->out_most : sizeof room};
    const rd_result result = rd_session_step(s->session, &in, &out, other->closed && size == left);
    rd_memory_free(&copy);
    assert_true(in.pos <= in.size && out.pos <= out.size);
    s->heard += in.pos;
    if (s->result != RD_MORE)
        check_equal(result, s->result, "an error that was told before");
    s->result = result == RD_OK ? RD_MORE : result;
    talk_say(t, plan, side, room, out.pos);
    s->result = result;
    s->ended = result == RD_OK || (result != RD_MORE && out.pos == 0);
    if (s->ended)
        s->closed = true;
    return in.pos > 0 || out.pos > 0 || s->ended;
}

/*
 * Talks until both sides have ended. They must not wait for each other, unless what one says was changed: a length that
 * is a lie makes the other one wait for what never comes. Then somebody has enough, and the connection breaks.
 */
static inline void talk_run(talk *t, const talk_plan *plan) {
    while (!t->sides[SENDER].ended || !t->sides[RECEIVER].ended) {
        if (plan->cut[SENDER] == t->sides[SENDER].said || plan->cut[RECEIVER] == t->sides[RECEIVER].said)
            t->sides[SENDER].closed = t->sides[RECEIVER].closed = true;
        const bool sent = talk_step(t, plan, SENDER);
        const bool received = talk_step(t, plan, RECEIVER);
        const bool lies = plan->change[SENDER] != nowhere || plan->change[RECEIVER] != nowhere;
        if (!sent && !received && lies && !t->sides[SENDER].closed)
            t->sides[SENDER].closed = t->sides[RECEIVER].closed = true;
        else
            check_true(sent || received, "both wait: the sender for byte %zu, the receiver for byte %zu",
                       t->sides[SENDER].heard, t->sides[RECEIVER].heard);
    }
}

static inline void talk_free(talk *t) {
    for (unsigned side = SENDER; side < SIDES; side++)
        rd_session_free(t->sides[side].session);
}

static inline rd_session_state talk_state(const talk *t, unsigned side) {
    rd_session_state state = {.size = sizeof state};
    assert_int_equal(rd_session_get_state(t->sides[side].session, &state), RD_OK);
    return state;
}

/* Whether the receiver made this file, or found that it has it. */
static inline bool talk_made_is(const talk *t, const rd_memory *old_file, const rd_memory *new_file) {
    if (talk_state(t, RECEIVER).identical)
        return old_file && old_file->size == new_file->size &&
               (new_file->size == 0 || memcmp(old_file->data, new_file->data, new_file->size) == 0);
    return t->output.size == new_file->size &&
           (new_file->size == 0 || memcmp(talk_made, new_file->data, new_file->size) == 0);
}

#endif
