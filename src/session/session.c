/* See session.h, and redelta.h for what a caller may rely on. */
#include "session/session.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/result.h"
#include "compress/literals.h"
#include "hash/digest.h"

#include <assert.h>
#include <stdlib.h>

enum { LANES = 32, STATE_SIZE_MIN = sizeof(rd_session_state) };

static rd_result session_greet(rd_session *session) {
    rd__growing body = {0};
    rd__hello_put(&body, &session->hello);
    const rd_result result = body.failed ? rd__fail_memory(&session->operation.error)
                                         : rd__session_send(session, RD__MESSAGE_HELLO, 0, body.data, body.size);
    rd__growing_free(&body);
    session->greeting_size = session->out.size;
    return result;
}

rd_result rd__session_new(rd_session **session, size_t size, const rd__session_side *side, bool receives,
                          const rd_options *options) {
    rd_session *const made = rd__alloc_zeroed(1, size);
    *session = made;
    if (!made)
        return rd__fail_memory_of(options);
    made->side = side;
    made->receives = receives;
    made->state = RD_MORE;
    made->hello = (rd__hello){.version = RD__SESSION_VERSION,
                              .features = rd__literals_compress() ? RD__FEATURE_ZSTD : 0,
                              .receives = receives,
                              .lanes = receives ? LANES : 0};
    for (size_t i = 0; i < sizeof made->hello.random; i += sizeof(uint32_t))
        rd__store_le32(made->hello.random + i, rd__random_u32());
    rd_result result = rd__operation_start(&made->operation, options, RD_UNKNOWN);
    made->operation.error.reason = result == RD_OK ? rd_result_message(RD_OK) : made->operation.error.reason;
    return result == RD_OK ? session_greet(made) : result;
}

void rd__session_fix_random(rd_session *session, const uint8_t random[RD__SESSION_RANDOM]) {
    memcpy(session->hello.random, random, RD__SESSION_RANDOM);
    memcpy(session->out.data + session->greeting_size - RD__SESSION_RANDOM, random, RD__SESSION_RANDOM); /* its end */
}

rd_result rd__session_made(rd_session **session, rd_result result) {
    if (result == RD_OK || !*session)
        return result;
    const rd__operation *const operation = &(*session)->operation;
    if (operation->options.error)
        *operation->options.error = operation->error;
    rd_session_free(*session);
    *session = NULL;
    return result;
}

rd_result rd__session_send(rd_session *session, rd__message_type type, uint64_t lane, const uint8_t *data,
                           size_t size) {
    rd__message_put(&session->out, type, lane, data, size);
    return session->out.failed ? rd__fail_memory(&session->operation.error) : RD_OK;
}

rd_result rd__session_refuse(rd_session *session, const char *reason) {
    return rd__fail(&session->operation.error, RD_E_CORRUPT, RD_ROLE_NONE, session->figures.received, reason);
}

bool rd__session_compresses(const rd_session *session) {
    return (session->hello.features & session->other.features & RD__FEATURE_ZSTD) != 0;
}

void rd__session_force_bits(rd_session *session, unsigned bits) {
    session->forced_bits = bits;
}

/* ---- The greeting ------------------------------------------------------------------------------------------------ */

/* The keys come from both sides' random bytes, the sender's first: two digests of 32 bytes, told apart by a number. */
static void session_make_keys(rd_session *session) {
    uint8_t bytes[1 + 2 * RD__SESSION_RANDOM];
    uint8_t made[2 * RD_DIGEST_LEN];
    const rd__hello *const sender = session->receives ? &session->other : &session->hello;
    const rd__hello *const receiver = session->receives ? &session->hello : &session->other;
    memcpy(bytes + 1, sender->random, RD__SESSION_RANDOM);
    memcpy(bytes + 1 + RD__SESSION_RANDOM, receiver->random, RD__SESSION_RANDOM);
    for (uint8_t i = 0; i < 2; i++) {
        rd__digest digest;
        bytes[0] = i;
        rd__digest_init(&digest, 0);
        rd__digest_add(&digest, rd__kernels_best(), bytes, sizeof bytes);
        rd__digest_final(&digest, made + (size_t)i * RD_DIGEST_LEN);
    }
    for (size_t i = 0; i < RD__STRETCH_KEYS; i++)
        session->keys.stretch.keys[i] = rd__load_le64(made + i * sizeof(uint64_t));
    session->keys.rolling = rd__load_le32(made + RD__STRETCH_KEYS * sizeof(uint64_t)) | 1;
}

