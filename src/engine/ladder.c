/* See ladder.h. */
#include "engine/ladder.h"

#include "base/memory.h"

#include <stdlib.h>

enum { ROUND_KIND = 3, ROUND_EDGES = 4, ROUND_FINAL = 8, ROUND_FLAGS = 15, SIZE_LOG2_MIN = 5, COUNT_FIRST = 64 };
enum { MODEL_SUSPECT, MODEL_GROUP, MODEL_TESTED };

void rd__ladder_init(rd__ladder *ladder, bool finds) {
    *ladder = (rd__ladder){.finds = finds};
    for (size_t i = 0; i < RD__LADDER_MODELS; i++)
        ladder->models[i] = RD__BIT_MODEL_EVEN;
}

static bool ladder_reserve(rd__stretch **list, size_t *capacity, size_t needed) {
    if (needed <= *capacity)
        return true;
    const size_t more = needed + needed / 2 < COUNT_FIRST ? COUNT_FIRST : needed + needed / 2;
    rd__stretch *const moved = rd__resize_array(*list, more, sizeof **list);
    if (!moved)
        return false;
    *list = moved;
    *capacity = more;
    return true;
}

bool rd__ladder_add(rd__ladder *ladder, rd__stretch stretch) {
    if (!ladder_reserve(&ladder->stretches, &ladder->capacity, ladder->count + 1))
        return false;
    ladder->stretches[ladder->count++] = stretch;
    return true;
}

void rd__ladder_free(rd__ladder *ladder) {
    free(ladder->stretches);
    *ladder = (rd__ladder){0};
}

/* ---- What a round is about --------------------------------------------------------------------------------------- */

bool rd__round_get(const uint8_t header[RD__ROUND_HEADER_LEN], rd__round *round) {
    *round = (rd__round){.kind = (rd__round_kind)(header[0] & ROUND_KIND),
                         .edges = (header[0] & ROUND_EDGES) != 0,
                         .final = (header[0] & ROUND_FINAL) != 0,
                         .size_log2 = header[1],
                         .bits = header[2],
                         .group_log2 = header[3],
                         .check_bits = header[4],
                         .sample_log2 = header[5]};
    if ((header[0] & ~ROUND_FLAGS) != 0 || round->group_log2 > RD__GROUP_LOG2_MAX || round->check_bits < 1 ||
        round->check_bits > RD__CHECK_BITS_MAX || round->sample_log2 > RD__SAMPLE_LOG2_MAX)
        return false;
    if (round->kind == RD__ROUND_CLOSE)
        return round->size_log2 == 0 && round->bits == 0;
    const bool splits = round->kind == RD__ROUND_SPLIT;
    return round->size_log2 >= SIZE_LOG2_MIN && round->size_log2 < RD__LANE_LOG2 &&
           round->bits >= (splits ? 1 : RD__ROLLING_BITS_MIN) &&
           round->bits <= (splits ? RD__SUM_BITS_MAX : RD__ROLLING_BITS_MAX);
}

void rd__round_put(rd__growing *out, const rd__round *round) {
    const uint8_t header[RD__ROUND_HEADER_LEN] = {
        (uint8_t)((unsigned)round->kind | (round->edges ? ROUND_EDGES : 0u) | (round->final ? ROUND_FINAL : 0u)),
        (uint8_t)round->size_log2,
        (uint8_t)round->bits,
        (uint8_t)round->group_log2,
        (uint8_t)round->check_bits,
        (uint8_t)round->sample_log2};
    rd__growing_put(out, header, sizeof header);
}

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

/* The last of the group that starts with this stretch in this state: groups are counted over the whole list. */
static size_t ladder_group_end(const rd__ladder *ladder, size_t first, rd__stretch_state state, unsigned group_log2,
                               uint64_t *sum) {
    size_t left = (size_t)1 << group_log2;
    size_t i = first;
    *sum = 0;
    for (; i < ladder->count && left > 0; i++) {
        if (ladder->stretches[i].state == state) {
            *sum ^= ladder->stretches[i].sum;
            left--;
        }
    }
    return i;
}

