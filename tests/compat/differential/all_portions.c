/*
 * Every combination of input and output chunks, and of the ways to call a job and to signal its end, for each kind of
 * job and both libraries.
 */
#include "differential.h"
#include "report.h"
#include "samples.h"

enum { SMALL = 90000, LARGE = 1300000 /* more than the largest chunk */, SLACK = 24 };

typedef struct setting {
    rd_memory old;
    rd_memory new_file;
    rd_memory signature;
    rs_signature_t *loaded[2];
    rd_memory delta;
} setting;

static const sig_params params = {.magic = RS_RK_BLAKE2_SIG_MAGIC, .block_len = 1000, .strong_len = 12};

static setting setting_new(size_t size) {
    random_source r = random_from(size);
    setting s = {.old = bytes_random(&r, size, 256)};
    s.new_file = bytes_edited(&r, &s.old, size + 3000, 256);
    pace p = pace_whole();
    s.signature = drive_signature(&stock, &s.old, params, &p).out;
    for (int i = 0; i < 2; i++)
        assert_int_equal(drive_load(both[i], &s.signature, &p, &s.loaded[i]).result, RS_DONE);
    s.delta = drive_delta(&stock, s.loaded[0], &s.new_file, &p).out;
    return s;
}

static void setting_free(setting *s) {
    for (int i = 0; i < 2; i++)
        both[i]->free_sumset(s->loaded[i]);
    rd_memory_free(&s->old);
    rd_memory_free(&s->new_file);
    rd_memory_free(&s->signature);
    rd_memory_free(&s->delta);
}

static void try_signature(const library *lib, const setting *s, pace p) {
    outcome o = drive_signature(lib, &s->old, params, &p);
    report_numbers("signature", RS_DONE, o.result);
    report_bytes("signature", &s->signature, &o.out);
    outcome_free(&o);
}

static void try_load(const library *lib, const setting *s, pace p) {
    rs_signature_t *loaded = NULL;
    outcome o = drive_load(lib, &s->signature, &p, &loaded);
    report_numbers("load", RS_DONE, o.result);
    report_numbers("blocks", (intmax_t)(s->signature.size - 12) / 16, o.stats.sig_blocks);
    lib->free_sumset(loaded);
    outcome_free(&o);
}

static void try_patch(const library *lib, const setting *s, const rd_memory *delta, pace p) {
    outcome o = drive_patch(lib, &s->old, delta, &p);
    report_numbers("patch", RS_DONE, o.result);
    report_bytes("patch", &s->new_file, &o.out);
    outcome_free(&o);
}

/* Returns the size of the delta, which stock must be able to apply. */
static size_t try_delta(const library *lib, const setting *s, pace p) {
    outcome o = drive_delta(lib, s->loaded[lib == &ours], &s->new_file, &p);
    const size_t size = o.out.size;
    report_numbers("delta", RS_DONE, o.result);
    try_patch(&stock, s, &o.out, pace_whole());
    outcome_free(&o);
    return size;
}

static void try_pace(const setting *s, pace p) {
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        report_case("%s, %zu bytes, %s", both[i]->name, s->old.size, pace_text(&p));
        try_signature(both[i], s, p);
        try_load(both[i], s, p);
        sizes[i] = try_delta(both[i], s, p);
        try_patch(both[i], s, &s->delta, p);
    }
    if (sizes[1] > sizes[0] + SLACK)
        report_difference("our delta has %zu bytes, stock's %zu", sizes[1], sizes[0]);
}

static void try_combination(const setting *s, size_t in, size_t out) {
    try_pace(s, (pace){.in = in, .out = out, .end = END_WITH_LAST});
    try_pace(s, (pace){.in = in, .out = out, .end = END_AFTER, .refill = 9});
    try_pace(s, (pace){.in = in, .out = out, .end = END_WITH_LAST, .driven = true});
}

/* Small chunks go with a small file: with chunks of one byte it takes as many calls as it has bytes. */
void test_all_portions(void **state) {
    (void)state;
    report_start();
    setting small = setting_new(sample_count(SMALL));
    setting large = setting_new(LARGE);
    for (size_t i = 0; i < PORTION_COUNT; i++) {
        for (size_t j = 0; j < PORTION_COUNT; j++)
            try_combination(portions[i] < 4095 || portions[j] < 4095 ? &small : &large, portions[i], portions[j]);
    }
    setting_free(&small);
    setting_free(&large);
    report_end();
}
