/*
 * See scanner.h.
 *
 * Three tests of rising cost decide whether a window matches: the filter (two bits, in the kernel), the weak sum in the
 * index (exact), the strong sum. Only the last reads the window again. Unmatched data is sought through by the kernel,
 * a stride at a time; the index is asked for all hits of a stride together, so that its memory is fetched for all at
 * once.
 *
 * Where a block of the new file is one of the basis, the next most likely is the next one. So with a window go the
 * blocks behind it whose weak sums are those of the blocks that follow in the basis; their strong sums are made in one
 * call of the kernel, which costs little more than one alone, and all are taken up to the first that differs.
 *
 * Whoever chooses both files could make every window pass the second test and fail the third, and so have a whole block
 * hashed at every byte. So there is a budget of failures for each *budget window* of the new file: a few are free, each
 * further one must be earned by going on. What is beyond it counts as unmatched: the delta gets longer, not slower. A
 * budget belongs to a window at a fixed place and not to the whole file, so that one bad place costs nothing elsewhere
 * and so that a parse depends only on where it begins. Other input stays far below it: weak sums collide by chance once
 * in some 10 KiB of a new file at most, unless the signature has more than a million blocks.
 */
#include "engine/scanner.h"

#include "base/memory.h"
#include "hash/sums.h"

#include <string.h>