void rd__ladder_put_checks(rd__ladder *ladder, const rd__round *round, rd__bit_writer *writer) {
    for (size_t i = 0; i < ladder->count; i++)
        if (ladder->stretches[i].state == RD__STRETCH_SUSPECT)
            rd__bits_put(writer, ladder->stretches[i].sum >> (64 - RD__SUSPECT_BITS), RD__SUSPECT_BITS);
    for (size_t i = 0; i < ladder->count;) {
        uint64_t sum = 0;
        if (ladder->stretches[i].state != RD__STRETCH_FRESH) {
            i++;
            continue;
        }
        const size_t end = ladder_group_end(ladder, i, RD__STRETCH_FRESH, round->group_log2, &sum);
        rd__bits_put(writer, sum >> RD__CHECK_SHIFT, round->check_bits);
        for (; i < end; i++)
            if (ladder->stretches[i].state == RD__STRETCH_FRESH)
                ladder->stretches[i].state = RD__STRETCH_GROUPED;
    }
}

void rd__ladder_get_checks(rd__ladder *ladder, const rd__round *round, rd__bit_reader *reader) {
    for (size_t i = 0; i < ladder->count; i++) {
        rd__stretch *const s = &ladder->stretches[i];
        if (s->state == RD__STRETCH_SUSPECT &&
            rd__bits_get(reader, RD__SUSPECT_BITS) != s->sum >> (64 - RD__SUSPECT_BITS))
            s->flags |= RD__STRETCH_BAD;
    }
    for (size_t i = 0; i < ladder->count;) {
        uint64_t sum = 0;
        if (ladder->stretches[i].state != RD__STRETCH_FRESH) {
            i++;
            continue;
        }
        const size_t end = ladder_group_end(ladder, i, RD__STRETCH_FRESH, round->group_log2, &sum);
        const bool bad =
            rd__bits_get(reader, round->check_bits) != rd__sum_bits(sum >> RD__CHECK_SHIFT, round->check_bits);
        for (; i < end; i++) {
            rd__stretch *const s = &ladder->stretches[i];
            if (s->state == RD__STRETCH_FRESH) {
                s->state = RD__STRETCH_GROUPED;
                s->flags |= bad ? RD__STRETCH_BAD : 0;
            }
        }
    }
}

/* ---- Splitting --------------------------------------------------------------------------------------------------- */

/* What splitting goes through the list with. */
typedef struct split_run {
    const rd__ladder *ladder;
    rd__stretch *list; /* the next one */
    size_t made;
    uint32_t size;
    unsigned bits;
} split_run;

/* Are it and the last one both known, and one stretch of the old file? */
static bool split_joins(const split_run *run, const rd__stretch *stretch) {
    if (run->made == 0)
        return false;
    const rd__stretch *const last = &run->list[run->made - 1];
    return last->state == RD__STRETCH_KNOWN && stretch->state == RD__STRETCH_KNOWN &&
           (!run->ladder->finds || last->place + last->length == stretch->place);
}

static void split_keep(split_run *run, const rd__stretch *stretch) {
    if (split_joins(run, stretch))
        run->list[run->made - 1].length += stretch->length;
    else
        run->list[run->made++] = *stretch;
}

/* Adds a child. A derived one holds the sum of its parent for now. */
static void split_add(split_run *run, const rd__stretch *parent, uint32_t at, uint32_t length, unsigned flags) {
    const bool derived = (flags & RD__STRETCH_DERIVED) != 0;
    const bool sent = !derived && (flags & RD__STRETCH_TESTED) != 0;
    const bool eldest = at == 0;
    run->list[run->made++] =
        (rd__stretch){.start = parent->start + at,
                      .length = length,
                      .flags = (uint8_t)(flags | RD__STRETCH_CHILD | (eldest ? RD__STRETCH_ELDEST : 0u)),
                      .bits = (uint8_t)(sent || derived ? run->bits : 0),
                      .sum = derived ? parent->sum : 0};
}

