/*
 * The receiver: it has the old file, says which stretches of the new one it finds there, and writes the new file.
 *
 * Sums mislead now and then. What they have led to is checked by other sums (engine/ladder.h), and in the end by the
 * digest of the file. If that is wrong, the sender gets sums of all leaves that were written, and those that are wrong
 * come once more, then, if need be, all of them: a wrong file is never taken for the new one.
 */
#include "session/receiver.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/numbers.h"
#include "io/sink.h"
#include "io/source.h"

#include <stdlib.h>

/* ---- The file ---------------------------------------------------------------------------------------------------- */

static rd_result receiver_prepare(receiver *r) {
    rd_session *const head = &r->head;
    r->threads = r->old_file.concurrent
                     ? rd__operation_threads_for(&head->operation, r->size > r->old_size ? r->size : r->old_size)
                     : 1; /* only the caller's thread may read it */
    r->lanes = rd__alloc_zeroed(RD__RECEIVER_LANES_MAX, sizeof *r->lanes);
    r->slots = rd__alloc_zeroed((uint64_t)r->threads + 1, sizeof *r->slots);
    r->slot_list = rd__alloc_array((uint64_t)r->threads + 1, sizeof *r->slot_list);
    bool good = r->lanes && r->slots && r->slot_list;
    for (unsigned i = 0; good && i <= r->threads; i++) {
        r->slot_list[i] = &r->slots[i];
        r->slots[i].seeker = (rd__seeker){.keys = &head->keys, .old_size = r->old_size};
        good = rd__nearby_init(&r->slots[i].seeker.nearby, &r->old_file, RD_ROLE_BASIS);
    }
    if (!good)
        return rd__fail_memory(&head->operation.error);
    return rd__session_output_init(&r->output, &r->sink, &head->operation, r->size,
                                   head->record.holes || (r->has_old && rd_source_holes(&r->old_file) > 0));
}

static rd_result receiver_go(receiver *r) {
    rd__growing body = {0};
    rd_result result = receiver_prepare(r);
    rd__number_put(&body, r->old_size);
    for (size_t i = 0; i < r->outline.unit_count; i++) {
        uint8_t *const to = rd__growing_add(&body, RD__OUTLINE_SUM_LEN);
        if (to)
            rd__store_le32(to, rd__outline_sum(&r->outline, &r->head.keys.stretch, i));
    }
    rd__outline_free(&r->outline);
    if (result == RD_OK)
        result = body.failed ? rd__fail_memory(&r->head.operation.error)
                             : rd__session_send(&r->head, RD__MESSAGE_GO, 0, body.data, body.size);
    rd__growing_free(&body);
    r->phase = RECEIVER_LANES;
    r->head.figures.rounds = r->size > 0 ? 2 : 1;
    return result == RD_OK && r->lane_count == 0 ? rd__receiver_finish_file(r) : result;
}

static rd_result receiver_take_file(receiver *r, const uint8_t *data, size_t size) {
    rd_session *const head = &r->head;
    if (!rd__file_record_get(data, size, &head->record))
        return rd__session_refuse(head, "a broken record of a file");
    if (!head->record.last)
        return rd__session_refuse(head, "several files, which this version cannot receive");
    r->size = head->record.file.size;
    head->has_file = true;
    head->figures.new_size = r->size;
    r->lane_count = (size_t)((r->size + ((uint64_t)1 << RD__LANE_LOG2) - 1) >> RD__LANE_LOG2);
    const rd_result result = rd__operation_allow_output(&head->operation, r->size);
    r->phase = RECEIVER_COMPARE;
    return result;
}

static rd_result receiver_take_digest(receiver *r, const uint8_t *data, size_t size) {
    if (r->head.announced || size != sizeof r->head.digest)
        return rd__session_refuse(&r->head, "a broken or second digest");
    memcpy(r->head.digest, data, size);
    r->head.announced = true;
    return RD_OK;
}

/* A file that has the old one's size may be the same. The old one is hashed while the sender hashes the new one. */
static rd_result receiver_hash(receiver *r) {
    uint64_t size = 0;
    r->hashed = true;
    return rd__outline_make(&r->outline, &r->old_file, &r->head.operation, RD_ROLE_BASIS, r->digest, &size);
}