enum {
    BUDGET_WINDOW_BLOCKS = 32, /* 64 KiB at the default of 2048 */
    BUDGET_BLOCK_MIN = 128,    /* shorter blocks count as this long, for hashing them costs as much */
    FREE_BYTES = 384 * 1024,   /* that match nothing, in a budget window: 192 strong sums of blocks of 2048 ... */
    FREE_MIN = 8,              /* ... but so many of longer blocks ... */
    FREE_MAX = 256,            /* ... and of shorter ones */
    EARNED = 32,               /* and so many more, one for each block passed: a byte hashed for each byte */
    STRIDE_MIN = 128,
    STRIDE_MAX = RD__SEEK_MAX,
    RUN_MAX = 64,          /* blocks */
    RUN_LANES = 16,        /* as many as fill the widest kernel, however long they are */
    RUN_BYTES = 512 * 1024 /* else no more than stay in cache between the two sums */
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
 * How many failures are free in a budget window. To them come twice as many as there are by chance: each position
 * collides with each block once in 2^32, which only matters with very many blocks.
 */
static uint32_t free_failures(const rd__scanner *scanner) {
    const uint64_t window = rd__scanner_budget_window(scanner->signature);
    const uint32_t fit = FREE_BYTES / scanner->signature->params.block_len;
    const uint32_t by_chance = (uint32_t)((window / 4096 * scanner->signature->sums.count) >> 20);
    return (fit < FREE_MIN ? FREE_MIN : fit > FREE_MAX ? FREE_MAX : fit) + 2 * by_chance;
}

bool rd__scanner_within_budget(const rd__scanner *a, const rd__scanner *b) {
    return a->failures + b->worst < free_failures(a);
}

/* May a strong sum be made at scanner->at? */
static bool within_budget(rd__scanner *scanner) {
    if (scanner->at >= scanner->budget_end) {
        const uint64_t window = rd__scanner_budget_window(scanner->signature);
        scanner->budget_end = (scanner->at / window + 1) * window;
        scanner->blocked = 0;
        scanner->failures = 0;
    }
    return scanner->at >= scanner->blocked;
}

static void count_failure(rd__scanner *scanner) {
    const uint64_t window = rd__scanner_budget_window(scanner->signature);
    const uint32_t free_of_charge = free_failures(scanner);
    scanner->false_matches++;
    scanner->failures++;
    if (scanner->failures >= free_of_charge)
        scanner->blocked = scanner->budget_end - window + (scanner->failures - free_of_charge + 1) * (window / EARNED);
    if (scanner->worst < scanner->failures)
        scanner->worst = scanner->failures;
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

bool rd__scanner_continues(const rd__scanner *scanner) {
    return scanner->after_copy && scanner->next_block < scanner->signature->sums.count;
}

static void make_strong(const rd__scanner *scanner, const uint8_t *data, size_t length, size_t count, uint8_t *strong) {
    scanner->kernels->strong_many[scanner->signature->params.strong](data, length, count, strong);
}

static uint32_t make_weak(const rd__scanner *scanner, const uint8_t *data, size_t length) {
    const rd_weak kind = scanner->signature->params.weak;
    return scanner->kernels->weak_update[kind](rd__weak_seed(kind), data, length);
}

static bool strong_equal(const rd_signature *signature, uint64_t block, const uint8_t *strong) {
    return memcmp(rd__sums_strong(&signature->sums, block), strong, signature->sums.strong_len) == 0;
}

/* Makes the copy of `length` bytes, `count` blocks from `block` on, at scanner->at, and moves behind it. */
static void take_blocks(rd__scanner *scanner, uint64_t block, uint64_t count, uint64_t length, rd_op *copy) {
    *copy = (rd_op){.kind = RD_COPY, .target_offset = scanner->at, .length = length};
    copy->basis_offset = block * scanner->signature->params.block_len;
    scanner->at += length;
    scanner->next_block = block + count;
    scanner->after_copy = true;
    scanner->rolling = false;
    scanner->stride = STRIDE_MIN;
}

/* The block that the window most likely is, if it is one: that behind the last copy, or one with its weak sum. */
static uint64_t guess_block(const rd__scanner *scanner, const rd__index_range *range) {
    const rd_signature *const signature = scanner->signature;
    if (rd__scanner_continues(scanner) && signature->sums.weak[scanner->next_block] == scanner->weak)
        return scanner->next_block;
    return signature->index.entries[range->first].block;
}

/*
 * How many blocks of the new file, from that at `data` on, have the weak sums of those of the basis from `block` on.
 * The first one has; `positions` is the number of positions at which the others may begin, and the length of a block.
 */
static size_t weak_run(const rd__scanner *scanner, uint64_t block, const uint8_t *data, uint64_t positions) {
    const rd_signature *const signature = scanner->signature;
    const size_t block_len = signature->params.block_len;
    const size_t in_cache = RUN_BYTES / block_len < RUN_LANES ? RUN_LANES : RUN_BYTES / block_len;
    const uint64_t in_files = rd__min_u64(signature->sums.count - block, positions / block_len);
    const size_t most = (size_t)rd__min_u64(rd__min_size(scanner->run, in_cache), in_files);
    size_t n = 1;
    while (n < most && signature->sums.weak[block + n] == make_weak(scanner, data + n * block_len, block_len))
        n++;
    return n;
}

/*
 * The block of the basis with these sums. Of equal blocks, the one that continues the last copy, else the first. False:
 * there is none.
 */
static bool find_strong(const rd__scanner *scanner, const rd__index_range *range, const uint8_t *strong,
                        uint64_t *block) {
    const rd_signature *const signature = scanner->signature;
    uint32_t first = 0;
    *block = scanner->next_block;
    if (rd__scanner_continues(scanner) && signature->sums.weak[scanner->next_block] == scanner->weak &&
        strong_equal(signature, scanner->next_block, strong))
        return true;
    const bool found = rd__index_find_strong(&signature->index, &signature->sums, range, strong, &first);
    *block = first;
    return found;
}

/*
 * Decides the window at `data`, whose weak sum is scanner->weak, and with it the blocks behind it that go on as the
 * basis does. For `positions` see weak_run.
 */
static bool try_window(rd__scanner *scanner, const uint8_t *data, uint64_t positions, rd_op *copy) {
    const rd_signature *const signature = scanner->signature;
    const size_t block_len = signature->params.block_len;
    const size_t strong_size = rd__strong_size(signature->params.strong);
    uint8_t strong[RUN_MAX * RD_STRONG_LEN_MAX];
    rd__index_range range = {0, 0};
    uint64_t block = 0;
    scanner->rolling = true;
    if (!within_budget(scanner) || !rd__index_find_weak(&signature->index, scanner->weak, &range)) {
        scanner->after_copy = false;
        return false;
    }
    const uint64_t guess = guess_block(scanner, &range);
    const size_t candidates = weak_run(scanner, guess, data, positions);
    make_strong(scanner, data, block_len, candidates, strong);
    if (!find_strong(scanner, &range, strong, &block)) {
        count_failure(scanner);
        scanner->after_copy = false;
        scanner->run = 1;
        return false;
    }
    size_t n = 1;
    while (block == guess && n < candidates && strong_equal(signature, block + n, strong + n * strong_size))
        n++;
    scanner->run = n == candidates ? rd__min_size(2 * scanner->run, RUN_MAX) : 1;
    take_blocks(scanner, block, n, (uint64_t)n * block_len, copy);
    return true;
}

static void prefetch(const rd__index *index, const rd__hit *hits, size_t count) {
    for (size_t i = 0; i < count; i++)
        rd__index_prefetch_bucket(index, hits[i].weak);
    for (size_t i = 0; i < count; i++)
        rd__index_prefetch_entries(index, hits[i].weak);
}

/* Seeks through some of the `rolls` positions behind scanner->at, whose window at `data` does not match. */
static bool seek(rd__scanner *scanner, const uint8_t *data, uint64_t rolls, rd_op *copy) {
    const rd_params *const params = &scanner->signature->params;
    const rd__index *const index = &scanner->signature->index;
    const size_t end = (size_t)rd__min_u64(rolls, scanner->stride);
    const uint64_t from = scanner->at;
    uint32_t weak = scanner->weak;
    rd__hit hits[STRIDE_MAX];
    const size_t count =
        scanner->kernels->seek[params->weak](&index->filter, params->block_len, &weak, data, 0, end, hits);
    prefetch(index, hits, scanner->blocked > from + end ? 0 : count);
    for (size_t i = 0; i < count; i++) {
        scanner->at = from + hits[i].at;
        if (!within_budget(scanner))
            continue;
        scanner->weak = hits[i].weak;
        if (try_window(scanner, data + hits[i].at, rolls - hits[i].at + params->block_len, copy))
            return true;
    }
    scanner->at = from + end;
    scanner->weak = weak;
    scanner->stride = rd__min_size(2 * scanner->stride, STRIDE_MAX);
    return false;
}

/*
 * The end of the new file, less than a block: only the last block of the basis can match here, if it is short. Each
 * suffix is tried, longest first, by its weak sum alone.
 */
static bool try_suffixes(rd__scanner *scanner, const uint8_t *data, size_t size, rd_op *copy) {
    const rd_signature *const signature = scanner->signature;
    const uint64_t last = signature->sums.count - 1;
    rd__shrinking window;
    rd__shrinking_init(&window, signature->params.weak, make_weak(scanner, data, size), size);
    for (; window.length > 0; data++) {
        if (window.sum == signature->sums.weak[last] && within_budget(scanner)) {
            uint8_t strong[RD_STRONG_LEN_MAX];
            make_strong(scanner, data, (size_t)window.length, 1, strong);
            if (strong_equal(signature, last, strong)) {
                take_blocks(scanner, last, 1, window.length, copy);
                return true;
            }
            count_failure(scanner);
        }
        rd__shrinking_drop(&window, *data);
        scanner->at++;
        scanner->after_copy = false;
    }
    return false;
}

/* Finds the next copy of whole blocks. False: the view or `stop` is reached. */
static bool next_whole(rd__scanner *scanner, const rd__view *view, uint64_t stop, rd_op *copy) {
    const uint64_t end = view->offset + view->size;
    const size_t block_len = scanner->signature->params.block_len;
    while (scanner->at < stop && end - scanner->at >= block_len) {
        const uint8_t *const data = view->data + (scanner->at - view->offset);
        const uint64_t rolls = rd__min_u64(end - scanner->at - block_len, stop - scanner->at - 1);
        if (!scanner->rolling) {
            scanner->weak = make_weak(scanner, data, block_len);
            if (try_window(scanner, data, rolls + block_len, copy))
                return true;
        } else if (rolls > 0) {
            if (seek(scanner, data, rolls, copy))
                return true;
        } else if (scanner->at + 1 == stop) {
            scanner->at = stop;
            scanner->rolling = false;
        } else {
            break;
        }
    }
    return false;
}

bool rd__scanner_next(rd__scanner *scanner, const rd__view *view, uint64_t stop, rd_op *copy) {
    const uint64_t end = view->offset + view->size;
    if (!scanner->signature || scanner->signature->sums.count == 0) {
        scanner->at = rd__min_u64(end, stop);
        return false;
    }
    /* Behind the end: a new file that became shorter after a copy was found in what followed. */
    if (scanner->at >= end)
        return false;
    if (next_whole(scanner, view, stop, copy))
        return true;
    if (!view->last || stop < end || scanner->at >= end)
        return false;
    if (scanner->rolling) {
        scanner->at++;
        scanner->rolling = false;
    }
    return try_suffixes(scanner, view->data + (scanner->at - view->offset), (size_t)(end - scanner->at), copy);
}
