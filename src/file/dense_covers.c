/* See dense_covers.h. */
#include "file/dense_covers.h"

#include "base/memory.h"
#include "format/dense.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    JOIN_MAX = 4096,     /* bytes between two copies that become one cover, or that a copy left out has */
    GROW_MAX = 16384,    /* bytes by which a cover grows */
    GIVE_UP = 128,       /* a cover does not grow beyond where its score is so much less than its best */
    LEFT_OUT_DEPTH = 32, /* how far the score may fall before copies are left out no more */
    /* Copies are joined if the bits that differences take are fewer than those of literals and of a copy. */
    LITERAL_BITS = 4,
    COPY_BITS = 40
};

/* Found by trial on sources, programs, a database and a disk image. The first is the delta as it is. */
const rd__dense_style rd__dense_styles[RD__DENSE_STYLES] = {
    {.shortest = 1, .margin = RD_UNKNOWN, .differs = 0},
    {.shortest = 16, .margin = RD_UNKNOWN, .differs = 4, .bits = 12},
    {.shortest = 20, .margin = 8, .differs = 6, .bits = 12},
    {.shortest = 12, .margin = 4, .differs = 3, .bits = 8, .addresses = true},
};

typedef struct covers_run {
    rd__dense_bytes *bytes;
    const rd__dense_style *style;
    rd__growing *covers;
    rd__growing left_out; /* copies, since the last cover */
    uint64_t reached;     /* in the new file: the score is that of what lies between the last cover and here */
    uint64_t best_end;    /* where it was best */
    int64_t score;        /* bytes that are the same, less those that differ */
    int64_t best;
    uint8_t *room; /* for what is compared: three times GROW_MAX */
} covers_run;

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

const rd_op *rd__dense_op_at(rd__dense_bytes *bytes, uint64_t target) {
    const rd_op *const ops = bytes->input.ops;
    while (ops[bytes->at].target_offset > target)
        bytes->at--;
    while (ops[bytes->at].target_offset + ops[bytes->at].length <= target)
        bytes->at++;
    return &ops[bytes->at];
}

bool rd__dense_read_new(rd__dense_bytes *bytes, uint64_t target, uint8_t *data, size_t size) {
    while (size > 0) {
        const rd_op *const op = rd__dense_op_at(bytes, target);
        const uint64_t in_op = target - op->target_offset;
        const size_t taken = (size_t)rd__min_u64(size, op->length - in_op);
        if (op->kind == RD_LITERAL)
            memcpy(data, bytes->input.literals + op->basis_offset + in_op, taken);
        else if (!rd__pages_read(bytes->pages, op->basis_offset + in_op, data, taken))
            return false;
        data += taken;
        target += taken;
        size -= taken;
    }
    return true;
}

/* ---- Which copies become covers ---------------------------------------------------------------------------------- */

static uint64_t covers_diagonal(const rd_op *op) {
    return op->basis_offset - op->target_offset;
}

static rd_op *covers_last(const rd__growing *covers) {
    return covers->size == 0 ? NULL : (rd_op *)(void *)(covers->data + covers->size) - 1;
}

/* Are there `size` bytes on the diagonal, at `target` of the new file? */
static bool covers_is_inside(const covers_run *run, uint64_t target, uint64_t diagonal, uint64_t size) {
    const uint64_t old_size = run->bytes->pages->source->size;
    const uint64_t offset = target + diagonal;
    return offset <= old_size && size <= old_size - offset;
}

/* The number of bytes that are the same on the diagonal; at most two times JOIN_MAX of them. */
static bool covers_count_same(covers_run *run, uint64_t target, uint64_t diagonal, size_t size, size_t *same) {
    uint8_t *const new_bytes = run->room;
    uint8_t *const old_bytes = run->room + GROW_MAX;
    *same = 0;
    if (!rd__dense_read_new(run->bytes, target, new_bytes, size) ||
        !rd__pages_read(run->bytes->pages, target + diagonal, old_bytes, size))
        return false;
    for (size_t i = 0; i < size; i++)
        *same += new_bytes[i] == old_bytes[i];
    return true;
}

/* Makes the copy a part of the last cover, whose diagonal it has, if that pays. */
static bool covers_join(covers_run *run, const rd_op *copy, bool *joined) {
    rd_op *const last = covers_last(run->covers);
    const uint64_t end = last->target_offset + last->length;
    const uint64_t between = copy->target_offset - end;
    size_t same = 0;
    if (between > JOIN_MAX)
        return true;
    if (!covers_count_same(run, end, covers_diagonal(last), (size_t)between, &same))
        return false;
    *joined = (between - same) * run->style->bits <= between * LITERAL_BITS + COPY_BITS;
    if (*joined)
        last->length = copy->target_offset + copy->length - last->target_offset;
    return true;
}