/* Cuts a child off each end that is next to something known; what is left in between is not tested. */
static void split_edges(split_run *run, const rd__stretch *parent, bool left, bool right) {
    const unsigned derived = parent->bits >= run->bits ? RD__STRETCH_DERIVED : 0;
    const uint32_t size = run->size;
    const uint32_t length = parent->length;
    /* The last child has the odd bytes at the end of the file. */
    const uint32_t tail = (length - 1) / size * size;
    if (length <= 2 * size) {
        split_add(run, parent, 0, size, RD__STRETCH_TESTED);
        split_add(run, parent, size, length - size, RD__STRETCH_TESTED | derived);
        return;
    }
    const uint32_t from = left ? size : 0;
    const uint32_t to = right ? tail : length;
    if (left)
        split_add(run, parent, 0, size, RD__STRETCH_TESTED);
    split_add(run, parent, from, to - from, derived);
    if (right)
        split_add(run, parent, tail, length - tail, RD__STRETCH_TESTED);
}

static void split_whole(split_run *run, const rd__stretch *parent, bool inner) {
    const unsigned derived = parent->bits >= run->bits ? RD__STRETCH_DERIVED : 0;
    const unsigned flags = RD__STRETCH_TESTED | (inner ? RD__STRETCH_INNER : 0u);
    for (uint32_t at = 0; at < parent->length; at += run->size) {
        const uint32_t left = parent->length - at;
        const bool last = left <= run->size;
        split_add(run, parent, at, last ? left : run->size, flags | (last ? derived : 0));
    }
}

static bool stretch_is_there(const rd__ladder *ladder, size_t i) {
    return i < ladder->count && ladder->stretches[i].state != RD__STRETCH_UNKNOWN;
}

/* What becomes of the stretch at i, at most. */
static size_t split_bound(const rd__ladder *ladder, size_t i, const rd__round *round) {
    const rd__stretch *const s = &ladder->stretches[i];
    const uint32_t size = (uint32_t)1 << round->size_log2;
    const bool left = i > 0 && stretch_is_there(ladder, i - 1);
    const bool right = stretch_is_there(ladder, i + 1);
    if (round->kind != RD__ROUND_SPLIT || s->state != RD__STRETCH_UNKNOWN || s->length <= size)
        return 1;
    return round->edges ? 1 + (size_t)(left || right) + (size_t)(left && right) : (s->length - 1) / size + 1;
}

size_t rd__ladder_bound(const rd__ladder *ladder, const rd__round *round) {
    size_t bound = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        const rd__stretch *const s = &ladder->stretches[i];
        const bool joined = i > 0 && s->state == RD__STRETCH_KNOWN && s[-1].state == RD__STRETCH_KNOWN;
        bound += joined ? 0 : split_bound(ladder, i, round);
    }
    return bound;
}

static bool ladder_split(rd__ladder *ladder, const rd__round *round) {
    size_t bound = 0;
    for (size_t i = 0; i < ladder->count; i++)
        bound += split_bound(ladder, i, round);
    split_run run = {.ladder = ladder,
                     .list = rd__alloc_array(bound, sizeof *run.list),
                     .size = (uint32_t)1 << round->size_log2,
                     .bits = round->bits};
    if (!run.list)
        return false;
    for (size_t i = 0; i < ladder->count; i++) {
        const rd__stretch *const s = &ladder->stretches[i];
        const bool left = i > 0 && stretch_is_there(ladder, i - 1);
        const bool right = stretch_is_there(ladder, i + 1);
        if (s->state != RD__STRETCH_UNKNOWN || s->length <= run.size || (round->edges && !left && !right))
            split_keep(&run, s);
        else if (round->edges)
            split_edges(&run, s, left, right);
        else
            split_whole(&run, s, !left && !right);
    }
    free(ladder->stretches);
    ladder->stretches = run.list;
    ladder->capacity = bound;
    ladder->count = run.made;
    return true;
}

