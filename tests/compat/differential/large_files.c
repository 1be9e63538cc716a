/*
 * Files of some MiB through the whole-file functions, which ours works on with all threads: the same signature, a delta
 * that is no larger, and the new file again, from either library's delta by either library.
 */
#include "differential.h"
#include "report.h"
#include "samples.h"
#include "wholefile.h"

enum { EDITS = 200, EDIT_MAX = 3000, DELTA_SLACK = 24 };

typedef struct large {
    rd_memory old;
    rd_memory new_file;
    rd_memory signature;
    rd_memory deltas[2];
} large;

/* Some bytes changed, some moved by insertions or deletions before them. */
static rd_memory edited(random_source *r, const rd_memory *old) {
    rd_memory made = {0};
    size_t at = 0;
    for (int i = 0; i < EDITS && at < old->size; i++) {
        uint8_t more[EDIT_MAX];
        const size_t kept = random_below(r, 1 + 2 * old->size / EDITS);
        const size_t size = random_below(r, sizeof more);
        random_fill(r, more, size, 256);
        append(&made, old->data + at, kept < old->size - at ? kept : old->size - at);
        append(&made, more, size);
        at += kept + (random_below(r, 2) ? size : random_below(r, EDIT_MAX));
    }
    if (at < old->size)
        append(&made, old->data + at, old->size - at);
    return made;
}

static void signatures(large *l, sig_params params, file_kind kind) {
    file_outcome made[2];
    for (int i = 0; i < 2; i++)
        made[i] = file_signature(both[i], &l->old, params, kind, kind);
    report_numbers("signature", made[0].result, made[1].result);
    report_bytes("signature", &made[0].out, &made[1].out);
    report_texts("signature", stats_text(&made[0].stats), stats_text(&made[1].stats));
    l->signature = made[0].out;
    file_outcome_free(&made[1]);
}

static void deltas(large *l, file_kind kind) {
    for (int i = 0; i < 2; i++) {
        rs_signature_t *loaded = NULL;
        file_outcome load = file_load(both[i], &l->signature, kind, &loaded);
        file_outcome made = file_delta(both[i], loaded, &l->new_file, kind, kind);
        report_numbers("load", RS_DONE, load.result);
        report_numbers("delta", RS_DONE, made.result);
        l->deltas[i] = made.out;
        both[i]->free_sumset(loaded);
        file_outcome_free(&load);
    }
    if (l->deltas[1].size > l->deltas[0].size + DELTA_SLACK)
        report_difference("our delta has %zu bytes, stock's %zu", l->deltas[1].size, l->deltas[0].size);
}

static void patches(const large *l, const rd_memory *delta, file_kind kind) {
    for (int i = 0; i < 2; i++) {
        file_outcome made = file_patch(both[i], &l->old, delta, l->new_file.size, kind, kind);
        report_numbers(both[i]->name, RS_DONE, made.result);
        report_bytes(both[i]->name, &l->new_file, &made.out);
        file_outcome_free(&made);
    }
}

static void run_large(size_t size, sig_params params, file_kind kind) {
    random_source r = random_from(sample_seed() + size);
    large l = {.old = bytes_random(&r, size, 256)};
    l.new_file = edited(&r, &l.old);
    report_case("%zu bytes, %x block %zu, %s", size, (unsigned)params.magic, params.block_len, file_kind_text(kind));
    signatures(&l, params, kind);
    deltas(&l, kind);
    patches(&l, &l.deltas[0], kind);
    patches(&l, &l.deltas[1], kind);
    rd_memory_free(&l.old);
    rd_memory_free(&l.new_file);
    rd_memory_free(&l.signature);
    rd_memory_free(&l.deltas[0]);
    rd_memory_free(&l.deltas[1]);
}

void test_large_files(void **state) {
    static const size_t sizes[] = {12345678, 16 << 20};
    static const size_t block_lens[] = {0, 1000, 70000};
    (void)state;
    report_start();
    for (size_t i = 0; i < SAMPLE_MAGICS * ITEMS(block_lens); i++) {
        const sig_params params = {sample_magics[i % SAMPLE_MAGICS], block_lens[i / SAMPLE_MAGICS], 12};
        if (sample_chosen(i))
            run_large(sizes[i % ITEMS(sizes)], params, i % 3 ? FILE_PLAIN : FILE_STARTED);
    }
    report_end();
}
