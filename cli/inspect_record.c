/*
 * inspect_record.c: an inspection for programs, and for the page. docs/json.md says what each part means.
 */
#include "inspect.h"
#include "records.h"
#include "result.h"

/* ---- Signatures ------------------------------------------------------------------------------------------------- */

static void put_signature(json_writer *json, const cli_inspection *found) {
    json_number(json, "basis_least", inspection_basis_least(found));
    json_number(json, "basis_most", inspection_basis_most(found));
    json_object(json, "blocks");
    json_number(json, "count", found->blocks);
    json_number(json, "length", found->params.block_len);
    json_number(json, "distinct", found->distinct);
    json_end(json);
    result_put_sums(json, &found->params);
}

/* ---- Deltas ----------------------------------------------------------------------------------------------------- */

static void put_kind(json_writer *json, const char *key, const survey_pieces *pieces, uint64_t commands,
                     uint64_t command_bytes) {
    json_object(json, key);
    json_number(json, "bytes", pieces->bytes);
    json_number(json, "pieces", pieces->count);
    json_number(json, "commands", commands);
    json_number(json, "command_bytes", command_bytes);
    json_end(json);
}

static void put_steps(json_writer *json, const survey_steps *steps) {
    json_object(json, "steps");
    json_number(json, "next", steps->next);
    json_number(json, "forward", steps->forward);
    json_number(json, "back", steps->back);
    json_number(json, "back_bytes", steps->back_bytes);
    json_end(json);
}

static void put_lengths(json_writer *json, const survey *s) {
    const survey_pieces *const literal = &s->pieces[RD_LITERAL];
    const survey_pieces *const copied = &s->pieces[RD_COPY];
    json_array(json, "lengths");
    for (int i = 0; i < SURVEY_CLASSES; i++) {
        if (literal->class_count[i] + copied->class_count[i] == 0)
            continue;
        json_object(json, NULL);
        json_number(json, "from", (uint64_t)1 << i);
        json_number(json, "to", ((uint64_t)2 << i) - 1);
        json_number(json, "literal_pieces", literal->class_count[i]);
        json_number(json, "literal_bytes", literal->class_bytes[i]);
        json_number(json, "copied_pieces", copied->class_count[i]);
        json_number(json, "copied_bytes", copied->class_bytes[i]);
        json_end(json);
    }
    json_end(json);
}

static void put_op(json_writer *json, const rd_op *op) {
    json_number(json, "new_offset", op->target_offset);
    json_number(json, "length", op->length);
    if (op->kind == RD_COPY)
        json_number(json, "basis_offset", op->basis_offset);
}

static void put_largest(json_writer *json, const char *key, const survey_pieces *pieces) {
    json_array(json, key);
    for (int i = 0; i < pieces->largest_count; i++) {
        json_object(json, NULL);
        put_op(json, &pieces->largest[i]);
        json_end(json);
    }
    json_end(json);
}

static void put_delta(json_writer *json, const cli_inspection *found) {
    const survey *const s = &found->survey;
    const rd_stats *const stats = &found->stats;
    json_number(json, "new_size", s->new_size);
    json_number(json, "basis_least", s->basis_end);
    result_put_digest(json, stats);
    put_kind(json, "copied", &s->pieces[RD_COPY], stats->copy_commands, stats->copy_command_bytes);
    put_kind(json, "literal", &s->pieces[RD_LITERAL], stats->literal_commands, stats->literal_command_bytes);
    put_steps(json, &s->steps);
    put_lengths(json, s);
    put_largest(json, "largest_literals", &s->pieces[RD_LITERAL]);
    put_largest(json, "largest_copies", &s->pieces[RD_COPY]);
}

void inspection_put(json_writer *json, const cli_inspection *found) {
    json_text(json, "kind", found->kind == RD_KIND_DELTA ? "delta" : "signature");
    json_bool(json, "compressed", found->compressed);
    if (found->kind == RD_KIND_DELTA)
        put_delta(json, found);
    else
        put_signature(json, found);
}

bool inspect_send_op(void *unused, const rd_op *op) {
    json_writer *const record = record_start("op");
    (void)unused;
    json_text(record, "kind", op->kind == RD_COPY ? "copy" : "literal");
    put_op(record, op);
    record_end(record);
    return true;
}
