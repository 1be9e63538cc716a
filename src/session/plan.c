/* See plan.h. The figures come from docs/performance.md, "Two machines and few bytes". */
#include "session/plan.h"

#include "base/bytes.h"
#include "format/session.h"

#include <string.h>

enum {
    TOP_LOG2 = 16, /* of blocks, where the file is neither small nor very large */
    TOP_LOG2_MIN = 11,
    TOP_BLOCKS_MIN = 32,
    TOP_BLOCKS_MAX = RD__BLOCKS_MAX,
    TOP_SUM_BITS = 16,
    QUICK_TOP_LOG2 = 15,
    ROUNDS_LEAST = 4,     /* in which anything can be found: greeting, blocks, checks, literals */
    QUICK_ROUNDS = 13,    /* fewer than this are allowed: the quick plan */
    SMALL_FILE = 1 << 20, /* for which round trips cost more than bytes */
    WHOLE_FILE = 4096,    /* and this is sent at once */
    LEAST_LOG2 = 5,
    EDGES_LOG2 = 7, /* from this size on only edges are tested */
    QUICK_EDGES_LOG2 = 6,
    SEARCH_FIRST_LOG2 = 12,
    SEARCH_SECOND_LOG2 = 9,
    SEARCH_LAST_LOG2 = 8, /* after the first edges, which are cheaper to find */
    SPLIT_BITS = 10,
    QUICK_BITS = 12,
    LOCAL_BITS = 18,
    GROUP_LOG2 = 5,
    FINAL_GROUP_LOG2 = 3,
    CHECK_BITS = 20,
    NOTHING_SHARE =
        32,           /* of a lane: where no more than one in so many bytes is known, a sample is searched for first */
    MOVED_SHARE = 16, /* of the new file: if fewer bytes are unknown, none is expected to have moved far */
    UNKNOWN_SHARE = 2048, /* of the old file: if fewer bytes are unknown, it is not searched as a whole */
    SAMPLE_LOG2 = 4,
    SAMPLE_LEAST = 16, /* stretches; a smaller sample says too little */
    GLOBAL_SHARE = 8,  /* of the file: one in so many bytes is likely to be unknown when it is searched for */
    BUDGET_SHARE = 100 /* rounds may take one in so many bytes of a lane */
};

#define INNER_SHARE 0.03  /* found where nothing is known beside: fewer, and only edges are tested from then on */
#define SAMPLE_SHARE 0.03 /* found of a sample: fewer are most likely found by chance, or not worth their bits */
#define LAST_SHARE 0.1    /* found by the search before: fewer, and the last one is left out */
#define LOCAL_SHARE 0.12  /* found near the expected places: fewer, and the whole old file is searched */

static unsigned plan_bits(const rd__plan *plan, unsigned bits, unsigned least) {
    const unsigned most = plan->forced_bits > 0 ? plan->forced_bits : bits;
    const unsigned chosen = bits < most ? bits : most;
    return chosen < least ? least : chosen;
}

/* So many bits that what agrees by chance takes no longer to look at than what is searched. */
static unsigned plan_rolling_bits(const rd__plan *plan, uint64_t bytes) {
    const unsigned bits = rd__log2_above(bytes) + 1;
    return plan_bits(plan, bits < RD__ROLLING_BITS_MAX ? bits : RD__ROLLING_BITS_MAX, RD__ROLLING_BITS_MIN);
}

static void plan_add(rd__plan *plan, unsigned size_log2, bool searches) {
    plan->steps[plan->count++] = (rd__plan_step){.size_log2 = (uint8_t)size_log2,
                                                 .searches = searches,
                                                 .edges = size_log2 <= (plan->quick ? QUICK_EDGES_LOG2 : EDGES_LOG2)};
}