/* Leaves the copy out, if the diagonal of the last cover makes nearly all of it. */
static bool covers_leave_out(covers_run *run, const rd_op *copy, bool *left_out) {
    const uint64_t diagonal = covers_diagonal(covers_last(run->covers));
    const uint64_t before = copy->target_offset - run->reached;
    size_t same_before = 0;
    size_t same = 0;
    if (run->style->margin == RD_UNKNOWN || before > JOIN_MAX || copy->length > JOIN_MAX ||
        !covers_is_inside(run, run->reached, diagonal, before + copy->length))
        return true;
    if (!covers_count_same(run, run->reached, diagonal, (size_t)before, &same_before) ||
        !covers_count_same(run, copy->target_offset, diagonal, (size_t)copy->length, &same))
        return false;
    const int64_t score = run->score + 2 * (int64_t)same_before - (int64_t)before;
    *left_out = copy->length <= same + run->style->margin && score >= run->best - LEFT_OUT_DEPTH;
    if (!*left_out)
        return true;
    run->reached = copy->target_offset + copy->length;
    run->score = score + 2 * (int64_t)same - (int64_t)copy->length;
    if (run->score > run->best) {
        run->best = run->score;
        run->best_end = run->reached;
    }
    rd__growing_put(&run->left_out, copy, sizeof *copy);
    return !run->left_out.failed;
}

/* The last cover is where it ends: nothing is left out since. */
static void covers_restart(covers_run *run) {
    const rd_op *const last = covers_last(run->covers);
    rd__growing_clear(&run->left_out);
    run->reached = run->best_end = last ? last->target_offset + last->length : 0;
    run->score = run->best = 0;
}

/* What was left out beyond where the cover is likely to reach becomes covers after all. */
static void covers_put_back(covers_run *run) {
    const rd_op *const copies = (const rd_op *)(const void *)run->left_out.data;
    const size_t count = run->left_out.size / sizeof *copies;
    for (size_t i = 0; i < count; i++) {
        if (copies[i].target_offset >= run->best_end)
            rd__growing_put(run->covers, &copies[i], sizeof copies[i]);
    }
}

static bool covers_choose(covers_run *run) {
    const rd__dense_ops *const input = &run->bytes->input;
    for (size_t i = 0; i < input->count; i++) {
        const rd_op *const op = &input->ops[i];
        const rd_op *const last = covers_last(run->covers);
        bool done = false;
        if (op->kind == RD_LITERAL || op->length < run->style->shortest)
            continue;
        if (last && run->style->differs > 0) {
            const bool same_diagonal = covers_diagonal(last) == covers_diagonal(op);
            if (!(same_diagonal ? covers_join(run, op, &done) : covers_leave_out(run, op, &done)))
                return false;
            if (done && same_diagonal)
                covers_restart(run);
        }
        if (done)
            continue;
        covers_put_back(run);
        rd__growing_put(run->covers, op, sizeof *op);
        if (run->covers->failed)
            return false;
        covers_restart(run);
    }
    covers_put_back(run);
    return !run->covers->failed;
}

/*
 * More than a frame may have: those that are shorter than the share of a cover become literals. What is left is then
 * not too many. Copies are that short only where something else than a matcher makes them.
 */
static void covers_limit(covers_run *run) {
    const rd__dense_ops *const input = &run->bytes->input;
    const rd_op *const last_op = &input->ops[input->count - 1];
    const uint64_t target = last_op->target_offset + last_op->length - input->ops[0].target_offset;
    rd_op *const covers = (rd_op *)(void *)run->covers->data;
    const size_t count = run->covers->size / sizeof *covers;
    size_t kept = 0;
    if (count <= rd__dense_covers_most(target))
        return;
    for (size_t i = 0; i < count; i++) {
        if (covers[i].length >= RD__DENSE_COVER_SHARE)
            covers[kept++] = covers[i];
    }
    run->covers->size = kept * sizeof *covers;
}

/* ---- How far they grow ------------------------------------------------------------------------------------------- */

/* Of `size` bytes at both places, compared from the start, or from the end: how many to add to a cover. */
static size_t covers_growth(const uint8_t *new_bytes, const uint8_t *old_bytes, size_t size, bool backward,
                            int differs) {
    int64_t score = 0;
    int64_t best = 0;
    size_t length = 0;
    for (size_t i = 0; i < size && score >= best - GIVE_UP; i++) {
        const size_t at = backward ? size - 1 - i : i;
        score += new_bytes[at] == old_bytes[at] ? 2 : -differs;
        if (score > best) {
            best = score;
            length = i + 1;
        }
    }
    return length;
}

