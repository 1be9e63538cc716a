/* See stitcher.h. */
#include "engine/stitcher.h"

#include "base/memory.h"

#include <string.h>

void rd__stitcher_init(rd__stitcher *stitcher, const rd_signature *signature, const rd__kernels *kernels) {
    *stitcher = (rd__stitcher){.state = RD__STITCH_ALONE};
    rd__scanner_init(&stitcher->scanner, signature, kernels);
}

void rd__stitcher_begin(rd__stitcher *stitcher, const rd__parse *parse) {
    stitcher->state = parse ? RD__STITCH_MEET : RD__STITCH_ALONE;
    stitcher->parse = parse;
    stitcher->next = 0;
    stitcher->within = 0;
    stitcher->patience = 0;
}

static uint64_t block_length(const rd__stitcher *stitcher) {
    return stitcher->scanner.signature->params.block_len;
}

/*
 * Did the segment's parse stand where the true one does? Not inside a block that it copied; *meeting is then where that
 * block ends.
 */
static bool meets(rd__stitcher *stitcher, uint64_t *meeting) {
    const rd__parse *const parse = stitcher->parse;
    const uint64_t at = stitcher->scanner.at;
    while (stitcher->next < parse->count &&
           parse->copies[stitcher->next].target_offset + parse->copies[stitcher->next].length <= at)
        stitcher->next++;
    stitcher->within = 0;
    if (stitcher->next == parse->count || at <= parse->copies[stitcher->next].target_offset)
        return true;
    const rd_op *const copy = &parse->copies[stitcher->next];
    stitcher->within = at - copy->target_offset;
    const uint64_t into_block = stitcher->within % block_length(stitcher);
    *meeting = at + rd__min_u64(block_length(stitcher) - into_block, copy->length - stitcher->within);
    return into_block == 0;
}

/*
 * Did the budget leave the segment's parse as the true one would be? It did if nothing was blocked; and in any case if
 * both begin at the same place, with a budget window of which neither has used anything.
 */
static bool same_budget(const rd__stitcher *stitcher, const rd__view *view) {
    return stitcher->scanner.at == view->offset || rd__scanner_within_budget(&stitcher->scanner, &stitcher->parse->end);
}

/*
 * Goes on alone, to where the parses may meet. Where they keep missing each other, as on two different grids in a run
 * of equal blocks, each attempt goes twice as far as the one before.
 */
static bool scan_to(rd__stitcher *stitcher, uint64_t meeting, const rd__view *view, uint64_t stop, rd_op *copy) {
    const uint64_t patient = stitcher->scanner.at + stitcher->patience;
    const uint64_t target = rd__min_u64(stop, meeting > patient ? meeting : patient);
    stitcher->patience = stitcher->patience == 0 ? block_length(stitcher) : 2 * stitcher->patience;
    return rd__scanner_next(&stitcher->scanner, view, target, copy);
}

static bool equal_sums(const rd__sums *sums, uint64_t a, uint64_t b) {
    return sums->weak[a] == sums->weak[b] &&
           memcmp(rd__sums_strong(sums, a), rd__sums_strong(sums, b), sums->strong_len) == 0;
}

/* The block that the true parse copies where the segment's copied `block`. */
static uint64_t choose(const rd__scanner *scanner, uint64_t block) {
    const rd__sums *const sums = &scanner->signature->sums;
    const rd__index *const index = &scanner->signature->index;
    rd__index_range range = {0, 0};
    uint32_t first = 0;
    if (rd__scanner_continues(scanner) && equal_sums(sums, scanner->next_block, block))
        return scanner->next_block;
    if (!rd__index_find_weak(index, sums->weak[block], &range) ||
        !rd__index_find_strong(index, sums, &range, rd__sums_strong(sums, block), &first))
        return block;
    return first;
}

/* Takes over one block of the segment's next copy, chosen again. */
static void choose_one(rd__stitcher *stitcher, rd_op *copy) {
    const rd_op *const guess = &stitcher->parse->copies[stitcher->next];
    const uint64_t block_len = block_length(stitcher);
    const uint64_t length = rd__min_u64(guess->length - stitcher->within, block_len);
    const uint64_t guessed = (guess->basis_offset + stitcher->within) / block_len;
    const uint64_t target = guess->target_offset + stitcher->within;
    stitcher->scanner.after_copy = stitcher->scanner.after_copy && stitcher->scanner.at == target;
    /* A short block is the last one, whatever came before. */
    const uint64_t block = length < block_len ? guessed : choose(&stitcher->scanner, guessed);
    *copy = (rd_op){.kind = RD_COPY, .target_offset = target, .length = length, .basis_offset = block * block_len};
    stitcher->scanner.at = target + length;
    stitcher->scanner.after_copy = true;
    stitcher->scanner.next_block = block + 1;
    stitcher->within += length;
    if (stitcher->within == guess->length) {
        stitcher->next++;
        stitcher->within = 0;
    }
    if (block == guessed)
        stitcher->state = RD__STITCH_ADOPT;
}

/* Takes over what is left of the segment's next copy. */
static void adopt_one(rd__stitcher *stitcher, rd_op *copy) {
    *copy = stitcher->parse->copies[stitcher->next++];
    copy->target_offset += stitcher->within;
    copy->basis_offset += stitcher->within;
    copy->length -= stitcher->within;
    stitcher->within = 0;
}

/* At the end of the segment both parses have the same state, but for the last block copied if none was chosen alike. */
static void take_over_end(rd__stitcher *stitcher) {
    const uint64_t next_block = stitcher->scanner.next_block;
    const uint64_t false_matches = stitcher->scanner.false_matches + stitcher->parse->end.false_matches;
    stitcher->scanner = stitcher->parse->end;
    stitcher->scanner.false_matches = false_matches;
    if (stitcher->state == RD__STITCH_CHOOSE)
        stitcher->scanner.next_block = next_block;
    stitcher->state = RD__STITCH_DONE;
}

bool rd__stitcher_next(rd__stitcher *stitcher, const rd__view *view, uint64_t stop, rd_op *copy) {
    const uint64_t end = rd__min_u64(stop, view->offset + view->size);
    uint64_t meeting = end;
    while (stitcher->state == RD__STITCH_MEET && stitcher->scanner.at < end) {
        if (meets(stitcher, &meeting))
            stitcher->state = same_budget(stitcher, view) ? RD__STITCH_CHOOSE : RD__STITCH_ALONE;
        else if (scan_to(stitcher, meeting, view, stop, copy))
            return true;
    }
    if (stitcher->state == RD__STITCH_ALONE)
        return rd__scanner_next(&stitcher->scanner, view, stop, copy);
    if (stitcher->state == RD__STITCH_MEET || stitcher->state == RD__STITCH_DONE)
        return false;
    if (stitcher->next == stitcher->parse->count) {
        take_over_end(stitcher);
        return false;
    }
    if (stitcher->state == RD__STITCH_CHOOSE)
        choose_one(stitcher, copy);
    else
        adopt_one(stitcher, copy);
    return true;
}
