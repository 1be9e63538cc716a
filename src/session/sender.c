/*
 * The sender: it has the new file, and says sums of its stretches until enough of them are found; then it sends the
 * rest.
 *
 * What the receiver has in the same place is known from its outline, if both files have one length. Unless little else
 * is left, the rest is cut into blocks, whose sums go first (TOP), since what has moved far is found by searching all
 * of the old file for all of them at once. Then the file is cut into lanes, which climb their ladders (engine/ladder.h)
 * independently: while the sums of one travel, another one's are made. A lane whose ladder has come to its end waits
 * until those before it have sent their literals, so that the receiver writes the file in order.
 */
#include "session/sender.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/numbers.h"
#include "io/source.h"

#include <stdlib.h>
#include <string.h>

/* ---- The file ---------------------------------------------------------------------------------------------------- */

/* What is known without reading the file. It travels first: the receiver may have work of its own until the digest. */
static rd_result sender_announce(sender *s) {
    rd_session *const head = &s->head;
    rd__growing body = {0};
    head->record.file.size = s->size;
    head->record.last = true;
    head->record.holes = rd_source_holes(&s->source) > 0;
    head->has_file = true;
    head->figures.new_size = s->size;
    rd__file_record_put(&body, &head->record);
    const rd_result result = body.failed ? rd__fail_memory(&head->operation.error)
                                         : rd__session_send(head, RD__MESSAGE_FILE, 0, body.data, body.size);
    rd__growing_free(&body);
    head->rests = true;
    return result;
}

static rd_result sender_send_digest(sender *s) {
    rd_session *const head = &s->head;
    uint64_t size = 0;
    const rd_result result =
        rd__outline_make(&s->outline, &s->source, &head->operation, RD_ROLE_NEW, head->digest, &size);
    if (result != RD_OK)
        return result;
    if (size != s->size)
        return rd__fail(&head->operation.error, RD_E_CHANGED, RD_ROLE_NEW, size, "changed while it was being read");
    head->announced = true;
    head->figures.has_digest = true;
    memcpy(head->figures.digest, head->digest, sizeof head->figures.digest);
    s->phase = SENDER_ANNOUNCED;
    return rd__session_send(head, RD__MESSAGE_DIGEST, 0, head->digest, sizeof head->digest);
}

/* Compares the sums of the receiver's outline with one's own. *unknown: the bytes in units that differ. */
static rd_result sender_take_outline(sender *s, const uint8_t *sums, size_t size, uint64_t *unknown) {
    rd__outline *const outline = &s->outline;
    const unsigned bits = s->head.forced_bits;
    const uint32_t mask = bits > 0 && bits < 32 ? ((uint32_t)1 << bits) - 1 : UINT32_MAX;
    if (s->old_size != s->size || outline->unit_log2 == 0 || size != outline->unit_count * RD__OUTLINE_SUM_LEN)
        return rd__session_refuse(&s->head, "sums of another outline");
    s->same = rd__alloc_array(outline->unit_count, 1);
    if (!s->same)
        return rd__fail_memory(&s->head.operation.error);
    *unknown = 0;
    for (size_t i = 0; i < outline->unit_count; i++) {
        const uint32_t sum = rd__outline_sum(outline, &s->head.keys.stretch, i);
        s->same[i] = ((sum ^ rd__load_le32(sums + i * RD__OUTLINE_SUM_LEN)) & mask) == 0;
        *unknown += s->same[i] ? 0 : rd__outline_unit_size(outline, i);
    }
    return RD_OK;
}

/* ---- The side ---------------------------------------------------------------------------------------------------- */

static rd_result sender_prepare(sender *s) {
    /* Of some sources, only the caller's thread may read. */
    s->threads = s->source.concurrent ? rd__operation_threads_for(&s->head.operation, s->size) : 1;
    s->lanes = rd__alloc_zeroed(RD__SENDER_LANES_MAX, sizeof *s->lanes);
    s->slots = rd__alloc_zeroed((uint64_t)s->threads + 1, sizeof *s->slots);
    s->slot_list = rd__alloc_array((uint64_t)s->threads + 1, sizeof *s->slot_list);
    bool good = s->lanes && s->slots && s->slot_list;
    for (unsigned i = 0; good && i <= s->threads; i++) {
        s->slot_list[i] = &s->slots[i];
        good = rd__nearby_init(&s->slots[i].nearby, &s->source, RD_ROLE_NEW);
    }
    return good ? RD_OK : rd__fail_memory(&s->head.operation.error);
}

