/*
 * See scanner.h.
 *
 * Three tests of rising cost decide whether a window matches: the filter (two bits, in the kernel), the weak sum in the
 * index (exact), the strong sum. Only the last reads the window again. The kernel seeks through unmatched data a stride
 * at a time; the index is then searched for all hits of the stride together, so that its memory is fetched for all of
 * them at once.
 *
 * Where a block of the new file is one of the basis, the block after it is most likely the next one of the basis. So
 * the blocks after a window whose weak sums are those of the next blocks of the basis are verified together with it:
 * one call of the kernel makes all their strong sums, which costs little more than one alone, and all blocks before the
 * first that differs are taken.
 *
 * Someone who chooses both files could make every window pass the second test and fail the third, and so have a whole
 * block hashed at every byte. So there is a budget of failures, strong sums that match nothing, for each *budget
 * window* of the new file: a few are free, each further one is earned by moving forward. Windows beyond the budget
 * count as unmatched: the delta gets longer, not slower. A budget belongs to a range at a fixed place and not to the
 * whole file, so that one bad place costs nothing elsewhere and a parse depends only on where it starts. Other input
 * stays far below it: weak sums collide by chance at most once in some 10 KiB of a new file, unless the signature has
 * more than a million blocks.
 */
#include "engine/scanner.h"

#include "base/memory.h"
#include "hash/sums.h"

#include <assert.h>
#include <string.h>

enum {
    BUDGET_WINDOW_BLOCKS = 32,      /* 64 KiB at the default of 2048 */
    BUDGET_BLOCK_MIN = 128,         /* shorter blocks count as this long, for hashing them costs as much */
    BUDGET_FREE_BYTES = 384 * 1024, /* hashed in a budget window for nothing: 192 strong sums of blocks of 2048 ... */
    BUDGET_FREE_MIN = 8,            /* ... but at least 8 sums of longer blocks ... */
    BUDGET_FREE_MAX = 256,          /* ... and at most 256 of shorter ones */
    BUDGET_EARNED = 32,             /* more, one for each block passed: a byte hashed for each byte */
    STRIDE_MIN = 128,
    STRIDE_MAX = RD__SEEK_MAX,
    RUN_MAX = 64,          /* blocks */
    RUN_LANES = 16,        /* as many as fill the widest kernel, however long they are */
    RUN_BYTES = 512 * 1024 /* beyond that, no more than stay in cache between the two sums */
};

void rd__scanner_init(rd__scanner *scanner, const rd_signature *signature, const rd__kernels *kernels) {
    *scanner = (rd__scanner){.signature = signature, .kernels = kernels, .stride = STRIDE_MIN, .run = RUN_MAX};
}

/* ---- The budget -------------------------------------------------------------------------------------------------- */

uint64_t rd__scanner_budget_window(const rd_signature *signature) {
    const uint64_t block_len = signature->params.block_len;
    return BUDGET_WINDOW_BLOCKS * (block_len < BUDGET_BLOCK_MIN ? BUDGET_BLOCK_MIN : block_len);
}

/*
 * How many failures are free in a budget window. They include twice as many as chance makes: each position collides
 * with each block once in 2^32, which only matters with very many blocks.
 */
static uint32_t scanner_free_failures(const rd__scanner *scanner) {
    const uint64_t window = rd__scanner_budget_window(scanner->signature);
    const uint32_t fit = BUDGET_FREE_BYTES / scanner->signature->params.block_len;
    const uint32_t by_chance = (uint32_t)((window / 4096 * scanner->signature->sums.count) >> 20);
    return (fit < BUDGET_FREE_MIN ? BUDGET_FREE_MIN : fit > BUDGET_FREE_MAX ? BUDGET_FREE_MAX : fit) + 2 * by_chance;
}

bool rd__scanner_within_budget(const rd__scanner *a, const rd__scanner *b) {
    return a->failures + b->worst < scanner_free_failures(a);
}

