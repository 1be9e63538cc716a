/*
 * Broken signatures and deltas: the same result from both libraries for every truncation and for single bytes changed,
 * by jobs and by whole-file functions.
 *
 * Headers of signatures and all bytes of deltas take every value there is; other bytes a few. What is read without
 * failure must also have the same effect: a signature gives a delta, which patches to the same bytes; a delta gives the
 * same bytes.
 *
 * But a signature with another block length than it was made with is only loaded: its copies are not where the blocks
 * are, so a delta is of no use, and stock aborts when such a length is huge.
 */
#include "differential.h"
#include "guard.h"
#include "report.h"
#include "samples.h"
#include "wholefile.h"

enum { BLOCK_LEN = 30, SIGNATURE_HEADER = 12, NEW_SIZE = 150 };

static const uint8_t few_values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

/* The value that replaces `byte` in turn `turn`: every other value, or a few of them; false when there is none left. */
static bool next_value(uint8_t byte, bool every, unsigned turn, uint8_t *value) {
    if (every) {
        *value = (uint8_t)(byte + turn + 1);
        return turn < 255;
    }
    if (turn == ITEMS(few_values))
        *value = byte ^ 1;
    else if (turn < ITEMS(few_values))
        *value = few_values[turn];
    return turn <= ITEMS(few_values);
}

static const pace *broken_pace(unsigned which) {
    static const pace paces[] = {{.in = PORTION_MAX, .out = PORTION_MAX, .end = END_WITH_LAST},
                                 {.in = 1, .out = 7, .end = END_AFTER},
                                 {.in = 7, .out = 4095, .end = END_WITH_LAST, .refill = 16, .driven = true},
                                 {.in = 4095, .out = PORTION_MAX, .end = END_NEVER}};
    return which < ITEMS(paces) ? &paces[which] : NULL;
}

/* ---- Signatures -------------------------------------------------------------------------------------------------- */

static size_t header_block_len(const rd_memory *bytes) {
    size_t len = 0;
    for (size_t i = 4; i < 8 && i < bytes->size; i++)
        len = len << 8 | bytes->data[i];
    return len;
}

/* What a loaded signature is good for: the result of a delta, and what that patches to. */
static void use_signature(const library *lib, rs_signature_t *signature, const rd_memory *old, transcript *t) {
    random_source r = random_from(old->size);
    rd_memory new_file = bytes_edited(&r, old, NEW_SIZE, 256);
    pace p = pace_whole();
    outcome delta = drive_delta(lib, signature, &new_file, &p);
    outcome patched = drive_patch(&stock, old, &delta.out, &p);
    transcript_add(t, "; delta %d; patch %d: ", delta.result, patched.result);
    transcript_bytes(t, &patched.out);
    outcome_free(&patched);
    outcome_free(&delta);
    rd_memory_free(&new_file);
}

typedef struct broken_signature {
    const rd_memory *old;
    const rd_memory *bytes;
    unsigned pace;  /* a number of broken_pace, or */
    file_kind kind; /* of a file, if that has no such pace */
} broken_signature;

static void load_broken(const library *lib, const broken_signature *b, transcript *t) {
    rs_signature_t *signature = NULL;
    if (broken_pace(b->pace)) {
        pace p = *broken_pace(b->pace);
        outcome o = drive_load(lib, b->bytes, &p, &signature);
        transcript_add(t, "%d, %zu left, %s", o.result, o.left, stats_text(&o.stats));
        outcome_free(&o);
        if (o.result == RS_DONE && header_block_len(b->bytes) == BLOCK_LEN)
            use_signature(lib, signature, b->old, t);
    } else {
        file_outcome f = file_load(lib, b->bytes, b->kind, &signature);
        transcript_add(t, "%d, at %ld, eof %d, %s", f.result, f.in_position[0], f.in_eof[0], stats_text(&f.stats));
        file_outcome_free(&f);
    }
    if (signature)
        lib->free_sumset(signature);
}