bool rd__ladder_begin(rd__ladder *ladder, const rd__round *round) {
    if (round->kind == RD__ROUND_SPLIT)
        return ladder_split(ladder, round);
    size_t candidates = 0;
    for (size_t i = 0; i < ladder->count && round->kind != RD__ROUND_CLOSE; i++) {
        rd__stretch *const s = &ladder->stretches[i];
        if (s->state == RD__STRETCH_UNKNOWN && s->bits > 0 && s->length == (uint32_t)1 << round->size_log2 &&
            (candidates++ & (((size_t)1 << round->sample_log2) - 1)) == 0)
            s->flags |= RD__STRETCH_TESTED;
    }
    return true;
}

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

static bool stretch_is_sent(const rd__stretch *s) {
    return (s->flags & (RD__STRETCH_TESTED | RD__STRETCH_DERIVED)) == RD__STRETCH_TESTED;
}

/* Is the stretch at i a younger child of the family that the one before it belongs to? */
static bool stretch_is_younger(const rd__ladder *ladder, size_t i) {
    return i < ladder->count &&
           (ladder->stretches[i].flags & (RD__STRETCH_CHILD | RD__STRETCH_ELDEST)) == RD__STRETCH_CHILD;
}

void rd__ladder_put_sums(rd__ladder *ladder, const rd__round *round, rd__bit_writer *writer) {
    for (size_t i = 0; i < ladder->count; i++) {
        rd__stretch *const s = &ladder->stretches[i];
        if (stretch_is_sent(s))
            rd__bits_put(writer, s->sum, round->bits);
        if ((s->flags & (RD__STRETCH_TESTED | RD__STRETCH_DERIVED)) != RD__STRETCH_DERIVED)
            continue;
        if (stretch_is_younger(ladder, i)) /* it lies between edges, and holds the sum of its parent */
            s->sum ^= s[-1].sum;
        if (stretch_is_younger(ladder, i + 1))
            s->sum ^= s[1].sum;
    }
}

/* The derived child of a family, if there is one: what its parent's sum has more than its siblings'. */
static void ladder_derive(rd__stretch *family, size_t count, unsigned bits) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum ^= family[i].sum;
    for (size_t i = 0; i < count; i++)
        if (family[i].flags & RD__STRETCH_DERIVED)
            family[i].sum = rd__sum_bits(sum, bits);
}

void rd__ladder_get_sums(rd__ladder *ladder, const rd__round *round, rd__bit_reader *reader) {
    size_t eldest = 0;
    for (size_t i = 0; i < ladder->count; i++)
        if (stretch_is_sent(&ladder->stretches[i]))
            ladder->stretches[i].sum = rd__bits_get(reader, round->bits);
    for (size_t i = 0; i < ladder->count; i++) {
        if (!(ladder->stretches[i].flags & RD__STRETCH_CHILD))
            continue;
        if (ladder->stretches[i].flags & RD__STRETCH_ELDEST)
            eldest = i;
        if (!stretch_is_younger(ladder, i + 1))
            ladder_derive(&ladder->stretches[eldest], i + 1 - eldest, round->bits);
    }
}

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

/* How likely a stretch is found depends on whether its neighbours are, and on the answer before. */
static rd__bit_model *ladder_model(rd__ladder *ladder, const rd__round *round, size_t i, bool before) {
    const rd__stretch *const s = &ladder->stretches[i];
    const bool left = i > 0 && (s[-1].state != RD__STRETCH_UNKNOWN || (s[-1].flags & RD__STRETCH_FOUND));
    const bool right = stretch_is_there(ladder, i + 1);
    const bool eldest = (s->flags & RD__STRETCH_ELDEST) != 0;
    const unsigned context = (left ? 1u : 0u) | (right ? 2u : 0u) | (eldest ? 4u : 0u) | (before ? 8u : 0u);
    return &ladder->models[MODEL_TESTED + ((unsigned)round->kind - 1) * 16 + context];
}