void rd__plan_make(rd__plan *plan, uint64_t new_size, uint64_t old_size, unsigned max_rounds, unsigned forced_bits) {
    const bool quick = (max_rounds > 0 && max_rounds < QUICK_ROUNDS) || (max_rounds == 0 && new_size < SMALL_FILE);
    unsigned top = quick ? QUICK_TOP_LOG2 : TOP_LOG2;
    *plan = (rd__plan){.old_size = old_size, .forced_bits = forced_bits, .quick = quick};
    while (top > TOP_LOG2_MIN && (new_size >> top < TOP_BLOCKS_MIN || old_size >> top < TOP_BLOCKS_MIN))
        top--;
    while (top + 1 < RD__LANE_LOG2 && new_size >> top > TOP_BLOCKS_MAX)
        top++;
    const bool whole = new_size < WHOLE_FILE || (max_rounds > 0 && max_rounds < ROUNDS_LEAST);
    if (whole || old_size < (uint64_t)1 << top || new_size >> top > TOP_BLOCKS_MAX)
        return;
    plan->top_log2 = top;
    plan->top_rolling_bits = plan_rolling_bits(plan, new_size);
    plan->global_bits = plan_rolling_bits(plan, new_size / GLOBAL_SHARE);
    plan->top_sum_bits = plan_bits(plan, TOP_SUM_BITS, 1);
    for (unsigned size = top; size > LEAST_LOG2;) {
        const unsigned fan = quick || size > SEARCH_FIRST_LOG2 + 1 ? 2 : 1;
        size = size - fan < LEAST_LOG2 ? LEAST_LOG2 : size - fan;
        plan_add(plan, size, false);
        if (size == SEARCH_FIRST_LOG2 || size == SEARCH_SECOND_LOG2 || (quick && size == SEARCH_FIRST_LOG2 - 1))
            plan_add(plan, size, true);
        if (size + 1 == SEARCH_LAST_LOG2 && !quick)
            plan_add(plan, SEARCH_LAST_LOG2, true);
    }
    /* If they are too many: those up to the last round, in which the rest is checked. */
    if (max_rounds > 0 && plan->count > max_rounds - (ROUNDS_LEAST - 1))
        plan->count = max_rounds - ROUNDS_LEAST;
}

/*
 * Where little is unknown, most of it has changed in its place: then the rounds begin with the units. Otherwise what
 * has moved is searched for first.
 */
void rd__plan_take_outline(rd__plan *plan, unsigned unit_log2, uint64_t new_size, uint64_t unknown) {
    if (plan->top_log2 > 0 && unknown >= new_size / MOVED_SHARE)
        return;
    if (plan->top_log2 > 0) {
        memmove(plan->steps + 1, plan->steps, plan->count++ * sizeof *plan->steps);
        plan->steps[0] = (rd__plan_step){.size_log2 = (uint8_t)plan->top_log2};
    }
    plan->top_log2 = unit_log2 < RD__LANE_LOG2 ? unit_log2 : RD__LANE_LOG2 - 1;
    plan->top_rolling_bits = plan->top_sum_bits = 0;
}

/* ---- A lane ------------------------------------------------------------------------------------------------------ */

void rd__climb_begin(rd__climb *climb, const rd__plan *plan, uint32_t length) {
    *climb =
        (rd__climb){.over = plan->top_log2 == 0, .length = length, .budget = length / BUDGET_SHARE + 64, .share = 1};
}

void rd__climb_learn(rd__climb *climb, const rd__ladder *ladder, const rd__round *round) {
    uint64_t tested = 0;
    uint64_t found = 0;
    uint64_t inner = 0;
    uint64_t inner_found = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        const unsigned flags = ladder->stretches[i].flags;
        tested += (flags & RD__STRETCH_TESTED) != 0;
        found += (flags & RD__STRETCH_FOUND) != 0;
        inner += (flags & RD__STRETCH_INNER) != 0;
        inner_found += (flags & RD__STRETCH_INNER) != 0 && (flags & RD__STRETCH_FOUND) != 0;
    }
    if (round->kind == RD__ROUND_SPLIT && !round->edges)
        climb->inner_share = inner > 0 ? (double)inner_found / (double)inner : 0;
    if (round->kind != RD__ROUND_LOCAL && round->kind != RD__ROUND_GLOBAL)
        return;
    climb->share = tested > 0 ? (double)found / (double)tested : 0;
    if (round->kind == RD__ROUND_LOCAL) {
        climb->searched = tested;
        climb->found = found;
    }
    if (climb->probes) { /* of a sample: is there anything at all? */
        climb->over = climb->share < SAMPLE_SHARE;
        climb->parked = climb->over ? RD__PARKED_NOT : RD__PARKED_SAMPLE;
        climb->probes = false;
    } else if (round->kind == RD__ROUND_LOCAL && climb->share < LOCAL_SHARE) {
        climb->parked = RD__PARKED_POOR;
    }
}

void rd__climb_unpark(rd__climb *climb, const rd__plan *plan, uint64_t unknown) {
    const bool worth = unknown >= plan->old_size / UNKNOWN_SHARE;
    const bool local = (double)plan->found >= LOCAL_SHARE * (double)plan->searched; /* in all lanes */
    const bool stays = (climb->parked == RD__PARKED_POOR && local) || !worth;
    climb->goes_global |= climb->parked != RD__PARKED_BEFORE && !stays;
    climb->again = !stays && !(plan->quick && climb->parked == RD__PARKED_POOR);
    climb->cleared = climb->again;
    climb->parked = RD__PARKED_NOT;
}

