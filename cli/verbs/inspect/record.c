/*
 * record.c: see record.h, and docs/json.md for what each member means.
 */
#include "cli/verbs/inspect/record.h"

#include "cli/report/records.h"

static void inspect_put_kind(json_writer *json, const char *key, const survey_pieces *pieces, uint64_t commands,
                             uint64_t command_bytes) {
    json_object(json, key);
    json_number(json, "bytes", pieces->bytes);
    json_number(json, "pieces", pieces->count);
    json_number(json, "commands", commands);
    json_number(json, "command_bytes", command_bytes);
    json_end(json);
}

static void inspect_put_lengths(json_writer *json, const survey *s) {
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

static void inspect_put_op(json_writer *json, const rd_op *op) {
    json_number(json, "new_offset", op->target_offset);
    json_number(json, "length", op->length);
    if (op->kind == RD_COPY)
        json_number(json, "basis_offset", op->basis_offset);
}

static void inspect_put_largest(json_writer *json, const char *key, const survey_pieces *pieces) {
    json_array(json, key);
    for (int i = 0; i < pieces->largest_count; i++) {
        json_object(json, NULL);
        inspect_put_op(json, &pieces->largest[i]);
        json_end(json);
    }
    json_end(json);
}

static void inspect_put_delta(json_writer *json, const cli_inspection *found) {
    const survey *const s = &found->survey;
    const rd_stats *const stats = &found->stats;
    json_bool(json, "dense", found->dense);
    json_number(json, "new_size", s->new_size);
    json_number(json, "basis_least", s->basis_end);
    record_digest(json, stats);
    record_basis(json, stats);
    inspect_put_kind(json, "copied", &s->pieces[RD_COPY], stats->copy_commands, stats->copy_command_bytes);
    inspect_put_kind(json, "literal", &s->pieces[RD_LITERAL], stats->literal_commands, stats->literal_command_bytes);
    json_object(json, "steps");
    json_number(json, "next", s->steps.next);
    json_number(json, "forward", s->steps.forward);
    json_number(json, "back", s->steps.back);
    json_number(json, "back_bytes", s->steps.back_bytes);
    json_end(json);
    inspect_put_lengths(json, s);
    inspect_put_largest(json, "largest_literals", &s->pieces[RD_LITERAL]);
    inspect_put_largest(json, "largest_copies", &s->pieces[RD_COPY]);
}

void inspect_put(json_writer *json, const cli_inspection *found) {
    json_text(json, "kind", found->kind == RD_KIND_DELTA ? "delta" : "signature");
    json_bool(json, "compressed", found->compressed);
    json_number(json, "holes", found->holes);
    if (found->kind == RD_KIND_DELTA) {
        inspect_put_delta(json, found);
        return;
    }
    json_number(json, "basis_least", found->basis_least);
    json_number(json, "basis_most", found->basis_most);
    json_object(json, "blocks");
    json_number(json, "count", found->blocks);
    json_number(json, "length", found->params.block_len);
    json_number(json, "distinct", found->distinct);
    json_end(json);
    record_sums(json, &found->params);
}

bool inspect_send_op(void *unused, const rd_op *op) {
    json_writer *const record = record_start("op");
    (void)unused;
    json_text(record, "kind", op->kind == RD_COPY ? "copy" : "literal");
    inspect_put_op(record, op);
    record_end(record);
    return true;
}