/* Either encodes the flags or sets them. */
typedef struct answer_coder {
    rd__bit_encoder *encoder;
    rd__bit_decoder *decoder;
} answer_coder;

static void answer_code(answer_coder coder, rd__bit_model *model, rd__stretch *stretch, unsigned flag) {
    if (coder.encoder)
        rd__bit_encode(coder.encoder, model, (stretch->flags & flag) != 0);
    else if (rd__bit_decode(coder.decoder, model))
        stretch->flags = (uint8_t)(stretch->flags | flag);
}

static void ladder_code_answers(rd__ladder *ladder, const rd__round *round, answer_coder coder) {
    bool before = false;
    const rd__stretch *group = NULL; /* its first member */
    size_t members = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        rd__stretch *const s = &ladder->stretches[i];
        if (s->state == RD__STRETCH_SUSPECT) {
            answer_code(coder, &ladder->models[MODEL_SUSPECT], s, RD__STRETCH_BAD);
        } else if (s->state == RD__STRETCH_GROUPED) {
            if (members++ == 0) {
                group = s;
                answer_code(coder, &ladder->models[MODEL_GROUP], s, RD__STRETCH_BAD);
            }
            s->flags |= group->flags & RD__STRETCH_BAD;
            members &= ((size_t)1 << round->group_log2) - 1;
        } else if (s->flags & RD__STRETCH_TESTED) {
            answer_code(coder, ladder_model(ladder, round, i, before), s, RD__STRETCH_FOUND);
            before = (s->flags & RD__STRETCH_FOUND) != 0;
        }
    }
}

void rd__ladder_put_answers(rd__ladder *ladder, const rd__round *round, rd__growing *out) {
    rd__bit_encoder encoder;
    rd__bit_encoder_init(&encoder, out);
    ladder_code_answers(ladder, round, (answer_coder){.encoder = &encoder});
    rd__bit_encoder_finish(&encoder);
}

bool rd__ladder_get_answers(rd__ladder *ladder, const rd__round *round, const uint8_t *data, size_t size) {
    rd__bit_decoder decoder;
    rd__bit_decoder_init(&decoder, data, size > 0 ? data + size : data); /* of no bytes, there may be no address */
    ladder_code_answers(ladder, round, (answer_coder){.decoder = &decoder});
    return rd__bit_decoder_at_end(&decoder);
}

/* ---- Conclusions ------------------------------------------------------------------------------------------------- */

void rd__ladder_end(rd__ladder *ladder, const rd__round *round) {
    const bool sure = round->kind == RD__ROUND_SPLIT && round->bits >= RD__SURE_BITS;
    for (size_t i = 0; i < ladder->count; i++) {
        rd__stretch *const s = &ladder->stretches[i];
        const bool bad = (s->flags & RD__STRETCH_BAD) != 0;
        if (s->state == RD__STRETCH_SUSPECT || (s->state == RD__STRETCH_GROUPED && (!bad || round->final)))
            s->state = bad ? RD__STRETCH_UNKNOWN : RD__STRETCH_KNOWN;
        else if (s->state == RD__STRETCH_GROUPED)
            s->state = RD__STRETCH_SUSPECT;
        else if (s->flags & RD__STRETCH_FOUND)
            s->state = sure ? RD__STRETCH_KNOWN : RD__STRETCH_FRESH;
        if (bad && s->state == RD__STRETCH_UNKNOWN)
            s->bits = 0;
        s->flags = 0;
    }
}

bool rd__ladder_is_settled(const rd__ladder *ladder) {
    for (size_t i = 0; i < ladder->count; i++) {
        const uint8_t state = ladder->stretches[i].state;
        if (state != RD__STRETCH_UNKNOWN && state != RD__STRETCH_KNOWN)
            return false;
    }
    return true;
}

uint64_t rd__ladder_known(const rd__ladder *ladder) {
    uint64_t known = 0;
    for (size_t i = 0; i < ladder->count; i++)
        if (ladder->stretches[i].state != RD__STRETCH_UNKNOWN)
            known += ladder->stretches[i].length;
    return known;
}
