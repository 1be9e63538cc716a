/* See references.h. Pure functions over memory and ops. */
#include "engine/references.h"

#include "base/memory.h"
#include "base/result.h"

#include <assert.h>
#include <stdlib.h>

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static rd_result references_reserve(rd__references *references, rd__reference_list *list, uint64_t needed,
                                    rd_error *error) {
    void *const made =
        rd__allowance_grow(&references->allowance, list->at, &list->capacity, needed, sizeof *list->at, error);
    if (!made)
        return error->result;
    list->at = made;
    return RD_OK;
}

static rd_result references_add(rd__references *references, rd__reference_list *list, const rd__reference *reference,
                                rd_error *error) {
    if (list->count == list->capacity) {
        const rd_result result = references_reserve(references, list, (uint64_t)list->count + 1, error);
        if (result != RD_OK)
            return result;
    }
    list->at[list->count++] = *reference;
    return RD_OK;
}

/* ---- Order ------------------------------------------------------------------------------------------------------- */

static inline uint64_t references_key(const rd__reference *reference, bool by_target) {
    return by_target ? reference->target : reference->from;
}

/* The end of the run in order that starts at `at`. */
static inline size_t references_run(const rd__reference *list, size_t at, size_t count, bool by_target) {
    while (++at < count && references_key(&list[at - 1], by_target) <= references_key(&list[at], by_target))
        continue;
    return at;
}

/* Merges pairs of runs into `to`. Returns the number of runs there. */
static inline size_t references_merge_runs(const rd__reference *list, rd__reference *to, size_t count, bool by_target) {
    size_t runs = 0;
    for (size_t at = 0; at < count; runs++) {
        const size_t middle = references_run(list, at, count, by_target);
        const size_t end = middle < count ? references_run(list, middle, count, by_target) : middle;
        size_t left = at;
        size_t right = middle;
        for (; at < end; at++) {
            const bool from_left = right == end || (left < middle && references_key(&list[left], by_target) <=
                                                                         references_key(&list[right], by_target));
            to[at] = list[from_left ? left++ : right++];
        }
    }
    return runs;
}

/*
 * A merge sort that starts from the runs that are in order already: what was in the order of one file mostly is, after
 * small changes, in that of another. `spare` is overwritten.
 */
static rd_result references_sort(rd__references *references, rd__reference_list *list, rd__reference_list *spare,
                                 bool by_target, rd_error *error) {
    size_t runs = list->count;
    if (references_run(list->at, 0, list->count, by_target) >= list->count)
        return RD_OK;
    const rd_result result = references_reserve(references, spare, list->count, error);
    while (result == RD_OK && runs > 1) {
        runs = by_target ? references_merge_runs(list->at, spare->at, list->count, true)
                         : references_merge_runs(list->at, spare->at, list->count, false);
        rd__reference *const sorted = spare->at;
        const size_t capacity = spare->capacity;
        spare->at = list->at;
        spare->capacity = list->capacity;
        list->at = sorted;
        list->capacity = capacity;
    }
    return result;
}

/* ---- Meeting a delta --------------------------------------------------------------------------------------------- */

rd_result rd__references_start(rd__references *references, rd_error *error) {
    return references_add(references, &references->open, &(rd__reference){.length = INT64_MAX}, error);
}

void rd__references_free(rd__references *references) {
    free(references->open.at);
    free(references->next.at);
    free(references->settled.at);
}

/* Joins what continues each other in both files: it was cut by an op, whose pieces lie together in the file before. */
static void references_join(rd__reference_list *list) {
    size_t kept = 0;
    for (size_t i = 1; i < list->count; i++) {
        rd__reference *const last = &list->at[kept];
        const rd__reference *const it = &list->at[i];
        if (last->target + last->length == it->target && last->from + last->length == it->from)
            last->length += it->length;
        else
            list->at[++kept] = *it;
    }
    list->count = list->count > 0 ? kept + 1 : 0;
}

/*
 * The references that the delta will meet count, unless they are few. With the 64 bytes that each takes, in two lists,
 * the memory may be filled four times.
 */
