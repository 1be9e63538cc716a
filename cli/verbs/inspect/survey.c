/*
 * survey.c: see survey.h. A command first becomes part of the present piece. A piece that is complete is counted, and
 * becomes a entry of the map.
 */
#include "cli/verbs/inspect/survey.h"

#include <stdlib.h>

enum { ENTRIES_MIN = 1024 };

bool survey_start(survey *s) {
    *s = (survey){.grain = 1, .capacity = ENTRIES_MIN, .entries = malloc(ENTRIES_MIN * sizeof *s->entries)};
    return s->entries != NULL;
}

void survey_free(survey *s) {
    free(s->entries);
    s->entries = NULL;
}

/* ---- Counting pieces -------------------------------------------------------------------------------------------- */

static int survey_class_of(uint64_t length) {
    int class = 0;
    while (length >>= 1)
        class ++;
    return class < SURVEY_CLASSES ? class : SURVEY_CLASSES - 1;
}

static void survey_keep_if_large(survey_pieces *pieces, const rd_op *piece) {
    int at = pieces->largest_count;
    while (at > 0 && pieces->largest[at - 1].length < piece->length)
        at--;
    if (at == SURVEY_LARGEST)
        return;
    if (pieces->largest_count < SURVEY_LARGEST)
        pieces->largest_count++;
    for (int i = pieces->largest_count - 1; i > at; i--)
        pieces->largest[i] = pieces->largest[i - 1];
    pieces->largest[at] = *piece;
}

/* The sum, or RD_UNKNOWN if no number can be so large. */
static uint64_t survey_add(uint64_t a, uint64_t b) {
    return a > RD_UNKNOWN - b ? RD_UNKNOWN : a + b;
}

static void survey_count_step(survey *s, const rd_op *copy) {
    if (copy->basis_offset == s->copied_to) {
        s->steps.next++;
    } else if (copy->basis_offset > s->copied_to) {
        s->steps.forward++;
    } else {
        s->steps.back++;
        s->steps.back_bytes = survey_add(s->steps.back_bytes, s->copied_to - copy->basis_offset);
    }
    s->copied_to = copy->basis_offset + copy->length;
    if (s->copied_to > s->basis_end)
        s->basis_end = s->copied_to;
}

static void survey_count_piece(survey *s, const rd_op *piece) {
    survey_pieces *const pieces = &s->pieces[piece->kind];
    const int class = survey_class_of(piece->length);
    pieces->count++;
    pieces->bytes += piece->length;
    pieces->class_count[class]++;
    pieces->class_bytes[class] += piece->length;
    survey_keep_if_large(pieces, piece);
    if (piece->kind == RD_COPY)
        survey_count_step(s, piece);
    s->new_size = piece->target_offset + piece->length;
}

/* ---- The map ---------------------------------------------------------------------------------------------------- */

/* Both lie between the same multiples of the grain. */
static bool survey_are_near(const survey *s, const survey_entry *a, const survey_entry *b) {
    return a->target_offset / s->grain == (b->target_offset + b->length - 1) / s->grain;
}

static bool survey_has_copies(const survey_entry *entry) {
    return entry->basis_end > 0;
}

/* `b` follows `a`, and becomes part of it. */
static void survey_join(survey_entry *a, const survey_entry *b) {
    if (!survey_has_copies(a) || (survey_has_copies(b) && b->basis_offset < a->basis_offset))
        a->basis_offset = b->basis_offset;
    if (b->basis_end > a->basis_end)
        a->basis_end = b->basis_end;
    a->length += b->length;
    a->literal_bytes += b->literal_bytes;
    a->pieces += b->pieces;
}

/* Joins neighbours until half of the room is free. Entries longer than the grain become few, so this ends. */
static void survey_coarsen(survey *s) {
    while (s->entry_count > s->capacity / 2) {
        size_t kept = 0;
        s->grain *= 2;
        for (size_t i = 1; i < s->entry_count; i++) {
            if (survey_are_near(s, &s->entries[kept], &s->entries[i]))
                survey_join(&s->entries[kept], &s->entries[i]);
            else
                s->entries[++kept] = s->entries[i];
        }
        s->entry_count = kept + 1;
    }
}

/* Makes room for one more entry. Where there is no memory for that, the map is as it is for a larger delta. */
static void survey_make_room(survey *s) {
    if (s->entry_count < s->capacity)
        return;
    survey_entry *const grown =
        s->capacity < SURVEY_ENTRIES ? realloc(s->entries, 2 * s->capacity * sizeof *s->entries) : NULL;
    if (grown == NULL) {
        survey_coarsen(s);
        return;
    }
    s->entries = grown;
    s->capacity *= 2;
}

static void survey_map_piece(survey *s, const rd_op *piece) {
    survey_entry added = {.target_offset = piece->target_offset, .length = piece->length, .pieces = 1};
    if (piece->kind == RD_COPY) {
        added.basis_offset = piece->basis_offset;
        added.basis_end = piece->basis_offset + piece->length;
    } else {
        added.literal_bytes = piece->length;
    }
    survey_entry *const last = s->entry_count > 0 ? &s->entries[s->entry_count - 1] : NULL;
    if (last != NULL && s->grain > 1 && survey_are_near(s, last, &added)) {
        survey_join(last, &added);
        return;
    }
    survey_make_room(s);
    s->entries[s->entry_count++] = added;
}

/* ---- From commands to pieces ------------------------------------------------------------------------------------ */

static void survey_complete_piece(survey *s) {
    if (s->piece.length == 0)
        return;
    survey_count_piece(s, &s->piece);
    survey_map_piece(s, &s->piece);
    s->piece.length = 0;
}

static bool survey_continues(const rd_op *piece, const rd_op *op) {
    return piece->length > 0 && piece->kind == op->kind &&
           (op->kind == RD_LITERAL || piece->basis_offset + piece->length == op->basis_offset);
}

bool survey_take(void *context, const rd_op *op) {
    survey *const s = context;
    if (survey_continues(&s->piece, op)) {
        s->piece.length += op->length;
        return true;
    }
    survey_complete_piece(s);
    s->piece = *op;
    return true;
}

void survey_end(survey *s) {
    survey_complete_piece(s);
}

/* ---- Shares ----------------------------------------------------------------------------------------------------- */

/* Adds the literal bytes of a entry, evenly over its length, to the columns that it touches. */
static void survey_spread(const survey_entry *entry, double width, double *shares, size_t count) {
    const double density = (double)entry->literal_bytes / (double)entry->length;
    const double start = (double)entry->target_offset / width;
    const double end = start + (double)entry->length / width;
    for (size_t i = (size_t)start; i < count && (double)i < end; i++) {
        const double from = start > (double)i ? start : (double)i;
        const double to = end < (double)(i + 1) ? end : (double)(i + 1);
        shares[i] += density * (to - from);
    }
}

void survey_shares(const survey *s, double *shares, size_t count) {
    const double width = (double)s->new_size / (double)count;
    for (size_t i = 0; i < count; i++)
        shares[i] = 0.0;
    for (size_t i = 0; i < s->entry_count; i++)
        if (s->entries[i].literal_bytes > 0)
            survey_spread(&s->entries[i], width, shares, count);
}