static uint64_t climb_count(const rd__ladder *ladder, unsigned size_log2) {
    uint64_t count = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        const rd__stretch *const s = &ladder->stretches[i];
        count += s->state == RD__STRETCH_UNKNOWN && s->bits > 0 && s->length == (uint32_t)1 << size_log2;
    }
    return count;
}

/* Is there anything to be split? */
static bool climb_splits(const rd__ladder *ladder, const rd__round *round) {
    for (size_t i = 0; i < ladder->count; i++) {
        const rd__stretch *const s = &ladder->stretches[i];
        const bool beside = (i > 0 && s[-1].state != RD__STRETCH_UNKNOWN) ||
                            (i + 1 < ladder->count && s[1].state != RD__STRETCH_UNKNOWN);
        if (s->state == RD__STRETCH_UNKNOWN && s->length > (uint32_t)1 << round->size_log2 && (beside || !round->edges))
            return true;
    }
    return false;
}

/* A search, if it is likely to be worth its bits. */
static bool climb_search(rd__climb *climb, const rd__plan *plan, const rd__ladder *ladder, const rd__plan_step *step,
                         rd__round *round) {
    const uint64_t count = climb_count(ladder, step->size_log2);
    const bool nothing = rd__ladder_known(ladder) < climb->length / NOTHING_SHARE;
    if (count == 0)
        return false;
    if (step->size_log2 <= SEARCH_LAST_LOG2 && climb->share < LAST_SHARE)
        return false;
    const bool probes = nothing && !climb->probed;
    const bool global = probes || climb->goes_global;
    if (global && !climb->cleared) {
        climb->parked = RD__PARKED_BEFORE;
        return true;
    }
    climb->probed |= probes;
    climb->probes = probes;
    climb->cleared = false;
    climb->searched = climb->found = 0;
    round->kind = global ? RD__ROUND_GLOBAL : RD__ROUND_LOCAL;
    round->sample_log2 = probes && count >> SAMPLE_LOG2 >= SAMPLE_LEAST ? SAMPLE_LOG2 : 0;
    round->bits = global ? plan->global_bits : plan_bits(plan, LOCAL_BITS, RD__ROLLING_BITS_MIN);
    round->size_log2 = step->size_log2;
    return true;
}

static bool climb_split(const rd__climb *climb, const rd__plan *plan, const rd__ladder *ladder,
                        const rd__plan_step *step, rd__round *round) {
    const bool last = plan->quick && step->size_log2 == LEAST_LOG2; /* what it leaves open is sent, to save a round */
    const bool inner = !plan->quick && step->size_log2 < EDGES_LOG2 && climb->inner_share >= INNER_SHARE;
    const unsigned bits = last ? RD__SURE_BITS : plan->quick ? QUICK_BITS : SPLIT_BITS;
    round->kind = RD__ROUND_SPLIT;
    round->size_log2 = step->size_log2;
    round->bits = plan_bits(plan, bits, 1);
    round->edges = step->edges && !inner;
    round->final = last;
    return climb_splits(ladder, round) && rd__ladder_bound(ladder, round) <= RD__LADDER_MAX;
}

/* Goes on with the steps, as long as one has nothing to ask. False: there is none left. */
static bool climb_step(rd__climb *climb, const rd__plan *plan, const rd__ladder *ladder, rd__round *round) {
    const rd__round plain = *round;
    while (climb->again || climb->next < plan->count) {
        const rd__plan_step *const step = &plan->steps[climb->again ? climb->next - 1 : climb->next++];
        climb->again = false;
        *round = plain;
        if (step->searches ? climb_search(climb, plan, ladder, step, round)
                           : climb_split(climb, plan, ladder, step, round))
            return true;
    }
    *round = plain;
    return false;
}

bool rd__climb_next(rd__climb *climb, const rd__plan *plan, const rd__ladder *ladder, rd__round *round) {
    *round = (rd__round){.group_log2 = GROUP_LOG2, .check_bits = plan_bits(plan, CHECK_BITS, 1)};
    if (climb->over || climb->spent > climb->budget || !climb_step(climb, plan, ladder, round)) {
        climb->over = true;
        round->final = true;
        round->group_log2 = FINAL_GROUP_LOG2;
    }
    if (climb->parked != RD__PARKED_NOT || (climb->over && rd__ladder_is_settled(ladder)))
        return false;
    climb->rounds++;
    return true;
}