/* Are the files equal? */
static rd_result receiver_compare(receiver *r, bool *done) {
    rd_session *const head = &r->head;
    const bool alike = r->has_old && r->old_size == r->size;
    *done = true;
    if (alike && !r->hashed)
        return receiver_hash(r);
    *done = head->announced;
    if (!head->announced)
        return RD_OK;
    if (!alike || memcmp(r->digest, head->digest, sizeof r->digest) != 0)
        return receiver_go(r);
    head->figures.identical = true;
    head->figures.known = head->figures.done = r->size;
    head->figures.has_digest = true;
    head->figures.rounds = 1;
    memcpy(head->figures.digest, r->digest, sizeof r->digest);
    head->finished = true;
    return rd__session_send(head, RD__MESSAGE_SAME, 0, NULL, 0);
}

/* ---- The side ---------------------------------------------------------------------------------------------------- */

static rd_result receiver_take(rd_session *session, rd__message_type type, uint64_t lane, const uint8_t *data,
                               size_t size, bool more) {
    receiver *const r = (receiver *)session;
    if (type == RD__MESSAGE_FILE && r->phase == RECEIVER_GREETING)
        return receiver_take_file(r, data, size);
    if (type == RD__MESSAGE_DIGEST && r->phase == RECEIVER_COMPARE)
        return receiver_take_digest(r, data, size);
    if (type == RD__MESSAGE_TOP && r->phase == RECEIVER_LANES)
        return rd__receiver_take_top(r, data, size);
    if (type == RD__MESSAGE_ROUND && r->phase == RECEIVER_LANES)
        return rd__receiver_take_round(r, lane, data, size);
    if (type == RD__MESSAGE_DATA)
        return rd__receiver_take_data(r, lane, data, size, more);
    if (type == RD__MESSAGE_REPAIR)
        return rd__receiver_take_repair(r, data, size, more);
    return rd__session_refuse(session, "a message at the wrong time");
}

static rd_result receiver_work(rd_session *session, bool *done) {
    receiver *const r = (receiver *)session;
    *done = true;
    if (r->phase == RECEIVER_COMPARE)
        return receiver_compare(r, done);
    if (r->phase == RECEIVER_TOP)
        return rd__receiver_search_top(r);
    *done = false;
    if (r->phase != RECEIVER_LANES)
        return RD_OK;
    const rd_result result = rd__receiver_answer_lanes(r, done);
    return result == RD_OK && !*done ? rd__receiver_search(r, done) : result;
}

static void receiver_close(rd_session *session) {
    receiver *const r = (receiver *)session;
    for (size_t i = 0; r->lanes && i < RD__RECEIVER_LANES_MAX; i++)
        rd__receiver_close_lane(&r->lanes[i]);
    for (unsigned i = 0; r->slots && i <= r->threads; i++)
        rd__nearby_free(&r->slots[i].seeker.nearby);
    free(r->lanes);
    free(r->slots);
    free(r->slot_list);
    free(r->blocks);
    free(r->same);
    rd__outline_free(&r->outline);
    rd__session_output_free(&r->output);
    rd__literal_decoder_free(&r->decoder);
    rd__growing_free(&r->prefix);
    rd__growing_free(&r->history);
}

static const rd__session_side receiver_side = {.take = receiver_take, .work = receiver_work, .close = receiver_close};

rd_result rd_session_receiver_new(rd_session **session, const rd_source *old_file, const rd_sink *out,
                                  const rd_options *options) {
    static const rd_source nothing = {.memory = "", .fd = -1, .seekable = true, .concurrent = true};
    rd_result result = rd__session_new(session, sizeof(receiver), &receiver_side, true, options);
    receiver *const r = (receiver *)*session;
    if (result == RD_OK && old_file)
        result = rd__source_check_seekable(old_file, RD_ROLE_BASIS, RD_E_PARAMETER, &r->head.operation.error);
    if (result == RD_OK && old_file && old_file->size == RD_UNKNOWN)
        result = rd__fail(&r->head.operation.error, RD_E_PARAMETER, RD_ROLE_BASIS, RD_UNKNOWN, "its size is not known");
    if (result == RD_OK && old_file)
        result = rd__sink_check_apart(out, old_file, RD_ROLE_BASIS, &r->head.operation.error);
    if (result == RD_OK) {
        r->has_old = old_file != NULL;
        r->old_file = old_file ? *old_file : nothing;
        r->old_size = r->old_file.size;
        r->sink = *out;
        r->head.figures.old_size = r->old_size;
        r->head.watch = rd__watch_begin(&r->old_file, RD_ROLE_BASIS);
    }
    return rd__session_made(session, result);
}
