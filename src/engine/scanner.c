/*
 * See scanner.h.
 *
 * Three tests of rising cost decide whether a window matches: the filter (one bit, in the kernel), the weak sum in the
 * index (exact), the strong sum. Only the last reads the window again.
 *
 * Whoever chooses both files could make every window pass the second test and fail the third, and so have a whole block
 * hashed at every byte. So there is a budget of failures for each stretch of the new file. Beyond it, windows count as
 * unmatched, unless they come right behind a copy: the delta gets longer, not slower. A budget belongs to a fixed
 * stretch and not to the whole file, so that one bad place costs nothing elsewhere and so that a parse depends only on
 * where it begins. Other input is far below it: 256 chance collisions of weak sums in some 64 KiB do not happen.
 */
#include "engine/scanner.h"

#include "hash/sums.h"

#include <string.h>

enum {
    CELL_BLOCKS = 32,     /* a stretch, in blocks: 64 KiB at the default of 2048 */
    CELL_BLOCK_MIN = 128, /* shorter blocks count as this long, for hashing them costs as much */
    FAILURES_MAX = 256    /* strong sums in vain a stretch: at most 8 bytes hashed for each byte of the new file */
};

void rd__scanner_init(rd__scanner *scanner, const rd_signature *signature, const rd__kernels *kernels) {
    *scanner = (rd__scanner){.signature = signature, .kernels = kernels};
    if (signature)
        scanner->next_block = signature->sums.count;
}

static uint64_t cell_length(const rd__scanner *scanner) {
    const uint64_t block_len = scanner->signature->params.block_len;
    return CELL_BLOCKS * (block_len < CELL_BLOCK_MIN ? CELL_BLOCK_MIN : block_len);
}

/* May a strong sum be made at scanner->at? */
static bool within_budget(rd__scanner *scanner) {
    const uint64_t cell = scanner->at / cell_length(scanner);
    if (cell != scanner->cell) {
        scanner->cell = cell;
        scanner->failures = 0;
    }
    return scanner->failures < FAILURES_MAX || !scanner->rolling;
}

static bool strong_equal(const rd_signature *signature, uint64_t block, const uint8_t *strong) {
    return memcmp(rd__sums_strong(&signature->sums, block), strong, signature->sums.strong_len) == 0;
}

/*
 * The block of the basis that data[0 .. length) is, by its weak sum scanner->weak. Of equal blocks, the one that
 * continues the last copy, else the first.
 */
static bool find_block(rd__scanner *scanner, const uint8_t *data, size_t length, uint64_t *block) {
    const rd_signature *const signature = scanner->signature;
    const bool continues =
        scanner->next_block < signature->sums.count && signature->sums.weak[scanner->next_block] == scanner->weak;
    rd__index_range range = {0, 0};
    if (!continues && !rd__index_find_weak(&signature->index, scanner->weak, &range))
        return false;
    if (!within_budget(scanner))
        return false;
    uint8_t strong[RD_STRONG_LEN_MAX];
    uint32_t found = 0;
    scanner->kernels->strong_many[signature->params.strong](data, length, 1, strong);
    if (continues && strong_equal(signature, scanner->next_block, strong)) {
        *block = scanner->next_block;
        return true;
    }
    if (continues && !rd__index_find_weak(&signature->index, scanner->weak, &range))
        return false;
    if (rd__index_find_strong(&signature->index, &signature->sums, &range, strong, &found)) {
        *block = found;
        return true;
    }
    scanner->failures++;
    scanner->false_matches++;
    return false;
}

/* Makes the copy of `block` at scanner->at, and moves behind it. */
static void take_block(rd__scanner *scanner, uint64_t block, uint64_t length, rd_op *copy) {
    *copy = (rd_op){.kind = RD_COPY, .target_offset = scanner->at, .length = length};
    copy->basis_offset = block * scanner->signature->params.block_len;
    scanner->at += length;
    scanner->next_block = block + 1;
    scanner->rolling = false;
}

/* Tests the full window at `data`, whose weak sum is scanner->weak. */
static bool try_window(rd__scanner *scanner, const uint8_t *data, rd_op *copy) {
    const uint32_t block_len = scanner->signature->params.block_len;
    uint64_t block = 0;
    const bool found = find_block(scanner, data, block_len, &block);
    scanner->rolling = true;
    if (found)
        take_block(scanner, block, block_len, copy);
    return found;
}

/*
 * The end of the new file, less than a block: only the last block of the basis can match here, if it is short. Each
 * suffix is tried, longest first, by its weak sum alone.
 */
static bool try_suffixes(rd__scanner *scanner, const uint8_t *data, size_t size, rd_op *copy) {
    const rd_signature *const signature = scanner->signature;
    const uint64_t last = signature->sums.count - 1;
    const rd_weak kind = signature->params.weak;
    rd__shrinking window;
    rd__shrinking_init(&window, kind, scanner->kernels->weak_update[kind](rd__weak_seed(kind), data, size), size);
    for (; window.length > 0; data++) {
        if (window.sum == signature->sums.weak[last] && within_budget(scanner)) {
            uint8_t strong[RD_STRONG_LEN_MAX];
            scanner->kernels->strong_many[signature->params.strong](data, (size_t)window.length, 1, strong);
            if (strong_equal(signature, last, strong)) {
                take_block(scanner, last, window.length, copy);
                return true;
            }
            scanner->failures++;
            scanner->false_matches++;
        }
        rd__shrinking_drop(&window, *data);
        scanner->at++;
        scanner->rolling = true;
    }
    return false;
}

bool rd__scanner_next(rd__scanner *scanner, const rd__view *view, rd_op *copy) {
    const uint64_t end = view->offset + view->size;
    if (!scanner->signature || scanner->signature->sums.count == 0) {
        scanner->at = end;
        return false;
    }
    const rd_params *const params = &scanner->signature->params;
    const size_t block_len = params->block_len;
    while (end - scanner->at >= block_len) {
        const uint8_t *const data = view->data + (scanner->at - view->offset);
        if (!scanner->rolling) {
            const uint32_t seed = rd__weak_seed(params->weak);
            scanner->weak = scanner->kernels->weak_update[params->weak](seed, data, block_len);
            if (try_window(scanner, data, copy))
                return true;
            continue;
        }
        const size_t rolls = (size_t)(end - scanner->at) - block_len;
        bool found = false;
        const size_t rolled = scanner->kernels->seek[params->weak](&scanner->signature->index.filter, block_len,
                                                                   &scanner->weak, data, rolls, &found);
        scanner->at += rolled;
        if (found && try_window(scanner, data + rolled, copy))
            return true;
        if (scanner->at + block_len == end)
            break;
    }
    if (!view->last || scanner->at == end)
        return false;
    if (scanner->rolling && end - scanner->at == block_len)
        scanner->at++;
    return try_suffixes(scanner, view->data + (scanner->at - view->offset), (size_t)(end - scanner->at), copy);
}
