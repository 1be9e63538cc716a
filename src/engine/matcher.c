/*
 * See matcher.h.
 *
 * The idea of both passes, seeds that are found by a table and extended both ways, is that of xdelta and vcdiff (RFC
 * 3284) and of bsdiff's search between anchors; the windows of gaps are ours.
 */
#include "engine/matcher.h"

#include "base/memory.h"
#include "engine/op_joiner.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BATCH = 16,             /* positions that are looked up at once, after a copy ... */
    BATCH_MAX = 64,         /* ... and when none of these was found: the more, the less is waited for memory */
    RESYNC_REACH = 256,     /* after a copy, so many bytes may have changed in place */
    RESYNC_WORD = 8,        /* bytes that are compared at every ... */
    RESYNC_STEP = 16,       /* ... so many: each run of a key has such a word */
    NEAR_SURE = 1024,       /* bytes that are equal there, after which no other place is looked for */
    PATIENCE = 65536,       /* unmatched bytes after which every second position is looked up, then every third ... */
    STEP_MAX = 16,          /* ... and at last only these */
    MISS_COST = 64,         /* bytes of the new file that pay for a candidate which turned out to be none */
    MISSES_FREE = 4096,     /* at the start of a segment */
    GAP_KEY = 8,            /* bytes of a seed in a gap */
    GAP_MIN = 5,            /* shorter gaps cannot hold a copy that is worth its command */
    GAP_WINDOW_MORE = 8192, /* bytes of a window in addition to twice its gap */
    GAP_WINDOW_MAX = 512 * 1024,
    GAP_FREE = 256 * 1024, /* bytes of windows at the start of a segment */
    GAP_SHARE = 4,         /* one in so many bytes that are left may be taken by a gap */
    GAP_BUDGET = 4         /* bytes of windows for each byte of the segment */
};

bool rd__copies_add(rd__copies *copies, const rd_op *copy) {
    assert(copy->length > 0);
    if (copies->count > 0 && rd__copies_join(&copies->ops[copies->count - 1], copy))
        return true;
    if (copies->count == copies->capacity) {
        const size_t capacity = copies->capacity > 0 ? 2 * copies->capacity : 256;
        rd_op *const ops = rd__resize_array(copies->ops, capacity, sizeof *ops);
        if (!ops)
            return false;
        copies->ops = ops;
        copies->capacity = capacity;
    }
    copies->ops[copies->count++] = *copy;
    return true;
}

/* ---- Extending a match ------------------------------------------------------------------------------------------- */