static void compare_load(broken_signature b) {
    transcript t[2] = {{.size = 0}, {.size = 0}};
    for (int i = 0; i < 2; i++)
        load_broken(both[i], &b, &t[i]);
    report_texts("load", t[0].text, t[1].text);
}

static void compare_loads(const rd_memory *old, const rd_memory *bytes, bool all_kinds) {
    broken_signature b = {.old = old, .bytes = bytes};
    for (; broken_pace(b.pace); b.pace++)
        compare_load(b);
    for (; b.kind < (all_kinds ? FILE_KINDS : FILE_SOUGHT); b.kind++)
        compare_load(b);
}

static void break_signature(const rd_memory *old, const rd_memory *whole, const char *name) {
    for (size_t size = 0; size <= whole->size; size++) {
        rd_memory cut = bytes_copy(whole->data, size);
        report_case("%s cut to %zu bytes", name, size);
        compare_loads(old, &cut, true);
        rd_memory_free(&cut);
    }
    rd_memory changed = bytes_copy(whole->data, whole->size);
    size_t number = 0;
    for (size_t at = 0; at < whole->size; at++) {
        for (unsigned turn = 0; next_value(whole->data[at], at < SIGNATURE_HEADER, turn, &changed.data[at]); turn++) {
            if (!sample_chosen(number++))
                continue;
            report_case("%s with byte %zu = 0x%02x", name, at, changed.data[at]);
            compare_loads(old, &changed, false);
        }
        changed.data[at] = whole->data[at];
    }
    rd_memory_free(&changed);
}

void test_broken_signatures(void **state) {
    static const size_t sizes[] = {0, 10, 200};
    random_source r = random_from(7);
    (void)state;
    report_start();
    for (size_t i = 0; i < SAMPLE_MAGICS * ITEMS(sizes); i++) {
        const sig_params params = {.magic = sample_magics[i % SAMPLE_MAGICS], .block_len = BLOCK_LEN, .strong_len = 16};
        rd_memory old = bytes_random(&r, sizes[i / SAMPLE_MAGICS], 256);
        pace p = pace_whole();
        outcome whole = drive_signature(&stock, &old, params, &p);
        char name[100];
        (void)snprintf(name, sizeof name, "signature %x of %zu bytes", (unsigned)params.magic, old.size);
        break_signature(&old, &whole.out, name);
        outcome_free(&whole);
        rd_memory_free(&old);
    }
    report_end();
}

/* ---- Deltas ------------------------------------------------------------------------------------------------------ */

enum { BASIS_SIZE = 300 };