/* Where two covers grow over the same bytes: how many of these go to the first. */
static size_t covers_divide(const uint8_t *new_bytes, const uint8_t *first, const uint8_t *second, size_t size) {
    int64_t score = 0;
    int64_t best = 0;
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        score += (new_bytes[i] == first[i]) - (new_bytes[i] == second[i]);
        if (score > best) {
            best = score;
            length = i + 1;
        }
    }
    return length;
}

/* How far the cover before a gap grows forward, and the one after it backward; each may be NULL. */
static bool covers_grow_both(covers_run *run, const rd_op *before, const rd_op *after, uint64_t start, uint64_t end,
                             size_t grown[2]) {
    rd__pages *const pages = run->bytes->pages;
    uint8_t *const new_bytes = run->room;
    uint8_t *const old_bytes = run->room + GROW_MAX;
    const uint64_t most = rd__min_u64(end - start, GROW_MAX);
    if (before) {
        const uint64_t offset = before->basis_offset + before->length;
        const size_t size = (size_t)rd__min_u64(most, pages->source->size - offset);
        if (!rd__dense_read_new(run->bytes, start, new_bytes, size) || !rd__pages_read(pages, offset, old_bytes, size))
            return false;
        grown[0] = covers_growth(new_bytes, old_bytes, size, false, run->style->differs);
    }
    if (after) {
        const size_t size = (size_t)rd__min_u64(most, after->basis_offset);
        if (!rd__dense_read_new(run->bytes, end - size, new_bytes, size) ||
            !rd__pages_read(pages, after->basis_offset - size, old_bytes, size))
            return false;
        grown[1] = covers_growth(new_bytes, old_bytes, size, true, run->style->differs);
    }
    return true;
}

/* Both cover the bytes from `from` on, to `to`, of the new file: finds where they meet. */
static bool covers_meet(covers_run *run, const rd_op *before, const rd_op *after, uint64_t from, uint64_t to,
                        size_t *first) {
    rd__pages *const pages = run->bytes->pages;
    uint8_t *const new_bytes = run->room;
    const size_t size = (size_t)(to - from);
    if (!rd__dense_read_new(run->bytes, from, new_bytes, size) ||
        !rd__pages_read(pages, from + covers_diagonal(before), run->room + GROW_MAX, size) ||
        !rd__pages_read(pages, from + covers_diagonal(after), run->room + 2 * (size_t)GROW_MAX, size))
        return false;
    *first = covers_divide(new_bytes, run->room + GROW_MAX, run->room + 2 * (size_t)GROW_MAX, size);
    return true;
}

/* The gap between two covers, or before the first, or after the last. */
static bool covers_grow_into(covers_run *run, rd_op *before, rd_op *after, uint64_t start, uint64_t end) {
    size_t grown[2] = {0};
    size_t first = 0;
    if (!covers_grow_both(run, before, after, start, end, grown))
        return false;
    if (before && after && grown[0] + grown[1] > end - start) {
        const uint64_t from = end - grown[1];
        if (!covers_meet(run, before, after, from, start + grown[0], &first))
            return false;
        grown[0] = (size_t)(from - start) + first;
        grown[1] -= first;
    }
    if (before)
        before->length += grown[0];
    if (after) {
        after->target_offset -= grown[1];
        after->basis_offset -= grown[1];
        after->length += grown[1];
    }
    return true;
}

static bool covers_grow(covers_run *run) {
    const rd__dense_ops *const input = &run->bytes->input;
    const rd_op *const last_op = &input->ops[input->count - 1];
    rd_op *const covers = (rd_op *)(void *)run->covers->data;
    const size_t count = run->covers->size / sizeof *covers;
    for (size_t i = 0; i <= count; i++) {
        rd_op *const before = i > 0 ? &covers[i - 1] : NULL;
        rd_op *const after = i < count ? &covers[i] : NULL;
        const uint64_t start = before ? before->target_offset + before->length : input->ops[0].target_offset;
        const uint64_t end = after ? after->target_offset : last_op->target_offset + last_op->length;
        assert(start <= end);
        if (start < end && !covers_grow_into(run, before, after, start, end))
            return false;
    }
    return true;
}

bool rd__dense_covers_make(rd__dense_bytes *bytes, const rd__dense_style *style, rd__growing *covers) {
    covers_run run = {.bytes = bytes, .style = style, .covers = covers};
    run.room = rd__alloc_array(3, GROW_MAX);
    if (!run.room)
        covers->failed = true;
    bool made = run.room && covers_choose(&run);
    if (made)
        covers_limit(&run);
    if (made && style->differs > 0)
        made = covers_grow(&run);
    covers->failed = covers->failed || run.left_out.failed;
    rd__growing_free(&run.left_out);
    free(run.room);
    return made;
}