/* How many of the first `most` bytes are equal. */
static size_t matcher_equal(const uint8_t *a, const uint8_t *b, size_t most) {
    size_t n = 0;
    for (; most - n >= 32; n += 32)
        if (((rd__load_le64(a + n) ^ rd__load_le64(b + n)) | (rd__load_le64(a + n + 8) ^ rd__load_le64(b + n + 8)) |
             (rd__load_le64(a + n + 16) ^ rd__load_le64(b + n + 16)) |
             (rd__load_le64(a + n + 24) ^ rd__load_le64(b + n + 24))) != 0)
            break;
    for (; most - n >= 8 && rd__load_le64(a + n) == rd__load_le64(b + n);)
        n += 8;
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

/* How many of the `most` bytes before are equal. */
static size_t matcher_equal_before(const uint8_t *a, const uint8_t *b, size_t most) {
    size_t n = 0;
    while (most - n >= 8 && rd__load_le64(a - n - 8) == rd__load_le64(b - n - 8))
        n += 8;
    while (n < most && *(a - n - 1) == *(b - n - 1))
        n++;
    return n;
}

/* How many bytes are equal from `old_offset` of the old file, and from `at` of the segment, on; up to `end` of that. */
static size_t matcher_forward(rd__matcher *m, uint64_t old_offset, size_t at, size_t end) {
    size_t length = 0;
    while (at + length < end && old_offset + length < m->index->old_size) {
        size_t before;
        size_t after;
        const uint8_t *const old = m->old(m->old_context, old_offset + length, &before, &after);
        if (!old) {
            m->failed = true;
            return 0;
        }
        const size_t most = rd__min_size(after, end - at - length);
        const size_t equal = matcher_equal(old, m->data + at + length, most);
        length += equal;
        if (equal < most)
            break;
    }
    return length;
}

/* How many bytes before these are equal, back to `start` of the segment. */
static size_t matcher_backward(rd__matcher *m, uint64_t old_offset, size_t at, size_t start) {
    size_t length = 0;
    while (at - length > start && old_offset > length) {
        size_t before;
        size_t after;
        const uint8_t *const old = m->old(m->old_context, old_offset - length - 1, &before, &after);
        if (!old) {
            m->failed = true;
            return 0;
        }
        const size_t most = rd__min_size(before + 1, at - length - start);
        const size_t equal = matcher_equal_before(old + 1, m->data + at - length, most);
        length += equal;
        if (equal < most)
            break;
    }
    return length;
}

/* A match: `length` bytes from `at` of the segment on; none, if that is 0. */
typedef struct match {
    size_t at;
    size_t length;
    uint64_t old_offset;
} match;

/* The match around a place, not beginning before `start` nor ending after `end`. */
static match matcher_extend(rd__matcher *m, uint64_t old_offset, size_t at, size_t start, size_t end) {
    const size_t after = matcher_forward(m, old_offset, at, end);
    const size_t before = after > 0 ? matcher_backward(m, old_offset, at, start) : 0;
    return (match){.at = at - before, .length = before + after, .old_offset = old_offset - before};
}

static bool matcher_add(rd__matcher *m, rd__copies *copies, const match *found) {
    const rd_op copy = {.kind = RD_COPY,
                        .target_offset = m->offset + found->at,
                        .length = found->length,
                        .basis_offset = found->old_offset};
    m->diagonal = (int64_t)(copy.basis_offset - copy.target_offset);
    if (!rd__copies_add(copies, &copy))
        m->failed = true;
    return !m->failed;
}

/* ---- The scan ---------------------------------------------------------------------------------------------------- */

/* Copies bytes of the old file, which there are. */
static bool matcher_copy_old(rd__matcher *m, uint64_t old_offset, uint8_t *to, size_t size) {
    for (size_t done = 0; done < size;) {
        size_t before;
        size_t after;
        const uint8_t *const old = m->old(m->old_context, old_offset + done, &before, &after);
        if (!old) {
            m->failed = true;
            return false;
        }
        after = rd__min_size(after, size - done);
        memcpy(to + done, old, after);
        done += after;
    }
    return true;
}

/* After a copy: the first place near `at`, before `end`, where the same diagonal goes on. */
static match matcher_resync(rd__matcher *m, size_t at, size_t end) {
    const uint64_t old_offset = m->offset + at + (uint64_t)m->diagonal;
    uint8_t old[RESYNC_REACH];
    if (old_offset >= m->index->old_size || end - at < RD__MATCH_KEY)
        return (match){0};
    const size_t reach = (size_t)rd__min_u64(rd__min_size(end - at, RESYNC_REACH), m->index->old_size - old_offset);
    const uint8_t *const data = m->data + at;
    if (!matcher_copy_old(m, old_offset, old, reach))
        return (match){0};
    for (size_t i = 0; i + RESYNC_WORD <= reach && !m->failed; i += RESYNC_STEP) {
        if (rd__load_le64(old + i) != rd__load_le64(data + i))
            continue;
        const match found = matcher_extend(m, old_offset + i, at + i, at, end);
        if (found.length >= RD__MATCH_KEY)
            return found;
    }
    return (match){0};
}

/* The longest match of the key at `at`; of two that are as long, that on the diagonal, then the lowest. */
static match matcher_look_up(rd__matcher *m, uint64_t hash, size_t at, size_t start, size_t end) {
    uint64_t offsets[RD__MATCH_CANDIDATES];
    size_t count = 0;
    match best = {0};
    if (rd__match_is_run(m->data + at)) {
        const rd__match_run *const run = &m->index->longest[m->data[at]];
        if (run->length >= RD__MATCH_KEY)
            offsets[count++] = run->offset;
    } else {
        count = rd__match_candidates(m->index, hash, offsets);
    }
    for (size_t i = 0; i < count && m->misses > 0; i++) {
        const match found = matcher_extend(m, offsets[i], at, start, end);
        if (found.at + found.length < at + RD__MATCH_KEY) {
            m->misses--;
            continue;
        }
        const bool on_diagonal = found.old_offset - found.at == m->offset + (uint64_t)m->diagonal;
        if (found.length > best.length || (found.length == best.length && on_diagonal))
            best = found;
    }
    return best;
}

/* The first match of a key at `at` or one of the next positions, `step` apart; *at is moved past those without. */
static match matcher_look_up_batch(rd__matcher *m, size_t *at, size_t start, size_t end, size_t step) {
    uint64_t hashes[BATCH_MAX];
    const size_t most = *at - start < BATCH ? (size_t)BATCH : (size_t)BATCH_MAX;
    size_t count = 0;
    for (size_t p = *at; count < most && p + RD__MATCH_KEY <= end; p += step) {
        hashes[count] = rd__match_hash(m->data + p);
        __builtin_prefetch((const void *)rd__match_bucket(m->index, hashes[count++]));
    }
    match found = {0};
    for (size_t i = 0; i < count && found.length == 0 && !m->failed; i++, *at += step)
        found = matcher_look_up(m, hashes[i], *at, start, end);
    return found;
}

bool rd__matcher_scan(rd__matcher *m, const uint8_t *data, size_t size, uint64_t offset) {
    m->data = data;
    m->size = size;
    m->offset = offset;
    m->failed = false;
    m->scanned.count = 0;
    m->diagonal = 0; /* a guess: nothing was moved */
    m->misses = MISSES_FREE;
    size_t start = 0; /* of what is not matched */
    size_t at = 0;
    size_t paid = 0;
    match sure = {0}; /* a long match nearby that is yet to be taken */
    while (at < size && !m->failed) {
        /* An edit in place leaves what comes after it where it was, as seen from the last copy. */
        const size_t end = sure.length > 0 ? sure.at : size;
        match near = at == start ? matcher_resync(m, at, end) : (match){0};
        if (sure.length == 0 && near.length >= NEAR_SURE) {
            sure = near;
            continue;
        }

        /*
         * Otherwise the bytes may come from anywhere, and so may those before the match nearby, or even its own, if it
         * is short: files are full of runs that are alike. The longer nothing is found, the fewer positions are tried.
         */
        match far = {0};
        const size_t until = near.length > 0 ? near.at + 1 : at + 1;
        while (far.length == 0 && at < until && end - at >= RD__MATCH_KEY && !m->failed)
            far = matcher_look_up_batch(m, &at, start, end, rd__min_size(1 + (at - start) / PATIENCE, STEP_MAX));
        m->misses += (at - paid) / MISS_COST;
        paid += (at - paid) / MISS_COST * MISS_COST;

        /* What comes first and what is longer is taken, and the other one, if it is still there, is found again. */
        match found = far.length > 0 && (far.length > near.length || far.at + far.length <= near.at) ? far : near;
        assert(at <= end || end == size);
        if (found.length == 0 && end - rd__min_size(at, end) < RD__MATCH_KEY) {
            found = sure;
            sure.length = 0;
            at = end;
        }
        if (found.length == 0)
            continue;
        if (!matcher_add(m, &m->scanned, &found))
            break;
        start = at = paid = found.at + found.length;
    }
    return !m->failed;
}

/* ---- The gaps ---------------------------------------------------------------------------------------------------- */

/* A gap of the segment, and the parts of the old file that it is matched with: at most two, one after the other. */
typedef struct match_gap {
    size_t start;
    size_t end;
    int64_t diagonals[2]; /* of the copies before and after it */
    uint64_t windows[2];  /* where they start in the old file */
    size_t sizes[2];
    unsigned seed_bits;
    struct {
        int64_t diagonal;
        size_t until;
    } tried[3]; /* up to where the match was tried on each of the diagonals, and on that of a seed */
} match_gap;

/* The bytes that the emitter would need for it. */
static unsigned matcher_width(uint64_t value) {
    return value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
}

/* Does the copy save more than it costs, by itself and by cutting a literal in two? */
static bool matcher_is_worth(const rd__match_cost *cost, const match *found, const match_gap *gap, size_t start) {
    const bool cuts = found->at > start && found->at + found->length < gap->end;
    const unsigned command = 1 + matcher_width(found->old_offset) + matcher_width(found->length) + (cuts ? 1 : 0);
    const uint64_t price = cost->copy > 0 ? cost->copy : 64 * (uint64_t)command;
    return (uint64_t)found->length * cost->literal > price;
}

/* Chooses the windows: what lies between the two copies in the old file, or if that is too much, next to both. */
static void matcher_choose_windows(rd__matcher *m, match_gap *gap, const rd_op *before, const rd_op *after) {
    const size_t length = gap->end - gap->start;
    const uint64_t wanted = rd__min_u64(2 * (uint64_t)length + GAP_WINDOW_MORE, GAP_WINDOW_MAX);
    const uint64_t most = rd__min_u64(wanted, m->gap_left / GAP_SHARE);
    const uint64_t old_size = m->index->old_size;
    const uint64_t target = m->offset + gap->start;
    /* Without a copy before, or after it, the gap ends where the other one's diagonal leads. */
    const uint64_t old_start = before ? before->basis_offset + before->length : 0;
    const uint64_t old_end = after ? after->basis_offset : 0;
    gap->sizes[0] = gap->sizes[1] = 0;
    if (before && after && old_end >= old_start && old_end - old_start <= most) {
        gap->windows[0] = old_start;
        gap->sizes[0] = (size_t)(old_end - old_start);
    } else {
        if (before || !after) {
            gap->windows[0] = rd__min_u64(before ? old_start : target, old_size);
            gap->sizes[0] = (size_t)rd__min_u64(most / 2, old_size - gap->windows[0]);
        }
        if (after) {
            gap->sizes[1] = (size_t)rd__min_u64(most / 2, old_end);
            gap->windows[1] = old_end - gap->sizes[1];
        }
    }
    gap->diagonals[0] = before ? (int64_t)(before->basis_offset - before->target_offset) : 0;
    gap->diagonals[1] = after ? (int64_t)(after->basis_offset - after->target_offset) : gap->diagonals[0];
}

/* Reads the windows, and makes the table of their seeds: of each the first place. */
static bool matcher_load_windows(rd__matcher *m, match_gap *gap) {
    size_t filled = 0;
    for (int i = 0; i < 2; i++) {
        if (!matcher_copy_old(m, gap->windows[i], m->window + filled, gap->sizes[i]))
            return false;
        filled += gap->sizes[i];
    }
    gap->seed_bits = 6;
    while (((size_t)1 << gap->seed_bits) < 2 * filled && gap->seed_bits < 20)
        gap->seed_bits++;
    memset(m->seeds, 0, sizeof *m->seeds << gap->seed_bits);
    for (size_t i = filled; i-- > 0;) /* backwards, so that the first place stays */
        if (i + GAP_KEY <= filled)
            m->seeds[rd__load_le64(m->window + i) * UINT64_C(0x9E3779B97F4A7C15) >> (64 - gap->seed_bits)] =
                (uint32_t)i + 1;
    return true;
}

/* The better of two matches: the longer one. */
static match matcher_longer(match a, match b) {
    return b.length > a.length ? b : a;
}

/* The match at `at` on a diagonal, unless it is the one that was tried last. */
static match matcher_try_diagonal(rd__matcher *m, match_gap *gap, int which, int64_t diagonal, size_t at,
                                  size_t start) {
    const uint64_t old_offset = m->offset + at + (uint64_t)diagonal;
    if (old_offset >= m->index->old_size || (gap->tried[which].diagonal == diagonal && at < gap->tried[which].until))
        return (match){0};
    const match found = matcher_extend(m, old_offset, at, start, gap->end);
    gap->tried[which].diagonal = diagonal;
    gap->tried[which].until = found.at + found.length;
    return found;
}

/* The best match at `at`, no earlier than `start`: on one of the diagonals, or by a seed of the windows. */
static match matcher_find_in_gap(rd__matcher *m, match_gap *gap, size_t at, size_t start) {
    match best = matcher_try_diagonal(m, gap, 0, gap->diagonals[0], at, start);
    if (gap->diagonals[1] != gap->diagonals[0])
        best = matcher_longer(best, matcher_try_diagonal(m, gap, 1, gap->diagonals[1], at, start));
    if (gap->end - at < GAP_KEY || best.length >= RD__MATCH_KEY)
        return best;
    const uint64_t key = rd__load_le64(m->data + at);
    const uint32_t seed = m->seeds[key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - gap->seed_bits)];
    if (seed == 0 || rd__load_le64(m->window + seed - 1) != key)
        return best;
    const size_t place = seed - 1;
    const uint64_t old_offset =
        place < gap->sizes[0] ? gap->windows[0] + place : gap->windows[1] + (place - gap->sizes[0]);
    const int64_t diagonal = (int64_t)(old_offset - m->offset - at);
    return matcher_longer(best, matcher_try_diagonal(m, gap, 2, diagonal, at, start));
}

