/*
 * What the targets of sessions share: two files that have much in common, sessions with fixed keys, so that a
 * conversation is the same in every run, and a driver of one session.
 */
#ifndef RD_FUZZ_SESSION_H
#define RD_FUZZ_SESSION_H

#include "fuzz.h"

#include "format/session.h"
#include "session/session.h"

enum { FUZZ_STEPS_MAX = 100000, FUZZ_MADE_MAX = 4 * 1024 * 1024 };

/*
 * Two files: bytes without structure, and what a script makes of them (fuzz_new_file). From FUZZ_LARGE on, the size is
 * 16 times as many bytes, so that there are sums of outlines; and the new file is the old one, over a part of which is
 * written what the script makes.
 */
typedef struct fuzz_pair {
    rd_memory old_file;
    rd_memory new_file;
} fuzz_pair;

enum { FUZZ_LARGE = 0xf000 };

static inline fuzz_pair fuzz_pair_from(fuzz_input *in) {
    fuzz_pair pair = {0};
    fuzz_input script = fuzz_part(in);
    const uint32_t number = fuzz_number(in, 2);
    const uint32_t size = number < FUZZ_LARGE ? number : 16 * number;
    uint64_t state = size * (uint64_t)0x2545f4914f6cdd1d + 1;
    pair.old_file = (rd_memory){.data = fuzz_alloc(size), .size = size, .capacity = size};
    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        pair.old_file.data[i] = (uint8_t)(state >> 56);
    }
    pair.new_file = fuzz_new_file(&script, &pair.old_file);
    if (number >= FUZZ_LARGE) {
        rd_memory part = pair.new_file;
        const size_t at = (size_t)(number & 0xfff) << 8;
        pair.new_file = fuzz_copy(pair.old_file.data, size);
        if (at < size && part.size > 0)
            memcpy(pair.new_file.data + at, part.data, fuzz_least(part.size, size - at));
        rd_memory_free(&part);
    }
    return pair;
}

static inline void fuzz_pair_free(fuzz_pair *pair) {
    rd_memory_free(&pair->old_file);
    rd_memory_free(&pair->new_file);
}

/* Options of a session, from a choice. */
static inline rd_options fuzz_session_options(uint8_t choice) {
    return (rd_options){.size = sizeof(rd_options),
                        .threads = 1 + (choice & 1),
                        .compression = choice & 2   ? RD_COMPRESSION_NEVER
                                       : choice & 4 ? 1
                                                    : 0,
                        .max_rounds = choice & 8 ? 17 : 0,
                        .limits.output = FUZZ_MADE_MAX};
}

static inline rd_session *fuzz_sender(const rd_memory *file, const rd_options *options, unsigned bits) {
    static const uint8_t key[RD__SESSION_RANDOM] = "the sender's key";
    rd_session *session = NULL;
    const rd_source source = fuzz_source(file);
    fuzz_require(rd_session_sender_new(&session, &source, NULL, options) == RD_OK);
    rd__session_fix_random(session, key);
    rd__session_force_bits(session, bits);
    return session;
}

static inline rd_session *fuzz_receiver(const rd_memory *file, const rd_sink *sink, const rd_options *options) {
    static const uint8_t key[RD__SESSION_RANDOM] = "a receiver's key";
    rd_session *session = NULL;
    const rd_source source = fuzz_source(file);
    fuzz_require(rd_session_receiver_new(&session, &source, sink, options) == RD_OK);
    rd__session_fix_random(session, key);
    return session;
}

/* What a session has on its hands. */
typedef struct fuzz_party {
    rd_session *session;
    fuzz_pace pace;
    uint8_t *room; /* FUZZ_PORTION_MAX */
    rd_result result;
    bool idle; /* nothing moved in the last step: the next one gets something of both */
} fuzz_party;

static inline fuzz_party fuzz_party_of(rd_session *session, const fuzz_pace *pace) {
    return (fuzz_party){.session = session, .pace = *pace, .room = fuzz_alloc(FUZZ_PORTION_MAX), .result = RD_MORE};
}

static inline void fuzz_party_free(fuzz_party *party) {
    rd_session_free(party->session);
    free(party->room);
}

static inline size_t fuzz_party_size(fuzz_party *party, size_t limit) {
    const size_t size = fuzz_portion(&party->pace);
    return fuzz_least(size == 0 && party->idle ? 1 : size, limit);
}

/* One step with the next bytes of `input`, which are copied so that a sanitizer sees each that is read beyond. */
static inline void fuzz_party_step(fuzz_party *party, const rd_memory *input, size_t *used, bool end,
                                   rd_memory *output) {
    const size_t left = input->size - *used;
    const size_t size = fuzz_party_size(party, left);
    rd_memory given = fuzz_copy(input->data ? input->data + *used : NULL, size);
    const size_t room = fuzz_party_size(party, FUZZ_PORTION_MAX);
    rd_in in = {.data = given.data, .size = size};
    rd_out out = {.data = party->room + (FUZZ_PORTION_MAX - room), .size = room};
    const rd_result before = party->result;
    party->result = rd_session_step(party->session, &in, &out, end && size == left);
    fuzz_require(in.pos <= in.size && out.pos <= out.size);
    fuzz_require(before == RD_MORE || before == party->result);
    fuzz_require(party->result != RD_MORE || in.pos == in.size || out.pos == out.size);
    party->idle = in.pos == 0 && out.pos == 0;
    *used += in.pos;
    fuzz_append(output, out.data, out.pos);
    rd_memory_free(&given);
}

