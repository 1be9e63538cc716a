/*
 * text.c: see text.h: the numbers, a bar that shows where the new file is new, how the copies lie in the basis, the
 * lengths, and the largest pieces.
 */
#include "cli/verbs/inspect/text.h"

#include <inttypes.h>

#include "cli/base/failure.h"
#include "cli/report/numbers.h"
#include "cli/report/table.h"

enum {
    COLUMNS_MIN = 10,
    COLUMNS_MAX = 500,
    LARGEST_SHOWN = 5,
    CLASSES_IN_ROW = 3 /* from 1 byte on, from 8 on, from 64 on: one row each */
};

/* ---- Signatures ------------------------------------------------------------------------------------------------- */

static void inspect_print_signature(FILE *out, const cli_inspection *found) {
    const uint64_t equal = found->blocks - found->distinct;
    table_size(out, "signature", found->stats.in_bytes);
    if (found->basis_least == found->basis_most)
        table_size(out, "basis", found->basis_most);
    else
        table_row(out, "basis", grouped(found->basis_least).text, " to %s bytes", grouped(found->basis_most).text);
    table_blocks(out, found->blocks, &found->params);
    table_row(out, "equal blocks", grouped(equal).text, " (%.2f %%) have the same sums as an earlier block",
              percent(equal, found->blocks));
    table_sums(out, &found->params);
}

/* ---- Deltas ----------------------------------------------------------------------------------------------------- */

/* A column of the bar, which is all copied, mostly copied, mostly literal or all literal. */
static char inspect_mark_of(double literal) {
    const double almost = 1e-9; /* shares are sums of rounded numbers */
    if (literal <= 0.0)
        return '.';
    if (literal >= 1.0 - almost)
        return '#';
    return literal < 0.5 ? ':' : '+';
}

static void inspect_print_bar(FILE *out, const survey *s, int columns) {
    double shares[COLUMNS_MAX];
    const int room = columns - 2; /* for the brackets */
    const size_t count = (size_t)(room < COLUMNS_MIN ? COLUMNS_MIN : room > COLUMNS_MAX ? COLUMNS_MAX : room);
    survey_shares(s, shares, count);
    (void)fputs("\nNew file:  . copied   : partly literal   + mostly literal   # literal\n[", out);
    for (size_t i = 0; i < count; i++)
        (void)fputc(inspect_mark_of(shares[i]), out);
    (void)fputs("]\n", out);
}

static void inspect_print_steps(FILE *out, const survey *s) {
    const survey_steps *const steps = &s->steps;
    if (s->pieces[RD_COPY].count == 0)
        return;
    (void)fputs("\nIn the basis, copied pieces start\n", out);
    (void)fprintf(out, "%20s where the previous one ended\n", grouped(steps->next).text);
    (void)fprintf(out, "%20s further on\n", grouped(steps->forward).text);
    (void)fprintf(out, "%20s further back", grouped(steps->back).text);
    if (steps->back > 0 && steps->back_bytes != RD_UNKNOWN)
        (void)fprintf(out, ", by %s bytes on average", grouped(steps->back_bytes / steps->back).text);
    (void)fputc('\n', out);
}

static void inspect_sum_classes(const survey_pieces *pieces, int first, uint64_t *count, uint64_t *bytes) {
    *count = *bytes = 0;
    for (int i = first; i < first + CLASSES_IN_ROW && i < SURVEY_CLASSES; i++) {
        *count += pieces->class_count[i];
        *bytes += pieces->class_bytes[i];
    }
}

/* 2 to the power of `exponent`, which is at most 63: "32 KiB". */
static cli_number inspect_power_of_two(int exponent) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    cli_number size;
    (void)snprintf(size.text, sizeof size.text, "%d %s", 1 << exponent % 10, units[exponent / 10]);
    return size;
}

static void inspect_print_lengths(FILE *out, const survey *s) {
    (void)fprintf(out, "\n%-22s %8s %16s %10s %16s\n", "Lengths of pieces", "literal", "bytes", "copied", "bytes");
    for (int i = 0; i < SURVEY_CLASSES; i += CLASSES_IN_ROW) {
        uint64_t count[SURVEY_KINDS];
        uint64_t bytes[SURVEY_KINDS];
        inspect_sum_classes(&s->pieces[RD_LITERAL], i, &count[RD_LITERAL], &bytes[RD_LITERAL]);
        inspect_sum_classes(&s->pieces[RD_COPY], i, &count[RD_COPY], &bytes[RD_COPY]);
        if (count[RD_LITERAL] + count[RD_COPY] > 0)
            (void)fprintf(out, "%7s to < %7s %10s %16s %10s %16s\n", inspect_power_of_two(i).text,
                          inspect_power_of_two(i + CLASSES_IN_ROW).text, grouped(count[RD_LITERAL]).text,
                          grouped(bytes[RD_LITERAL]).text, grouped(count[RD_COPY]).text, grouped(bytes[RD_COPY]).text);
    }
}