static void put_number(rd_memory *made, uint64_t value, unsigned width) {
    for (unsigned i = width; i-- > 0;)
        append(made, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static rd_memory delta_new(void) {
    rd_memory made = {0};
    put_number(&made, RS_DELTA_MAGIC, 4);
    return made;
}

/* A literal whose length takes 1 << `width` bytes; of at most 64 bytes without a length, if `width` is negative. */
static void put_literal(random_source *r, rd_memory *made, int width, size_t size) {
    uint8_t data[256];
    random_fill(r, data, size, 256);
    put_number(made, width < 0 ? size : 0x41 + (unsigned)width, 1);
    if (width >= 0)
        put_number(made, size, 1u << width);
    append(made, data, size);
}

static void put_copy(rd_memory *made, unsigned offset_width, unsigned size_width, size_t offset, size_t size) {
    put_number(made, 0x45 + 4 * offset_width + size_width, 1);
    put_number(made, offset, 1u << offset_width);
    put_number(made, size, 1u << size_width);
}

static rd_memory all_literals(random_source *r) {
    rd_memory made = delta_new();
    put_literal(r, &made, -1, 1);
    put_literal(r, &made, -1, 3);
    put_literal(r, &made, -1, 64);
    for (int width = 0; width < 4; width++)
        put_literal(r, &made, width, 5);
    put_number(&made, 0, 1);
    return made;
}

static rd_memory all_copies(void) {
    rd_memory made = delta_new();
    for (unsigned i = 0; i < 16; i++)
        put_copy(&made, i / 4, i % 4, (size_t)17 * i, i < 15 ? 1 + i : 45); /* the last one ends with the basis */
    put_number(&made, 0, 1);
    return made;
}

/* With bytes after its END, which no reader may reject. */
static rd_memory mixture(random_source *r) {
    rd_memory made = delta_new();
    put_copy(&made, 0, 0, 10, 20);
    put_literal(r, &made, -1, 2);
    put_copy(&made, 0, 1, 30, 270);
    put_literal(r, &made, 1, 10);
    put_number(&made, 0, 1);
    append(&made, "more", 4);
    return made;
}

/* A library may leave bytes after END in `left` or not, so they are not compared; nor is output before a failure. */
static void patch_by_job(const library *lib, const rd_memory *basis, const rd_memory *delta, const pace *how,
                         transcript *t) {
    pace p = *how;
    outcome o = drive_patch(lib, basis, delta, &p);
    transcript_add(t, "%d", o.result);
    if (o.result == RS_DONE) {
        transcript_add(t, ", %zu left, %s: ", o.left, stats_text(&o.stats));
        transcript_bytes(t, &o.out);
    }
    outcome_free(&o);
}

static void patch_by_file(const library *lib, const rd_memory *basis, const rd_memory *delta, file_kind kind,
                          transcript *t) {
    file_outcome f = file_patch(lib, basis, delta, 0, kind, kind == FILE_PIPE ? FILE_PLAIN : kind);
    transcript_add(t, "%d", f.result);
    if (f.result == RS_DONE) {
        transcript_add(t, ", at %ld, basis at %ld, %s: ", f.in_position[0], f.in_position[1], stats_text(&f.stats));
        transcript_bytes(t, &f.out);
    }
    file_outcome_free(&f);
}

static void compare_patches(const rd_memory *basis, const rd_memory *delta, size_t kinds) {
    transcript t[2];
    for (unsigned i = 0; broken_pace(i); i++) {
        for (int side = 0; side < 2; side++) {
            t[side] = (transcript){.size = 0};
            patch_by_job(both[side], basis, delta, broken_pace(i), &t[side]);
        }
        report_texts(pace_text(broken_pace(i)), t[0].text, t[1].text);
    }
    for (size_t kind = 0; kind < kinds; kind++) {
        for (int side = 0; side < 2; side++) {
            t[side] = (transcript){.size = 0};
            patch_by_file(both[side], basis, delta, (file_kind)kind, &t[side]);
        }
        report_texts(file_kind_text((file_kind)kind), t[0].text, t[1].text);
    }
}

static void break_delta(const rd_memory *basis, const rd_memory *whole, const char *name) {
    for (size_t size = 0; size <= whole->size; size++) {
        rd_memory cut = bytes_copy(whole->data, size);
        report_case("%s cut to %zu bytes", name, size);
        compare_patches(basis, &cut, FILE_KINDS);
        rd_memory_free(&cut);
    }
    rd_memory changed = bytes_copy(whole->data, whole->size);
    size_t number = 0;
    for (size_t at = 0; at < whole->size; at++) {
        for (unsigned turn = 0; next_value(whole->data[at], true, turn, &changed.data[at]); turn++) {
            if (!sample_chosen(number++))
                continue;
            report_case("%s with byte %zu = 0x%02x", name, at, changed.data[at]);
            compare_patches(basis, &changed, number % 16 == 0);
        }
        changed.data[at] = whole->data[at];
    }
    rd_memory_free(&changed);
}

void test_broken_deltas(void **state) {
    random_source r = random_from(8);
    rd_memory basis = bytes_random(&r, BASIS_SIZE, 256);
    rd_memory deltas[] = {all_literals(&r), all_copies(), mixture(&r)};
    static const char *const names[] = {"literals", "copies", "mixture"};
    (void)state;
    report_start();
    for (size_t i = 0; i < ITEMS(deltas); i++) {
        break_delta(&basis, &deltas[i], names[i]);
        rd_memory_free(&deltas[i]);
    }
    rd_memory_free(&basis);
    report_end();
}