static rd_result sender_take_go(sender *s, const uint8_t *data, size_t size) {
    const uint8_t *at = data;
    uint64_t unknown = s->size;
    if (!rd__number_get(&at, data + size, &s->old_size) || s->old_size > INT64_MAX)
        return rd__session_refuse(&s->head, "a broken answer to the file");
    const rd_result result =
        at < data + size ? sender_take_outline(s, at, (size_t)(data + size - at), &unknown) : RD_OK;
    rd__outline_free(&s->outline);
    if (result != RD_OK)
        return result;
    s->head.figures.old_size = s->old_size;
    s->head.figures.rounds = s->size > 0 ? 2 : 1;
    s->lane_count = (size_t)((s->size + ((uint64_t)1 << RD__LANE_LOG2) - 1) >> RD__LANE_LOG2);
    rd__plan_make(&s->plan, s->size, s->old_size, s->head.operation.options.max_rounds, s->head.forced_bits);
    if (s->same)
        rd__plan_take_outline(&s->plan, s->outline.unit_log2, s->size, unknown);
    s->phase = s->lane_count == 0 ? SENDER_SENT : s->plan.top_log2 > 0 ? SENDER_TOP : SENDER_LANES;
    return sender_prepare(s);
}

/* The receiver has the file. If it was sent, rd__sender_send_data has looked whether it changed, before the last of it.
 */
static rd_result sender_end(sender *s, bool identical) {
    const bool sent_nothing = identical || s->lane_count == 0;
    const rd_result result = sent_nothing ? rd__watch_end(&s->head.watch, &s->head.operation, RD_OK) : RD_OK;
    s->head.figures.identical = identical;
    s->head.figures.done = s->size;
    s->head.finished = result == RD_OK;
    if (identical)
        s->head.figures.known = s->size;
    if (s->head.figures.rounds == 0)
        s->head.figures.rounds = 1;
    return result;
}

static rd_result sender_take(rd_session *session, rd__message_type type, uint64_t lane, const uint8_t *data,
                             size_t size, bool more) {
    sender *const s = (sender *)session;
    (void)more;
    if (type == RD__MESSAGE_SAME && s->phase == SENDER_ANNOUNCED && size == 0)
        return sender_end(s, true);
    if (type == RD__MESSAGE_GO && s->phase == SENDER_ANNOUNCED)
        return sender_take_go(s, data, size);
    if (type == RD__MESSAGE_PLACED && s->phase == SENDER_TOP_SENT)
        return rd__sender_take_placed(s, data, size);
    if (type == RD__MESSAGE_FOUND && s->phase == SENDER_LANES)
        return rd__sender_take_found(s, lane, data, size);
    if (type == RD__MESSAGE_LEAVES)
        return rd__sender_take_leaves(s, data, size);
    if (type == RD__MESSAGE_DONE && s->phase == SENDER_SENT && size == 0)
        return sender_end(s, false);
    return rd__session_refuse(session, "a message at the wrong time");
}

static rd_result sender_work(rd_session *session, bool *done) {
    sender *const s = (sender *)session;
    *done = true;
    switch (s->phase) {
    case SENDER_DIGEST: return sender_send_digest(s);
    case SENDER_TOP: return rd__sender_send_top(s);
    case SENDER_LANES: return rd__sender_work_lanes(s, done);
    case SENDER_REPAIR: return rd__sender_send_repair(s);
    default: *done = false; return RD_OK;
    }
}

static void sender_close(rd_session *session) {
    sender *const s = (sender *)session;
    for (size_t i = 0; s->lanes && i < RD__SENDER_LANES_MAX; i++)
        rd__sender_close_lane(&s->lanes[i]);
    for (unsigned i = 0; s->slots && i <= s->threads; i++)
        rd__nearby_free(&s->slots[i].nearby);
    free(s->lanes);
    free(s->slots);
    free(s->slot_list);
    free(s->same);
    free(s->sums);
    free(s->found);
    rd__outline_free(&s->outline);
    rd__literal_encoder_free(&s->encoder);
    rd__growing_free(&s->prefix);
    rd__growing_free(&s->history);
    rd__growing_free(&s->chunk);
    rd__growing_free(&s->wrong);
}

static const rd__session_side sender_side = {
    .take = sender_take, .work = sender_work, .close = sender_close, .works_first = true};

rd_result rd_session_sender_new(rd_session **session, const rd_source *new_file, const rd_session_file *file,
                                const rd_options *options) {
    rd_result result = rd__session_new(session, sizeof(sender), &sender_side, false, options);
    sender *const s = (sender *)*session;
    if (result == RD_OK)
        result = rd__source_check_seekable(new_file, RD_ROLE_NEW, RD_E_PARAMETER, &s->head.operation.error);
    if (result == RD_OK && new_file->size == RD_UNKNOWN)
        result = rd__fail(&s->head.operation.error, RD_E_PARAMETER, RD_ROLE_NEW, RD_UNKNOWN, "its size is not known");
    if (result == RD_OK && new_file->size > (uint64_t)1 << RD__SESSION_FILE_LOG2)
        result = rd__fail(&s->head.operation.error, RD_E_LIMIT, RD_ROLE_NEW, RD_UNKNOWN, "too large for a session");
    if (result == RD_OK) {
        s->source = *new_file;
        s->size = new_file->size;
        s->head.record.file = file ? *file : (rd_session_file){0};
        s->head.watch = rd__watch_begin(&s->source, RD_ROLE_NEW);
        result = sender_announce(s);
    }
    return rd__session_made(session, result);
}
