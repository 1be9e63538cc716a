/* Literals as they come, and what is known between them: the new file, written in order. */
#include "session/receiver.h"

#include "base/bytes.h"
#include "base/result.h"
#include "io/source.h"
#include "session/contexts.h"

/* Known bytes of the first lane: from wherever they lie in the old file. The stretches are gone through in order. */
typedef struct known_reader {
    receiver *receiver;
    size_t at;
} known_reader;

static rd_result receiver_read_known(void *reader, uint32_t start, uint32_t size, uint8_t *data) {
    known_reader *const known = reader;
    receiver *const r = known->receiver;
    const rd__ladder *const ladder = &r->lanes[r->first % RD__RECEIVER_LANES_MAX].ladder;
    rd__nearby *const nearby = &r->slots[0].seeker.nearby;
    while (size > 0) {
        const rd__stretch *const s = &ladder->stretches[known->at];
        if (start >= s->start + s->length) {
            known->at++;
            continue;
        }
        const size_t now = rd__min_size(size, s->start + s->length - start);
        const uint8_t *const from = rd__nearby_at(nearby, s->place + (start - s->start), now);
        if (!from) {
            r->head.operation.error = nearby->error;
            return nearby->result;
        }
        memcpy(data, from, now);
        data += now;
        start += (uint32_t)now;
        size -= (uint32_t)now;
    }
    return RD_OK;
}

static rd_result receiver_begin_data(receiver *r, bool compressed) {
    const receiver_lane *const lane = &r->lanes[r->first % RD__RECEIVER_LANES_MAX];
    rd_error *const error = &r->head.operation.error;
    known_reader reader = {.receiver = r};
    r->data_begun = true;
    r->doubtful = false;
    r->at = 0;
    r->at_offset = 0;
    rd__growing_clear(&r->prefix);
    if (compressed && rd__ladder_known(&lane->ladder) < lane->length) {
        rd__history_trim(&r->history);
        rd__growing_put(&r->prefix, r->history.data, r->history.size);
        const rd_result result = rd__contexts_add(&lane->ladder, receiver_read_known, &reader, &r->prefix, error);
        if (result != RD_OK)
            return result;
    }
    if (r->prefix.failed)
        return rd__fail_memory(error);
    return rd__literals_open(&r->decoder, compressed, r->prefix.data, r->prefix.size, error);
}

/* Writes the next bytes of a known stretch. */
static rd_result receiver_copy(receiver *r, const rd__stretch *s, size_t *put) {
    const uint64_t place = s->place + r->at_offset;
    const uint32_t left = s->length - r->at_offset;
    uint64_t copied = 0;
    size_t room = 0;
    size_t got = 0;
    rd_result result = rd__session_output_copy(&r->output, &r->old_file, place, left, r->threads, &copied);
    *put = (size_t)copied;
    if (result != RD_OK || copied > 0)
        return result;
    uint8_t *const to = rd__session_output_room(&r->output, &room);
    *put = rd__min_size(room, left);
    result = rd__basis_read(&r->old_file, &r->head.operation, place, to, *put, &got);
    return result == RD_OK ? rd__session_output_put(&r->output, *put) : result;
}

/* Writes the next bytes of a literal, as far as there are any. */
static rd_result receiver_decode(receiver *r, const rd__stretch *s, rd_in *in, size_t *put) {
    size_t room = 0;
    uint8_t *const to = rd__session_output_room(&r->output, &room);
    rd_out out = {.data = to, .size = rd__min_size(room, s->length - r->at_offset)};
    const rd_result decoded = r->doubtful ? RD_E_CORRUPT : rd__literals_decode(&r->decoder, in, &out);
    if (decoded == RD_E_MEMORY)
        return rd__fail_memory(&r->head.operation.error);
    r->doubtful = decoded != RD_OK;
    if (r->doubtful) { /* whatever is written now, it will be repaired */
        memset(to + out.pos, 0, out.size - out.pos);
        out.pos = out.size;
        in->pos = in->size;
    }
    *put = out.pos;
    if (out.pos > 0)
        rd__history_add(&r->history, to, out.pos);
    r->head.figures.literal += out.pos;
    if (r->history.failed)
        return rd__fail_memory(&r->head.operation.error);
    return out.pos > 0 ? rd__session_output_put(&r->output, out.pos) : RD_OK;
}

/* Writes the lane as far as the literals in `in` go; with `end`, to its end. */
static rd_result receiver_write(receiver *r, rd_in *in, bool end) {
    const rd__ladder *const ladder = &r->lanes[r->first % RD__RECEIVER_LANES_MAX].ladder;
    while (r->at < ladder->count) {
        const rd__stretch *const s = &ladder->stretches[r->at];
        size_t put = 0;
        const rd_result result =
            s->state == RD__STRETCH_KNOWN ? receiver_copy(r, s, &put) : receiver_decode(r, s, in, &put);
        if (result != RD_OK)
            return result;
        r->at_offset += (uint32_t)put;
        r->head.figures.done += put;
        if (r->at_offset == s->length) {
            r->at++;
            r->at_offset = 0;
        } else if (put == 0 && in->pos == in->size) {
            if (!end)
                return RD_OK;
            r->doubtful = true; /* there are too few literals */
        }
    }
    return RD_OK;
}

static rd_result receiver_end_lane(receiver *r) {
    rd__receiver_close_lane(&r->lanes[r->first % RD__RECEIVER_LANES_MAX]);
    r->data_begun = false;
    r->first++;
    rd__receiver_count_known(r); /* of lanes without rounds, this is the first that is seen */
    return r->first == r->lane_count ? rd__receiver_finish_file(r) : RD_OK;
}

rd_result rd__receiver_take_data(receiver *r, uint64_t number, const uint8_t *data, size_t size, bool more) {
    rd_in in = {.data = data, .size = size};
    if (r->phase != RECEIVER_LANES || number != r->first)
        return rd__session_refuse(&r->head, "literals at the wrong time");
    if (!r->data_begun) {
        const receiver_lane *const lane = rd__receiver_open_lane(r, number);
        if (!lane)
            return rd__fail_memory(&r->head.operation.error);
        if (lane->asked || !rd__ladder_is_settled(&lane->ladder) || size < 1 || data[0] > 1)
            return rd__session_refuse(&r->head, "literals of a lane that is not settled");
        const rd_result result = receiver_begin_data(r, data[0] == 1);
        if (result != RD_OK)
            return result;
        in.pos = 1;
    }
    const rd_result result = receiver_write(r, &in, !more);
    return result == RD_OK && !more ? receiver_end_lane(r) : result;
}
