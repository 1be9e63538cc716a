/*
 * When a job gives output. Some programs wait whenever a call gives them nothing (burp's server for a second), so our
 * longest run of calls without output must not be longer than stock's, for chunks and blocks of many sizes.
 */
#include "differential.h"
#include "report.h"
#include "samples.h"

enum { OLD_SIZE = 150000, SCATTERED = 40 };

typedef struct rhythm_files {
    rd_memory old;
    rd_memory news[5];
} rhythm_files;

static rd_memory rhythm_join(const rd_memory *a, const rd_memory *b) {
    rd_memory made = {0};
    append(&made, a->data, a->size);
    append(&made, b->data, b->size);
    return made;
}

/* Mostly copies, literals only, one copy, a mixture, and long literals after a copy. */
static rhythm_files rhythm_files_new(random_source *r) {
    rhythm_files f = {.old = bytes_random(r, OLD_SIZE + random_below(r, 3000), 256)};
    f.news[0] = bytes_edited(r, &f.old, OLD_SIZE, 256);
    f.news[1] = bytes_random(r, OLD_SIZE, 256);
    f.news[2] = bytes_copy(f.old.data, f.old.size);
    f.news[3] = rhythm_join(&f.news[0], &f.news[1]);
    f.news[4] = rhythm_join(&f.news[2], &f.news[1]);
    return f;
}

static void rhythm_files_free(rhythm_files *f) {
    rd_memory_free(&f->old);
    for (size_t i = 0; i < ITEMS(f->news); i++)
        rd_memory_free(&f->news[i]);
}

static void rhythm_compare(const char *what, outcome *o) {
    report_numbers(what, RS_DONE, o[0].result);
    report_numbers(what, RS_DONE, o[1].result);
    if (o[1].quiet > o[0].quiet)
        report_difference("%s: stock is silent for %zu calls, ours for %zu", what, o[0].quiet, o[1].quiet);
    outcome_free(&o[0]);
    outcome_free(&o[1]);
}

static rs_signature_t *rhythm_load(const library *lib, const rd_memory *signature) {
    rs_signature_t *loaded = NULL;
    pace whole = pace_whole();
    outcome o = drive_load(lib, signature, &whole, &loaded);
    report_numbers("load", RS_DONE, o.result);
    outcome_free(&o);
    return loaded;
}

static void rhythm_try_delta(const rhythm_files *f, rs_signature_t *const *loaded, const rd_memory *new_file, pace p) {
    outcome o[2];
    for (int i = 0; i < 2; i++) {
        pace own = p;
        o[i] = drive_delta(both[i], loaded[i], new_file, &own);
    }
    rd_memory delta = bytes_copy(o[0].out.data, o[0].out.size);
    rhythm_compare(loaded[0] ? "delta" : "slack delta", o);
    for (int i = 0; i < 2; i++) {
        pace own = p;
        o[i] = drive_patch(both[i], &f->old, &delta, &own);
    }
    rhythm_compare("patch", o);
    rd_memory_free(&delta);
}

/* All jobs over these files. */
static void rhythm_try(const rhythm_files *f, size_t block_len, pace p) {
    const sig_params params = {.magic = RS_RK_BLAKE2_SIG_MAGIC, .block_len = block_len, .strong_len = 12};
    rs_signature_t *loaded[2];
    rs_signature_t *const none[2] = {NULL, NULL};
    rs_signature_t *empty[2];
    const rd_memory nothing = {0};
    outcome o[2];
    report_case("blocks of %zu, %s", block_len, pace_text(&p));
    for (int i = 0; i < 2; i++) {
        pace own = p;
        o[i] = drive_signature(both[i], &f->old, params, &own);
        loaded[i] = rhythm_load(both[i], &o[i].out);
        pace whole = pace_whole();
        outcome of_nothing = drive_signature(both[i], &nothing, params, &whole);
        empty[i] = rhythm_load(both[i], &of_nothing.out);
        outcome_free(&of_nothing);
    }
    rhythm_compare("signature", o);
    for (size_t i = 0; i < ITEMS(f->news); i++)
        rhythm_try_delta(f, loaded, &f->news[i], p);
    rhythm_try_delta(f, none, &f->news[0], p);
    rhythm_try_delta(f, empty, &f->news[0], p);
    for (int i = 0; i < 2; i++) {
        both[i]->free_sumset(loaded[i]);
        both[i]->free_sumset(empty[i]);
    }
}

void test_rhythm(void **state) {
    static const size_t blocks[] = {64, 700, 1000, 2048, 5000, 16384, 70000, 600000};
    static const size_t pieces[] = {100, 512, 1000, 2048, 4095, 5000, 16384, 40000, 65536, 300000};
    (void)state;
    report_start();
    random_source r = random_from(5);
    rhythm_files f = rhythm_files_new(&r);
    for (size_t i = 0; i < ITEMS(blocks); i++) {
        for (size_t j = 0; j < ITEMS(pieces); j++) {
            rhythm_try(&f, blocks[i], (pace){.in = pieces[j], .out = PORTION_MAX, .end = END_WITH_LAST});
            rhythm_try(&f, blocks[i], (pace){.in = pieces[j], .out = PORTION_MAX, .end = END_AFTER});
            rhythm_try(&f, blocks[i], (pace){.in = pieces[j], .out = 4096, .end = END_AFTER});
        }
    }
    for (size_t i = 0; i < sample_count(SCATTERED); i++) {
        const size_t block_len = 16 + random_below(&r, 9000);
        rhythm_try(&f, block_len, (pace){.in = 100 + random_below(&r, 20000), .out = PORTION_MAX, .end = END_AFTER});
    }
    rhythm_files_free(&f);
    report_end();
}
