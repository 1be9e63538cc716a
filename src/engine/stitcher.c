/* See stitcher.h. */
#include "engine/stitcher.h"

#include "base/memory.h"

#include <assert.h>
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

static uint64_t stitcher_block_len(const rd__stitcher *stitcher) {
    return stitcher->scanner.signature->params.block_len;
}

/*
 * Did the segment's parse stand at the position of the true one? It did unless that is inside a block that it copied;
 * *meeting then becomes the end of that block.
 */
static bool stitcher_meets(rd__stitcher *stitcher, uint64_t *meeting) {
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
    const uint64_t into_block = stitcher->within % stitcher_block_len(stitcher);
    *meeting = at + rd__min_u64(stitcher_block_len(stitcher) - into_block, copy->length - stitcher->within);
    return into_block == 0;
}

/* The block that the true parse copies where the segment's parse copied `block`. */
static uint64_t stitcher_choose_block(const rd__scanner *scanner, uint64_t block) {
    const rd__sums *const sums = &scanner->signature->sums;
    const rd__index *const index = &scanner->signature->index;
    const uint8_t *const strong = rd__sums_strong(sums, block);
    const uint64_t next = scanner->next_block;
    rd__index_range range = {0, 0};
    uint32_t first = 0;
    if (rd__scanner_continues(scanner) && sums->weak[next] == sums->weak[block] &&
        memcmp(rd__sums_strong(sums, next), strong, sums->strong_len) == 0)
        return next;
    if (!rd__index_find_weak(index, sums->weak[block], &range) ||
        !rd__index_find_strong(index, sums, &range, strong, &first))
        return block;
    return first;
}

/* Takes over one block of the segment's next copy, chosen again. */
static void stitcher_choose(rd__stitcher *stitcher, rd_op *copy) {
    rd__scanner *const scanner = &stitcher->scanner;
    const rd_op *const guess = &stitcher->parse->copies[stitcher->next];
    const uint64_t block_len = stitcher_block_len(stitcher);
    const uint64_t length = rd__min_u64(guess->length - stitcher->within, block_len);
    const rd_signature *const signature = scanner->signature;
    const uint64_t guessed = (guess->basis_offset + stitcher->within - signature->origin) / block_len;
    const uint64_t target = guess->target_offset + stitcher->within;
    assert(scanner->at <= target && stitcher->within < guess->length);

    /* A short block is the last one of the basis, whatever came before. */
    scanner->after_copy = scanner->after_copy && scanner->at == target;
    const uint64_t block = length < block_len ? guessed : stitcher_choose_block(scanner, guessed);
    *copy = (rd_op){.kind = RD_COPY,
                    .target_offset = target,
                    .length = length,
                    .basis_offset = rd__signature_block_offset(signature, block)};
    scanner->at = target + length;
    scanner->after_copy = true;
    scanner->next_block = block + 1;

    stitcher->within += length;
    if (stitcher->within == guess->length) {
        stitcher->next++;
        stitcher->within = 0;
    }
    if (block == guessed)
        stitcher->state = RD__STITCH_ADOPT;
}

/* At the end of the segment both parses have the same state, except for the last block copied if all were chosen
 * differently. */
static void stitcher_take_end(rd__stitcher *stitcher) {
    const uint64_t next_block = stitcher->scanner.next_block;
    const uint64_t false_matches = stitcher->scanner.false_matches + stitcher->parse->end.false_matches;
    const uint32_t worst = stitcher->failures + stitcher->parse->end.worst; /* at most, if both fell into one window */
    const uint32_t worst_before = stitcher->scanner.worst;
    assert(stitcher->next == stitcher->parse->count && stitcher->within == 0);
    stitcher->scanner = stitcher->parse->end;
    stitcher->scanner.false_matches = false_matches;
    stitcher->scanner.worst = worst > worst_before ? worst : worst_before;
    if (stitcher->state == RD__STITCH_CHOOSE)
        stitcher->scanner.next_block = next_block;
    stitcher->state = RD__STITCH_DONE;
}

bool rd__stitcher_next(rd__stitcher *stitcher, const rd__view *view, uint64_t stop, rd_op *copy) {
    rd__scanner *const scanner = &stitcher->scanner;
    const uint64_t end = rd__min_u64(stop, view->offset + view->size);
    assert(!stitcher->parse || stitcher->parse->view.offset % rd__scanner_budget_window(scanner->signature) == 0);

    while (stitcher->state == RD__STITCH_MEET && scanner->at < end) {
        uint64_t meeting = end;
        if (stitcher_meets(stitcher, &meeting)) {
            /* Did the budget leave the segment's parse as the true one would be? It did if nothing was blocked; and in
             * any case if both start at the same place, with a budget window of which neither has used anything. */
            const bool starts = scanner->at == stitcher->parse->view.offset;
            const bool same = starts || rd__scanner_within_budget(scanner, &stitcher->parse->end);
            stitcher->state = same ? RD__STITCH_CHOOSE : RD__STITCH_ALONE;
            stitcher->failures = starts ? 0 : scanner->failures;
            continue;
        }
        /* Scan to where the parses may meet. Where they keep missing each other, as on two different grids in a run of
         * equal blocks, each attempt goes twice as far as the one before. */
        const uint64_t patient = scanner->at + stitcher->patience;
        stitcher->patience = stitcher->patience == 0 ? stitcher_block_len(stitcher) : 2 * stitcher->patience;
        if (rd__scanner_next(scanner, view, rd__min_u64(stop, meeting > patient ? meeting : patient), copy))
            return true;
    }

    if (stitcher->state == RD__STITCH_ALONE)
        return rd__scanner_next(scanner, view, stop, copy);
    if (stitcher->state == RD__STITCH_MEET || stitcher->state == RD__STITCH_DONE)
        return false;
    if (stitcher->next == stitcher->parse->count) {
        stitcher_take_end(stitcher);
        return false;
    }
    if (stitcher->state == RD__STITCH_CHOOSE) {
        stitcher_choose(stitcher, copy);
        return true;
    }
    /* Adopt what is left of the segment's next copy. */
    *copy = stitcher->parse->copies[stitcher->next++];
    copy->target_offset += stitcher->within;
    copy->basis_offset += stitcher->within;
    copy->length -= stitcher->within;
    stitcher->within = 0;
    return true;
}