/* May a strong sum be made at scanner->at? */
static bool scanner_may_verify(rd__scanner *scanner) {
    if (scanner->at >= scanner->budget_end) {
        const uint64_t window = rd__scanner_budget_window(scanner->signature);
        scanner->budget_end = (scanner->at / window + 1) * window;
        scanner->blocked = 0;
        scanner->failures = 0;
    }
    return scanner->at >= scanner->blocked;
}

static void scanner_count_failure(rd__scanner *scanner) {
    const uint64_t window = rd__scanner_budget_window(scanner->signature);
    const uint32_t free_failures = scanner_free_failures(scanner);
    assert(scanner->at >= scanner->blocked && scanner->at < scanner->budget_end);
    scanner->false_matches++;
    scanner->failures++;
    if (scanner->failures >= free_failures)
        scanner->blocked =
            scanner->budget_end - window + (scanner->failures - free_failures + 1) * (window / BUDGET_EARNED);
    if (scanner->worst < scanner->failures)
        scanner->worst = scanner->failures;
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

bool rd__scanner_continues(const rd__scanner *scanner) {
    return scanner->after_copy && scanner->next_block < scanner->signature->sums.count;
}

static void scanner_make_strong(const rd__scanner *scanner, const uint8_t *data, size_t length, size_t count,
                                uint8_t *strong) {
    scanner->kernels->strong_many[scanner->signature->params.strong](data, length, count, strong);
}

static uint32_t scanner_make_weak(const rd__scanner *scanner, const uint8_t *data, size_t length) {
    const rd_weak kind = scanner->signature->params.weak;
    return scanner->kernels->weak_update[kind](rd__weak_seed(kind), data, length);
}

static bool scanner_strong_equal(const rd__scanner *scanner, uint64_t block, const uint8_t *strong) {
    const rd__sums *const sums = &scanner->signature->sums;
    return memcmp(rd__sums_strong(sums, block), strong, sums->strong_len) == 0;
}

/* Makes the copy of `length` bytes, `count` blocks from `block` on, at scanner->at, and moves past it. */
static void scanner_take_blocks(rd__scanner *scanner, uint64_t block, uint64_t count, uint64_t length, rd_op *copy) {
    assert(length > 0 && block + count <= scanner->signature->sums.count);
    *copy = (rd_op){.kind = RD_COPY, .target_offset = scanner->at, .length = length};
    copy->basis_offset = rd__signature_block_offset(scanner->signature, block);
    scanner->expected -= block == scanner->next_block ? rd__min_u64(scanner->expected, count) : scanner->expected;
    scanner->at += length;
    scanner->next_block = block + count;
    scanner->after_copy = true;
    scanner->rolling = false;
    scanner->stride = STRIDE_MIN;
}

/*
 * How many blocks of the new file, starting with the one at `data`, have the weak sums of those of the basis from
 * `block` on, as many as may be verified together. The first one has; `positions` is the number of positions at which
 * the others may start, plus the length of a block.
 */
static size_t scanner_weak_run(const rd__scanner *scanner, uint64_t block, const uint8_t *data, uint64_t positions) {
    const rd__sums *const sums = &scanner->signature->sums;
    const size_t block_len = scanner->signature->params.block_len;
    const size_t in_cache = RUN_BYTES / block_len < RUN_LANES ? RUN_LANES : RUN_BYTES / block_len;
    const uint64_t in_files = rd__min_u64(sums->count - block, positions / block_len);
    const size_t most = (size_t)rd__min_u64(rd__min_size(scanner->run, in_cache), in_files);
    size_t n = scanner->expected > 1 ? (size_t)rd__min_u64(scanner->expected, most) : 1;
    while (n < most && sums->weak[block + n] == scanner_make_weak(scanner, data + n * block_len, block_len))
        n++;
    return n;
}

/* Makes a copy of the candidate if the first of `count` strong sums is that of a block, and of those that follow. */
static bool scanner_decide_run(rd__scanner *scanner, const uint8_t *strong, size_t count, rd_op *copy) {
    const rd__sums *const sums = &scanner->signature->sums;
    const size_t block_len = scanner->signature->params.block_len;
    const size_t strong_size = rd__strong_size(scanner->signature->params.strong);
    const rd__candidate *const candidate = &scanner->candidate;

    /* Of equal blocks take the one that continues the last copy, else the first, which is the one in the index. */
    uint64_t block = candidate->guess;
    bool found = candidate->continues && scanner_strong_equal(scanner, block, strong);
    if (!found) {
        uint32_t first = 0;
        found = rd__index_find_strong(&scanner->signature->index, sums, &candidate->range, strong, &first);
        block = first;
    }
    if (!found) {
        scanner_count_failure(scanner);
        scanner->after_copy = false;
        scanner->expected = 0;
        scanner->run = 1;
        return false;
    }

    /* The blocks that follow were guessed along with the first. Verify more at once as long as all are right. */
    size_t n = 1;
    while (block == candidate->guess && n < count && scanner_strong_equal(scanner, block + n, strong + n * strong_size))
        n++;
    scanner->run = n == count ? rd__min_size(2 * scanner->run, RUN_MAX) : 1;
    scanner_take_blocks(scanner, block, n, (uint64_t)n * block_len, copy);
    return true;
}

bool rd__scanner_decide(rd__scanner *scanner, const uint8_t *strong, rd_op *copy) {
    assert(scanner->candidate.data);
    const bool found = scanner_decide_run(scanner, strong, 1, copy);
    scanner->candidate.data = NULL;
    return found;
}

/*
 * Decides the window at `data`, whose weak sum is scanner->weak, and with it the blocks after it that continue as the
 * basis does. For `positions` see scanner_weak_run. RD__STEP_END: it does not match.
 */
static rd__step scanner_try_window(rd__scanner *scanner, const uint8_t *data, uint64_t positions, bool defers,
                                   rd_op *copy) {
    const rd__sums *const sums = &scanner->signature->sums;
    const rd__index *const index = &scanner->signature->index;
    rd__candidate *const candidate = &scanner->candidate;
    uint8_t strong[RUN_MAX * RD_STRONG_LEN_MAX];
    scanner->rolling = true;
    if (!scanner_may_verify(scanner) || !rd__index_find_weak(index, scanner->weak, &candidate->range)) {
        scanner->after_copy = false;
        scanner->expected = 0;
        return RD__STEP_END;
    }

    /* Guess which block it is: the one after the last copy if its weak sum agrees, else one of those with this sum. */
    candidate->continues = rd__scanner_continues(scanner) && sums->weak[scanner->next_block] == scanner->weak;
    candidate->guess = candidate->continues ? scanner->next_block : index->entries[candidate->range.first].block;
    const rd__hint *const hint = scanner->hint;
    const bool hinted = hint && hint->at == scanner->at && hint->sums.weak == scanner->weak;
    const size_t count = hinted ? 1 : scanner_weak_run(scanner, candidate->guess, data, positions);
    if (defers && count == 1 && !hinted) {
        candidate->data = data;
        return RD__STEP_CANDIDATE;
    }
    if (hinted)
        memcpy(strong, hint->sums.strong, sums->strong_len);
    else
        scanner_make_strong(scanner, data, scanner->signature->params.block_len, count, strong);
    return scanner_decide_run(scanner, strong, count, copy) ? RD__STEP_COPY : RD__STEP_END;
}

/*
 * Seeks through some of the `rolls` positions after scanner->at, whose window, at `data`, does not match.
 * RD__STEP_END: nor do theirs.
 */
static rd__step scanner_seek(rd__scanner *scanner, const uint8_t *data, uint64_t rolls, bool defers, rd_op *copy) {
    const rd_params *const params = &scanner->signature->params;
    const rd__index *const index = &scanner->signature->index;
    const size_t end = (size_t)rd__min_u64(rolls, scanner->stride);
    const uint64_t from = scanner->at;
    uint32_t weak = scanner->weak;
    rd__hit hits[STRIDE_MAX];
    assert(scanner->rolling && rolls > 0);
    const size_t count =
        scanner->kernels->seek[params->weak](&index->filter, params->block_len, &weak, data, 0, end, hits);

    /* Fetch the directory for all hits, then the entries for all, unless the budget rules all of them out. */
    const size_t wanted = scanner->blocked > from + end ? 0 : count;
    for (size_t i = 0; i < wanted; i++)
        rd__index_prefetch_bucket(index, hits[i].weak);
    for (size_t i = 0; i < wanted; i++)
        rd__index_prefetch_entries(index, hits[i].weak);

    for (size_t i = 0; i < count; i++) {
        scanner->at = from + hits[i].at;
        if (!scanner_may_verify(scanner))
            continue;
        scanner->weak = hits[i].weak;
        const uint64_t positions = rolls - hits[i].at + params->block_len;
        const rd__step step = scanner_try_window(scanner, data + hits[i].at, positions, defers, copy);
        if (step == RD__STEP_CANDIDATE) /* if it does not match, the rest of the stride will be sought through again */
            scanner->stride = STRIDE_MIN;
        if (step != RD__STEP_END)
            return step;
    }
    scanner->at = from + end;
    scanner->weak = weak;
    scanner->stride = rd__min_size(2 * scanner->stride, STRIDE_MAX);
    return RD__STEP_END;
}

/*
 * The end of the new file, less than a block: only the last block of the basis can match here, if it is short. Each
 * suffix is tried, longest first, by its weak sum alone.
 */
static bool scanner_try_suffixes(rd__scanner *scanner, const uint8_t *data, size_t size, rd_op *copy) {
    const rd_signature *const signature = scanner->signature;
    const uint64_t last = signature->sums.count - 1;
    rd__shrinking window;
    assert(size < signature->params.block_len);
    rd__shrinking_init(&window, signature->params.weak, scanner_make_weak(scanner, data, size), size);
    for (; window.length > 0; data++) {
        if (window.sum == signature->sums.weak[last] && scanner_may_verify(scanner)) {
            uint8_t strong[RD_STRONG_LEN_MAX];
            scanner_make_strong(scanner, data, (size_t)window.length, 1, strong);
            if (scanner_strong_equal(scanner, last, strong)) {
                scanner_take_blocks(scanner, last, 1, window.length, copy);
                return true;
            }
            scanner_count_failure(scanner);
        }
        rd__shrinking_drop(&window, *data);
        scanner->at++;
        scanner->after_copy = false;
    }
    return false;
}

bool rd__scanner_expects(rd__scanner *scanner, const rd__view *view) {
    const uint64_t end = view->offset + view->size;
    const size_t block_len = scanner->signature->params.block_len;
    assert(scanner->at >= view->offset && scanner->at <= end);
    if (scanner->rolling || !rd__scanner_continues(scanner))
        return false;
    for (uint64_t at = scanner->at + scanner->expected * block_len; end - at >= block_len; at += block_len) {
        const uint64_t block = scanner->next_block + scanner->expected;
        if (block == scanner->signature->sums.count ||
            scanner->signature->sums.weak[block] !=
                scanner_make_weak(scanner, view->data + (at - view->offset), block_len))
            return false;
        scanner->expected++;
    }
    return true;
}

/* ---- Zeros ------------------------------------------------------------------------------------------------------- */

rd__zero_block rd__scanner_find_zeros(const rd_signature *signature, const rd__kernels *kernels) {
    rd__zero_block zeros = {.exists = false};
    rd__index_range range = {0, 0};
    uint32_t first = 0;
    rd__block_sums sums;
    if (!signature || signature->sums.count == 0)
        return zeros;
    rd__sign_zeros(kernels, &signature->params, &sums);
    zeros.exists = rd__index_find_weak(&signature->index, sums.weak, &range) &&
                   rd__index_find_strong(&signature->index, &signature->sums, &range, sums.strong, &first);
    zeros.first = first;
    return zeros;
}

static bool scanner_is_zeros(const rd__scanner *scanner, const rd__zero_block *zeros, uint64_t block) {
    const rd__sums *const sums = &scanner->signature->sums;
    return sums->weak[block] == sums->weak[zeros->first] &&
           scanner_strong_equal(scanner, block, rd__sums_strong(sums, zeros->first));
}

/* The choice is that of scanner_try_window; where the budget blocks strong sums, windows of zeros are left to it. */
bool rd__scanner_next_zeros(rd__scanner *scanner, const rd__zero_block *zeros, uint64_t stop, rd_op *copy) {
    if (!zeros->exists || scanner->rolling || scanner->at >= stop || !scanner_may_verify(scanner))
        return false;
    const uint64_t block_len = scanner->signature->params.block_len;
    const bool continues = rd__scanner_continues(scanner) && scanner_is_zeros(scanner, zeros, scanner->next_block);
    const uint64_t block = continues ? scanner->next_block : zeros->first;
    const uint64_t most =
        rd__min_u64(scanner->signature->sums.count - block, (stop - scanner->at + block_len - 1) / block_len);
    uint64_t n = 1;
    while (n < most && scanner_is_zeros(scanner, zeros, block + n))
        n++;
    scanner_take_blocks(scanner, block, n, n * block_len, copy);
    return true;
}

/* ---- The parse --------------------------------------------------------------------------------------------------- */

/* Is there a whole block at scanner->at in the view, and is it to be decided? */
static bool scanner_has_window(const rd__scanner *scanner, const rd__view *view, uint64_t stop) {
    const uint64_t end = view->offset + view->size;
    return scanner->at < stop && scanner->at < end && end - scanner->at >= scanner->signature->params.block_len;
}

/* Decides windows of a whole block until one matches. RD__STEP_END: none does in the view before `stop`. */
static rd__step scanner_try_windows(rd__scanner *scanner, const rd__view *view, uint64_t stop, bool defers,
                                    rd_op *copy) {
    const size_t block_len = scanner->signature->params.block_len;
    while (scanner_has_window(scanner, view, stop)) {
        const uint8_t *const data = view->data + (scanner->at - view->offset);
        const uint64_t end = view->offset + view->size;
        const uint64_t rolls = rd__min_u64(end - scanner->at - block_len, stop - scanner->at - 1);
        rd__step step = RD__STEP_END;
        if (!scanner->rolling) {
            scanner->weak = scanner->expected > 0 ? scanner->signature->sums.weak[scanner->next_block]
                                                  : scanner_make_weak(scanner, data, block_len);
            step = scanner_try_window(scanner, data, rolls + block_len, defers, copy);
        } else if (rolls > 0) {
            step = scanner_seek(scanner, data, rolls, defers, copy);
        } else if (scanner->at + 1 == stop) {
            scanner->at = stop;
            scanner->rolling = false;
        } else {
            break; /* the next window is not in the view */
        }
        if (step != RD__STEP_END)
            return step;
    }
    return RD__STEP_END;
}

static rd__step scanner_advance(rd__scanner *scanner, const rd__view *view, uint64_t stop, bool defers, rd_op *copy) {
    const uint64_t end = view->offset + view->size;
    assert(scanner->at >= view->offset && !scanner->candidate.data);
    if (!scanner->signature || scanner->signature->sums.count == 0) {
        scanner->at = rd__min_u64(end, stop);
        return RD__STEP_END;
    }
    const rd__step step = scanner_try_windows(scanner, view, stop, defers, copy);

    /* What is left at the end of the new file is shorter than a block. There may be nothing, and scanner->at may be
     * past the end of a new file that was made shorter after a copy was found in bytes that are gone. */
    if (step != RD__STEP_END || !view->last || stop < end || scanner->at >= end)
        return step;
    if (scanner->rolling) {
        scanner->at++;
        scanner->rolling = false;
    }
    const size_t left = (size_t)(end - scanner->at);
    return scanner_try_suffixes(scanner, view->data + (scanner->at - view->offset), left, copy) ? RD__STEP_COPY
                                                                                                : RD__STEP_END;
}

rd__step rd__scanner_step(rd__scanner *scanner, const rd__view *view, uint64_t stop, rd_op *copy) {
    return scanner_advance(scanner, view, stop, true, copy);
}

bool rd__scanner_next(rd__scanner *scanner, const rd__view *view, uint64_t stop, rd_op *copy) {
    return scanner_advance(scanner, view, stop, false, copy) == RD__STEP_COPY;
}