static rd_result session_take_hello(rd_session *session, const uint8_t *data, size_t size) {
    const char *reason = NULL;
    rd_error *const error = &session->operation.error;
    const rd_result result = rd__hello_get(data, size, &session->other, &reason);
    if (result != RD_OK)
        return rd__fail(error, result, RD_ROLE_NONE, 0, reason);
    if (session->other.version != RD__SESSION_VERSION)
        return rd__fail(error, RD_E_MAGIC, RD_ROLE_NONE, 0, "the other side speaks another version of the protocol");
    if (session->other.receives == session->receives)
        return rd__session_refuse(session,
                                  session->receives ? "the other side is no sender" : "the other side is no receiver");
    session->greeted = true;
    session_make_keys(session);
    return RD_OK;
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

static rd_result session_take_failure(rd_session *session, const uint8_t *data, size_t size) {
    rd_result result = RD_OK;
    if (!rd__failure_get(data, size, &result, session->text))
        return rd__session_refuse(session, "a broken message of a failure");
    session->told = true;
    session->operation.error.system_error = 0;
    return rd__fail(&session->operation.error, RD_E_PEER, RD_ROLE_NONE, RD_UNKNOWN, rd_result_message(result));
}

static rd_result session_take_message(rd_session *session, const rd__frame_header *header, const uint8_t *data,
                                      size_t size, bool more) {
    const rd__message_type type = (rd__message_type)header->type;
    if (type == RD__MESSAGE_FAILURE)
        return session_take_failure(session, data, size);
    if (session->greeted != (type != RD__MESSAGE_HELLO))
        return session->greeted ? rd__session_refuse(session, "a second greeting")
                                : rd__fail(&session->operation.error, RD_E_MAGIC, RD_ROLE_NONE, 0,
                                           "no session of redelta begins here");
    if (type == RD__MESSAGE_HELLO)
        return session_take_hello(session, data, size);
    return session->side->take(session, type, header->lane, data, size, more);
}

/* A whole frame. Those of a message are put together; the next frames of it must follow at once. */
static rd_result session_take_frame(rd_session *session, const rd__frame_header *header, const uint8_t *data) {
    rd__growing *const message = &session->message;
    const bool flows = header->type == RD__MESSAGE_DATA || header->type == RD__MESSAGE_REPAIR;
    const bool goes_on = session->begun.more;
    if (header->type == RD__MESSAGE_FAILURE)
        return session_take_message(session, header, data, header->size, false);
    if (goes_on && (header->type != session->begun.type || header->lane != session->begun.lane))
        return rd__session_refuse(session, "a message within another one");
    if (flows)
        return session_take_message(session, header, data, header->size, header->more);
    if (!goes_on && !header->more)
        return session_take_message(session, header, data, header->size, false);
    if (header->size > RD__MESSAGE_MAX - message->size || (header->more && header->size == 0))
        return rd__session_refuse(session, "a message that is too long");
    rd__growing_put(message, data, header->size);
    if (message->failed)
        return rd__fail_memory(&session->operation.error);
    session->begun = *header;
    if (header->more)
        return RD_OK;
    const rd_result result = session_take_message(session, header, message->data, message->size, false);
    rd__growing_free(message);
    return result;
}

/*
 * Takes the next frame, if all of it is here; what is here of it is kept. *taken: there was one. A frame that lies in
 * the input is not copied.
 */
static rd_result session_take_next(rd_session *session, rd_in *in, bool *taken) {
    rd__growing *const frame = &session->frame;
    const size_t left = in->size - in->pos;
    const uint8_t *const given = left > 0 ? (const uint8_t *)in->data + in->pos : NULL; /* there may be no input */
    const bool kept = frame->size > 0;
    const uint8_t *const start = kept ? frame->data : given;
    const size_t size = kept ? frame->size : left;
    const uint8_t *at = start;
    rd__frame_header header;
    const char *reason = NULL;
    *taken = false;
    if (size == 0)
        return RD_OK;
    rd_result result = rd__frame_get(&at, start + size, &header, &reason);
    if (result == RD_E_CORRUPT)
        return session->greeted ? rd__session_refuse(session, reason)
                                : rd__fail(&session->operation.error, RD_E_MAGIC, RD_ROLE_NONE, 0,
                                           "no session of redelta begins here");
    const size_t header_size = (size_t)(at - start);
    if (result == RD_OK && size - header_size >= header.size) {
        const size_t used = header_size + header.size;
        *taken = true;
        if (!kept)
            in->pos += used;
        session->figures.received += kept ? 0 : used;
        result = session_take_frame(session, &header, at);
        rd__growing_clear(frame);
        return result;
    }
    /* Of a header, one byte more at a time; then no more than the frame needs. */
    const size_t wanted = result == RD_OK ? header_size + header.size - size : kept ? 1 : left;
    const size_t now = rd__min_size(kept ? wanted : left, left);
    if (now > 0)
        rd__growing_put(frame, given, now);
    in->pos += now;
    session->figures.received += now;
    *taken = now > 0 && kept; /* it may be complete now */
    return frame->failed ? rd__fail_memory(&session->operation.error) : RD_OK;
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static void session_give(rd_session *session, rd_out *out) {
    rd__growing *const pending = &session->out;
    const size_t size = rd__min_size(pending->size - session->out_given, out->size - out->pos);
    if (size > 0)
        memcpy((uint8_t *)out->data + out->pos, pending->data + session->out_given, size);
    out->pos += size;
    session->out_given += size;
    session->figures.sent += size;
    if (session->out_given == pending->size) {
        rd__growing_clear(pending);
        session->out_given = 0;
    }
}

/* Tells the other side why this one ends, behind what it has of frames so far. */
static void session_fail(rd_session *session, rd_result result) {
    rd__growing body = {0};
    session->state = result;
    if (session->told)
        return;
    session->told = true;
    rd__failure_put(&body, result, session->operation.error.reason);
    if (!body.failed)
        rd__message_put(&session->out, RD__MESSAGE_FAILURE, 0, body.data, body.size);
    session->out.failed = false; /* then nobody is told */
    rd__growing_free(&body);
}

/* Goes on until there is nothing to do. */
static rd_result session_run(rd_session *session, rd_in *in, rd_out *out, bool end) {
    for (;;) {
        bool done = false;
        rd_result result = RD_OK;
        session_give(session, out);
        if (session->finished)
            return session->out.size == 0 ? RD_OK : RD_MORE;
        result = session_take_next(session, in, &done);
        const bool may_work = (session->greeted || (session->side->works_first && !session->rests)) &&
                              session->out.size - session->out_given < RD__SESSION_OUT_MAX;
        if (result == RD_OK && !done && !session->finished && may_work)
            result = session->side->work(session, &done);
        if (result != RD_OK)
            return result;
        if (!done && in->pos == in->size && !session->finished) {
            session_give(session, out);
            session->rests = session->rests && session->out.size > 0;
            return end && session->out.size == 0 ? rd__fail(&session->operation.error, RD_E_TRUNCATED, RD_ROLE_NONE,
                                                            session->figures.received, "the connection ended too early")
                                                 : RD_MORE;
        }
    }
}

rd_result rd_session_step(rd_session *session, rd_in *in, rd_out *out, bool end) {
    if (in->pos > in->size || out->pos > out->size)
        return RD_E_PARAMETER;
    if (session->state == RD_MORE) {
        const rd_result result = session_run(session, in, out, end);
        if (result != RD_MORE && result != RD_OK)
            session_fail(session, result);
        else
            session->state = result;
    }
    if (session->state != RD_OK && session->state != RD_MORE)
        session_give(session, out);
    return session->state;
}

void rd_session_cancel(rd_session *session) {
    if (session->state != RD_MORE)
        return;
    (void)rd__fail(&session->operation.error, RD_E_CANCELLED, RD_ROLE_NONE, RD_UNKNOWN, "cancelled");
    session_fail(session, RD_E_CANCELLED);
}

/* ---- What is known of it ----------------------------------------------------------------------------------------- */

rd_result rd_session_file_info(const rd_session *session, rd_session_file *file) {
    if (!session->has_file)
        return RD_MORE;
    *file = session->record.file;
    return RD_OK;
}

rd_result rd_session_get_state(const rd_session *session, rd_session_state *state) {
    const size_t size = state->size;
    if (size < STATE_SIZE_MIN)
        return RD_E_PARAMETER;
    memset(state, 0, size);
    memcpy(state, &session->figures, rd__min_size(size, sizeof session->figures));
    state->size = size;
    return RD_OK;
}

const rd_error *rd_session_error(const rd_session *session) {
    return &session->operation.error;
}

const char *rd_session_message(const rd_session *session) {
    return session->text;
}

void rd_session_free(rd_session *session) {
    if (!session)
        return;
    session->side->close(session);
    rd__growing_free(&session->out);
    rd__growing_free(&session->frame);
    rd__growing_free(&session->message);
    rd__context_release(&session->operation.own);
    free(session);
}