static void inspect_print_largest(FILE *out, const survey *s, rd_op_kind kind) {
    const survey_pieces *const pieces = &s->pieces[kind];
    if (pieces->count == 0)
        return;
    if (kind == RD_COPY)
        (void)fprintf(out, "\n%-16s %18s %18s %21s\n", "Largest copies", "at byte", "bytes", "from the basis at");
    else
        (void)fprintf(out, "\n%-16s %18s %18s\n", "Largest literals", "at byte", "bytes");
    for (int i = 0; i < pieces->largest_count && i < LARGEST_SHOWN; i++) {
        const rd_op *const piece = &pieces->largest[i];
        (void)fprintf(out, "%35s %18s", grouped(piece->target_offset).text, grouped(piece->length).text);
        if (kind == RD_COPY)
            (void)fprintf(out, " %21s", grouped(piece->basis_offset).text);
        (void)fputc('\n', out);
    }
}

static void inspect_print_digest(FILE *out, const char *label, const uint8_t *digest) {
    (void)fprintf(out, "%-14s ", label);
    for (size_t i = 0; i < RD_DIGEST_LEN; i++)
        (void)fprintf(out, "%02x", digest[i]);
    (void)fputc('\n', out);
}

/* What the delta knows of the files. */
static void inspect_print_trailer(FILE *out, const cli_inspection *found) {
    const rd_stats *const stats = &found->stats;
    if (stats->has_basis_digest)
        table_size(out, "basis", stats->basis_size);
    else
        table_row(out, "basis", grouped(found->survey.basis_end).text, " bytes at least");
    if (stats->has_basis_digest)
        inspect_print_digest(out, "basis digest", stats->basis_digest);
    if (stats->has_digest)
        inspect_print_digest(out, "digest", stats->digest);
    else
        table_row(out, "digest", "none", ": the result of a patch cannot be verified");
}

static void inspect_print_delta(FILE *out, const cli_inspection *found, int columns) {
    const survey *const s = &found->survey;
    const rd_stats *const stats = &found->stats;
    table_share(out, "delta", stats->in_bytes, s->new_size, "new file");
    table_size(out, "new file", s->new_size);
    table_counted(out, "copied", s->pieces[RD_COPY].bytes, s->new_size, s->pieces[RD_COPY].count, "piece");
    table_counted(out, "literal", s->pieces[RD_LITERAL].bytes, s->new_size, s->pieces[RD_LITERAL].count, "piece");
    table_row(out, "commands", grouped(stats->literal_commands + stats->copy_commands).text, ", which take %s bytes%s",
              grouped(stats->literal_command_bytes + stats->copy_command_bytes).text,
              found->dense ? " in librsync's form" : "");
    inspect_print_trailer(out, found);
    if (s->new_size == 0)
        return;
    inspect_print_bar(out, s, columns);
    inspect_print_steps(out, s);
    inspect_print_lengths(out, s);
    inspect_print_largest(out, s, RD_LITERAL);
    inspect_print_largest(out, s, RD_COPY);
}

void inspect_print(FILE *out, const cli_inspection *found, int columns) {
    failure_put_name(out, found->name);
    const char *const kind = found->dense ? "a dense delta" : found->kind == RD_KIND_DELTA ? "a delta" : "a signature";
    (void)fprintf(out, ": %s%s", kind, found->compressed ? ", compressed with zstd" : "");
    if (found->holes > 0)
        (void)fprintf(out, "; %s bytes of it are holes", grouped(found->holes).text);
    (void)fputc('\n', out);
    if (found->kind == RD_KIND_DELTA)
        inspect_print_delta(out, found, columns);
    else
        inspect_print_signature(out, found);
}

/* ---- Commands one by one ---------------------------------------------------------------------------------------- */

void inspect_print_head(FILE *out) {
    (void)fputs("kind        new file at           bytes         basis at\n", out);
}

bool inspect_print_op(void *out, const rd_op *op) {
    if (op->kind == RD_LITERAL)
        return fprintf(out, "literal %15" PRIu64 " %15" PRIu64 "\n", op->target_offset, op->length) > 0;
    return fprintf(out, "copy    %15" PRIu64 " %15" PRIu64 "  %15" PRIu64 "\n", op->target_offset, op->length,
                   op->basis_offset) > 0;
}