/* Finds the copies of a gap. */
static bool matcher_fill_gap(rd__matcher *m, match_gap *gap, const rd__match_cost *cost) {
    size_t start = gap->start; /* of what is not matched */
    m->gap_left -= gap->sizes[0] + gap->sizes[1];
    if (!matcher_load_windows(m, gap))
        return false;
    for (size_t at = start; at < gap->end && !m->failed;) {
        const match found = matcher_find_in_gap(m, gap, at, start);
        if (found.length == 0 || !matcher_is_worth(cost, &found, gap, start)) {
            at++;
            continue;
        }
        if (matcher_add(m, &m->copies, &found))
            start = at = found.at + found.length;
        gap->diagonals[0] = m->diagonal;
        memset(gap->tried, 0, sizeof gap->tried);
    }
    return !m->failed;
}

bool rd__matcher_refine(rd__matcher *m, const rd__match_cost *cost) {
    m->copies.count = 0;
    m->gap_left = GAP_FREE;
    if (!m->window)
        m->window = rd__alloc_array(GAP_WINDOW_MAX + GAP_KEY, 1);
    if (!m->seeds)
        m->seeds = rd__alloc_array(2 * (uint64_t)GAP_WINDOW_MAX, sizeof *m->seeds);
    if (!m->window || !m->seeds)
        return false;
    for (size_t i = 0; i <= m->scanned.count && !m->failed; i++) {
        const rd_op *const before = i > 0 ? &m->scanned.ops[i - 1] : NULL;
        const rd_op *const after = i < m->scanned.count ? &m->scanned.ops[i] : NULL;
        match_gap gap = {.start = before ? (size_t)(before->target_offset + before->length - m->offset) : 0,
                         .end = after ? (size_t)(after->target_offset - m->offset) : m->size};
        if (gap.end - gap.start >= GAP_MIN) {
            matcher_choose_windows(m, &gap, before, after);
            if (!matcher_fill_gap(m, &gap, cost))
                return false;
        }
        m->gap_left += GAP_BUDGET * (gap.end - gap.start + (after ? after->length : 0));
        if (after && !rd__copies_add(&m->copies, after))
            m->failed = true;
    }
    return !m->failed;
}

void rd__matcher_free(rd__matcher *m) {
    free(m->scanned.ops);
    free(m->copies.ops);
    free(m->window);
    free(m->seeds);
    m->scanned = m->copies = (rd__copies){0};
    m->window = NULL;
    m->seeds = NULL;
}