static rd_result references_count_work(rd__references *references, rd_error *error) {
    enum { FREE_PER_OP = 2, BYTES_PER_REFERENCE = 16 };
    const uint64_t count = references->open.count;
    references->multiplied += count - rd__min_u64(count, FREE_PER_OP * references->ops + 1);
    if (references->multiplied <= references->allowance.limit / BYTES_PER_REFERENCE)
        return RD_OK;
    return rd__fail(error, RD_E_LIMIT, RD_ROLE_DELTA, RD_UNKNOWN,
                    "the deltas make very many commands of few, which takes more work than the memory limit allows");
}

rd_result rd__references_begin(rd__references *references, rd_error *error) {
    references->reached = references->follow = 0;
    references->next.count = 0;
    const rd_result result = references_sort(references, &references->open, &references->next, false, error);
    references_join(&references->open);
    return result == RD_OK ? references_count_work(references, error) : result;
}

bool rd__references_want(const rd__references *references, const rd_op *op) {
    const rd__reference_list *const open = &references->open;
    return references->reached > 0 ||
           (references->follow < open->count && open->at[references->follow].from < op->target_offset + op->length);
}

/* The part of the reference that lies in the op becomes a piece; *reference, the rest. */
static rd_result references_cut(rd__references *references, rd__reference *reference, const rd_op *op, uint32_t delta,
                                rd__settle_fn *settle, void *context, rd_error *error) {
    const uint64_t before = reference->from - op->target_offset;
    const uint64_t length = rd__min_u64(reference->length, op->length - before);
    rd__reference piece = {.target = reference->target, .length = length, .delta = delta};
    rd_result result = RD_OK;
    if (op->kind == RD_COPY)
        piece.from = op->basis_offset + before;
    else
        result = settle(context, reference->from, length, &piece.from);
    reference->target += length;
    reference->from += length;
    reference->length -= length;
    if (result != RD_OK)
        return result;
    return references_add(references, op->kind == RD_COPY ? &references->next : &references->settled, &piece, error);
}

rd_result rd__references_meet(rd__references *references, const rd_op *op, uint32_t delta, rd__settle_fn *settle,
                              void *context, rd_error *error) {
    rd__reference_list *const open = &references->open;
    const uint64_t end = op->target_offset + op->length;
    const size_t reached = references->reached;
    rd_result result = RD_OK;
    references->reached = 0;
    references->ops++;
    for (size_t i = 0; i < reached && result == RD_OK; i++) {
        rd__reference it = open->at[i];
        assert(it.from == op->target_offset);
        result = references_cut(references, &it, op, delta, settle, context, error);
        if (it.length > 0)
            open->at[references->reached++] = it;
    }
    while (result == RD_OK && references->follow < open->count && open->at[references->follow].from < end) {
        rd__reference it = open->at[references->follow++];
        result = references_cut(references, &it, op, delta, settle, context, error);
        if (it.length > 0)
            open->at[references->reached++] = it;
    }
    return result;
}

void rd__references_end(rd__references *references) {
    const rd__reference_list open = references->open;
    references->open = references->next;
    references->next = open;
}

/* ---- The result -------------------------------------------------------------------------------------------------- */

rd_result rd__references_finish(rd__references *references, rd_error *error) {
    references->taken_open = references->taken_settled = 0;
    const rd_result result = references_sort(references, &references->open, &references->next, true, error);
    return result == RD_OK ? references_sort(references, &references->settled, &references->next, true, error) : result;
}

bool rd__references_take(rd__references *references, rd__reference *reference, bool *is_open) {
    const rd__reference_list *const open = &references->open;
    const rd__reference_list *const settled = &references->settled;
    const bool more_open = references->taken_open < open->count;
    const bool more_settled = references->taken_settled < settled->count;
    if (!more_open && !more_settled)
        return false;
    *is_open = more_open && (!more_settled ||
                             open->at[references->taken_open].target < settled->at[references->taken_settled].target);
    *reference = *is_open ? open->at[references->taken_open++] : settled->at[references->taken_settled++];
    return true;
}