/* Reads its own figures, and has an error if it failed. */
static inline rd_session_state fuzz_party_check(const fuzz_party *party) {
    rd_session_state state = {.size = sizeof state};
    fuzz_require(rd_session_get_state(party->session, &state) == RD_OK);
    const rd_error *const error = rd_session_error(party->session);
    if (party->result != RD_OK && party->result != RD_MORE) {
        fuzz_require(error->result == party->result && error->reason);
        fuzz_require(party->result != RD_E_MEMORY && party->result != RD_E_STATE && party->result != RD_E_PARAMETER);
    }
    fuzz_require(strlen(rd_session_message(party->session)) <= RD__FAILURE_TEXT_MAX);
    fuzz_require(state.literal <= state.done + state.new_size);
    fuzz_require(!state.identical || party->result == RD_OK || party->result == RD_MORE);
    return state;
}

/* Gives a session all of `input`, and has it work until it waits for more. Its output goes to *made. */
static inline void fuzz_party_feed(fuzz_party *party, const rd_memory *input, bool end, rd_memory *made) {
    size_t used = 0;
    unsigned still = 0; /* steps in which nothing moved: in the second, it had room */
    for (unsigned steps = 0; still < 2; steps++) {
        fuzz_require(steps < FUZZ_STEPS_MAX);
        fuzz_party_step(party, input, &used, end, made);
        still = party->idle ? still + 1 : 0;
    }
    fuzz_require(party->result != RD_MORE || (used == input->size && !end));
}

/*
 * The next message of the input: a byte for the type (with 0x80: it goes on), a byte for the lane, two for the length,
 * and so many bytes. The last one may be cut short.
 */
static inline void fuzz_next_frame(fuzz_input *in, rd__growing *out) {
    const fuzz_input head = fuzz_take(in, 4);
    uint8_t bytes[4] = {0};
    memcpy(bytes, head.data, head.size);
    const fuzz_input body = fuzz_take(in, (size_t)bytes[2] << 8 | bytes[3]);
    rd__growing_clear(out);
    rd__frame_put(out, (rd__frame_header){.type = bytes[0] & 0x7fu,
                                          .more = bytes[0] >= 0x80,
                                          .lane = bytes[1] & 3,
                                          .size = (uint32_t)body.size});
    if (body.size > 0)
        rd__growing_put(out, body.data, body.size);
}

/* What the other side says: `beginning`, if it is not empty, then the messages of the input; or the input as it is. */
static inline void fuzz_party_run(fuzz_party *party, const rd__growing *beginning, fuzz_input *in, rd_memory *made) {
    rd__growing next = {0};
    if (beginning->size > 0) {
        const rd_memory bytes = {.data = beginning->data, .size = beginning->size};
        fuzz_party_feed(party, &bytes, false, made);
        while (in->size > 0 && party->result == RD_MORE) {
            fuzz_next_frame(in, &next);
            const rd_memory frame = {.data = next.data, .size = next.size};
            fuzz_party_feed(party, &frame, false, made);
        }
        rd__growing_free(&next);
        *in = (fuzz_input){0};
    }
    const rd_memory rest = {.data = (uint8_t *)in->data, .size = in->size};
    fuzz_party_feed(party, &rest, true, made);
}

/*
 * Changes bytes on their way: those from `from` on. Of an edit, two bytes say how far it is from the one before, and
 * one is added to a byte there, or, if it is 0, leaves a byte out.
 */
static inline void fuzz_change(rd_memory *bytes, size_t from, fuzz_input *edits, size_t *next) {
    while (edits->size >= 3 && *next < bytes->size) {
        const uint8_t by = edits->data[2];
        if (*next >= from && by == 0) {
            memmove(bytes->data + *next, bytes->data + *next + 1, bytes->size - *next - 1);
            bytes->size--;
        } else if (*next >= from) {
            bytes->data[*next] = (uint8_t)(bytes->data[*next] + by);
        }
        (void)fuzz_take(edits, 3);
        *next += edits->size >= 3 ? (size_t)edits->data[0] << 8 | edits->data[1] : 0;
    }
}

/* Two parties talk; what `liar` says is changed. The connection of the other one ends when nothing moves any more. */
static inline void fuzz_converse(fuzz_party *liar, fuzz_party *victim, fuzz_input *edits) {
    size_t next = edits->size >= 3 ? (size_t)edits->data[0] << 8 | edits->data[1] : 0;
    rd_memory said = {0};
    rd_memory answers = {0};
    size_t said_used = 0;
    size_t answers_used = 0;
    unsigned still = 0; /* steps in which nothing moved */
    for (unsigned steps = 0; victim->result == RD_MORE || !victim->idle; steps++) {
        const size_t before = said.size;
        fuzz_require(steps < FUZZ_STEPS_MAX);
        fuzz_party_step(liar, &answers, &answers_used, false, &said);
        fuzz_change(&said, before, edits, &next);
        fuzz_party_step(victim, &said, &said_used, still > 2, &answers);
        still = liar->idle && victim->idle ? still + 1 : 0;
    }
    rd_memory_free(&said);
    rd_memory_free(&answers);
}

#endif
