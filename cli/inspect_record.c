/*
 * inspect_record.c: an inspection for programs, and for the page. docs/json.md says what each part means.
 */
#include "inspect.h"
#include "numbers.h"
#include "result.h"

/* ---- Signatures ------------------------------------------------------------------------------------------------- */

static void put_signature(cli_record *record, const cli_inspection *found) {
    cli_record *const blocks = record_part();
    cli_record *const sums = record_part();
    record_put_number(record, "basis_least", inspection_basis_least(found));
    record_put_number(record, "basis_most", inspection_basis_most(found));
    record_put_number(blocks, "count", found->blocks);
    record_put_number(blocks, "length", found->params.block_len);
    record_put_number(blocks, "distinct", found->distinct);
    record_put(record, "blocks", blocks);
    record_put_text(sums, "weak", weak_name(&found->params));
    record_put_text(sums, "strong", strong_name(&found->params));
    record_put_number(sums, "strong_length", (uint64_t)found->params.strong_len);
    record_put(record, "sums", sums);
}

/* ---- Deltas ----------------------------------------------------------------------------------------------------- */

static void put_kind(cli_record *record, const char *key, const survey_pieces *pieces, uint64_t commands,
                     uint64_t command_bytes) {
    cli_record *const part = record_part();
    record_put_number(part, "bytes", pieces->bytes);
    record_put_number(part, "pieces", pieces->count);
    record_put_number(part, "commands", commands);
    record_put_number(part, "command_bytes", command_bytes);
    record_put(record, key, part);
}

static void put_steps(cli_record *record, const survey_steps *steps) {
    cli_record *const part = record_part();
    record_put_number(part, "next", steps->next);
    record_put_number(part, "forward", steps->forward);
    record_put_number(part, "back", steps->back);
    record_put_number(part, "back_bytes", steps->back_bytes);
    record_put(record, "steps", part);
}

static void put_lengths(cli_record *record, const survey *s) {
    const survey_pieces *const literal = &s->pieces[RD_LITERAL];
    const survey_pieces *const copied = &s->pieces[RD_COPY];
    record_put_list(record, "lengths");
    for (int i = 0; i < SURVEY_CLASSES; i++) {
        if (literal->class_count[i] + copied->class_count[i] == 0)
            continue;
        cli_record *const part = record_part();
        record_put_number(part, "from", (uint64_t)1 << i);
        record_put_number(part, "to", ((uint64_t)2 << i) - 1);
        record_put_number(part, "literal_pieces", literal->class_count[i]);
        record_put_number(part, "literal_bytes", literal->class_bytes[i]);
        record_put_number(part, "copied_pieces", copied->class_count[i]);
        record_put_number(part, "copied_bytes", copied->class_bytes[i]);
        record_append(record, "lengths", part);
    }
}

static void put_op(cli_record *record, const rd_op *op) {
    record_put_number(record, "new_offset", op->target_offset);
    record_put_number(record, "length", op->length);
    if (op->kind == RD_COPY)
        record_put_number(record, "basis_offset", op->basis_offset);
}

static void put_largest(cli_record *record, const char *key, const survey_pieces *pieces) {
    record_put_list(record, key);
    for (int i = 0; i < pieces->largest_count; i++) {
        cli_record *const part = record_part();
        put_op(part, &pieces->largest[i]);
        record_append(record, key, part);
    }
}

static void put_delta(cli_record *record, const cli_inspection *found) {
    const survey *const s = &found->survey;
    const rd_stats *const stats = &found->stats;
    record_put_number(record, "new_size", s->new_size);
    record_put_number(record, "basis_least", s->basis_end);
    result_put_digest(record, stats);
    put_kind(record, "copied", &s->pieces[RD_COPY], stats->copy_commands, stats->copy_command_bytes);
    put_kind(record, "literal", &s->pieces[RD_LITERAL], stats->literal_commands, stats->literal_command_bytes);
    put_steps(record, &s->steps);
    put_lengths(record, s);
    put_largest(record, "largest_literals", &s->pieces[RD_LITERAL]);
    put_largest(record, "largest_copies", &s->pieces[RD_COPY]);
}

cli_record *inspect_record(const cli_inspection *found) {
    cli_record *const record = record_part();
    record_put_text(record, "kind", found->kind == RD_KIND_DELTA ? "delta" : "signature");
    record_put_flag(record, "compressed", found->compressed);
    if (found->kind == RD_KIND_DELTA)
        put_delta(record, found);
    else
        put_signature(record, found);
    return record;
}

bool inspect_send_op(void *unused, const rd_op *op) {
    cli_record *const record = record_new("op");
    (void)unused;
    record_put_text(record, "kind", op->kind == RD_COPY ? "copy" : "literal");
    put_op(record, op);
    record_send(record);
    return true;
}
