/*
 * Random pairs of files through all four operations of both libraries, each as a job of random pace and as a whole-file
 * function over random kinds of FILE.
 *
 *   - Signatures are the same bytes, whichever library, pace or FILE made them.
 *   - Each library loads the same signature with the same statistics, and makes a delta; both libraries patch both
 *     deltas to the same bytes with the same statistics. These bytes are the new file if the strong sums are long
 *     enough to protect against chance.
 *   - Our delta may be larger than stock's by DELTA_SLACK bytes and no more. But in files of few different bytes nearly
 *     all windows have the rollsum of some block, and the bound on strong sums that match nothing
 * (docs/architecture.md) now and then costs a match: FEW_LARGER in a thousand cases may have a larger delta because of
 * it, but never one of more than literals.
 */
#include "differential.h"
#include "report.h"
#include "samples.h"
#include "wholefile.h"

enum {
    CASES = 10000,
    SAFE_STRONG_LEN = 6, /* with 5 bytes and some 10^6 weak matches in a run, chance strikes once in 10^6 runs */
    DELTA_SLACK = 24,    /* two commands of the widest kind, and some more */
    FEW_BYTES = 3,
    FEW_LARGER = 2
};

static size_t few_larger; /* how many such cases there were */

typedef struct random_case {
    random_source random;
    sample sample;
    rd_memory signature;
    rs_signature_t *loaded[2];
    outcome delta[2];
} random_case;

static void compare_outcomes(const char *what, const outcome *a, const outcome *b) {
    report_numbers(what, a->result, b->result);
    report_bytes(what, &a->out, &b->out);
    report_texts(what, stats_text(&a->stats), stats_text(&b->stats));
}

static void compare_files(const char *what, const file_outcome *a, const file_outcome *b) {
    report_numbers(what, a->result, b->result);
    report_bytes(what, &a->out, &b->out);
    report_texts(what, stats_text(&a->stats), stats_text(&b->stats));
}

/*
 * The positions of the FILEs afterwards. A delta that exactly fills some of stock's buffers is read by stock without
 * seeing the end of its file, so the indicators are compared with the usual buffers only.
 */
static void compare_inputs(const char *what, const file_outcome *a, const file_outcome *b) {
    char text[2][200];
    const file_outcome *const sides[2] = {a, b};
    const bool usual = *stock.inbuflen == 0;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(text[i], sizeof text[i], "%s: input at %ld eof %d next %d, basis at %ld eof %d next %d", what,
                       sides[i]->in_position[0], usual && sides[i]->in_eof[0], sides[i]->in_next[0],
                       sides[i]->in_position[1], usual && sides[i]->in_eof[1], sides[i]->in_next[1]);
    }
    report_texts("where the FILEs stand", text[0], text[1]);
}

/* ---- Signatures -------------------------------------------------------------------------------------------------- */

static void signature_jobs(random_case *c) {
    const sample *const s = &c->sample;
    pace paces[2] = {pace_random(&c->random, s->old.size), pace_random(&c->random, s->old.size)};
    outcome a = drive_signature(&stock, &s->old, s->params, &paces[0]);
    outcome b = drive_signature(&ours, &s->old, s->params, &paces[1]);
    compare_outcomes("signature by job", &a, &b);
    c->signature = bytes_copy(a.out.data, a.out.size);
    outcome_free(&a);
    outcome_free(&b);
}

static void signature_files(random_case *c) {
    const sample *const s = &c->sample;
    const file_kind in = file_kind_random(&c->random);
    const file_kind out = file_kind_random(&c->random);
    file_outcome a = file_signature(&stock, &s->old, s->params, in, out);
    file_outcome b = file_signature(&ours, &s->old, s->params, in, out);
    char what[100];
    (void)snprintf(what, sizeof what, "signature by files %s to %s", file_kind_text(in), file_kind_text(out));
    compare_files(what, &a, &b);
    compare_inputs(what, &a, &b);
    if (s->params.block_len > 0 && s->params.strong_len != (size_t)-1) /* else they depend on the size */
        report_bytes("signature by files and by job", &c->signature, &b.out);
    file_outcome_free(&a);
    file_outcome_free(&b);
}

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

static void load_by_jobs(random_case *c) {
    outcome loads[2];
    for (int i = 0; i < 2; i++) {
        pace p = pace_random(&c->random, c->signature.size);
        loads[i] = drive_load(both[i], &c->signature, &p, &c->loaded[i]);
    }
    compare_outcomes("load by job", &loads[0], &loads[1]);
    outcome_free(&loads[0]);
    outcome_free(&loads[1]);
}

static void load_by_files(random_case *c) {
    file_outcome loads[2];
    const file_kind in = file_kind_random(&c->random);
    for (int i = 0; i < 2; i++)
        loads[i] = file_load(both[i], &c->signature, in, &c->loaded[i]);
    compare_files("load by file", &loads[0], &loads[1]);
    compare_inputs(file_kind_text(in), &loads[0], &loads[1]);
    file_outcome_free(&loads[0]);
    file_outcome_free(&loads[1]);
}

/* ---- Deltas ------------------------------------------------------------------------------------------------------ */

static outcome delta_made(random_case *c, int which) {
    const rd_memory *const new_file = &c->sample.new_file;
    if (random_below(&c->random, 2)) {
        pace p = pace_random(&c->random, new_file->size);
        return drive_delta(both[which], c->loaded[which], new_file, &p);
    }
    const file_kind in = file_kind_random(&c->random);
    const file_kind out = file_kind_random(&c->random);
    const file_outcome f = file_delta(both[which], c->loaded[which], new_file, in, out);
    return (outcome){.result = f.result, .stats = f.stats, .out = f.out};
}

/* What must hold for the statistics of a delta, whatever choices the library made. */
static void check_delta_stats(const char *name, const outcome *delta, size_t new_size) {
    const rs_stats_t *const s = &delta->stats;
    const rs_long_t commands = s->lit_cmdbytes + s->copy_cmdbytes;
    const bool counted = s->in_bytes != 0 || s->out_bytes != 0; /* by files */
    if (s->lit_bytes + s->copy_bytes != (rs_long_t)new_size ||
        4 + commands + s->lit_bytes + 1 != (rs_long_t)delta->out.size ||
        (counted && (s->in_bytes != (rs_long_t)new_size || s->out_bytes != (rs_long_t)delta->out.size)))
        report_difference("%s: a delta of %zu bytes for a file of %zu has the statistics %s", name, delta->out.size,
                          new_size, stats_text(s));
}

static bool has_few_bytes(const sample *s) {
    return s->alphabet <= FEW_BYTES && (s->params.magic == RS_MD4_SIG_MAGIC || s->params.magic == RS_BLAKE2_SIG_MAGIC);
}

static void compare_sizes(const random_case *c) {
    const size_t stock_size = c->delta[0].out.size;
    const size_t our_size = c->delta[1].out.size;
    const size_t new_size = c->sample.new_file.size;
    const size_t of_literals = new_size + 3 * (new_size / UINT16_MAX + 1);
    if (our_size <= stock_size + DELTA_SLACK)
        return;
    if (has_few_bytes(&c->sample) && our_size <= of_literals + DELTA_SLACK)
        few_larger++;
    else
        report_difference("our delta has %zu bytes, stock's %zu", our_size, stock_size);
}

static void deltas(random_case *c) {
    const random_source again = c->random; /* the same ways for both: the size of stock's delta depends on the chunks */
    for (int i = 0; i < 2; i++) {
        c->random = again;
        c->delta[i] = delta_made(c, i);
        check_delta_stats(both[i]->name, &c->delta[i], c->sample.new_file.size);
    }
    report_numbers("delta", c->delta[0].result, c->delta[1].result);
    report_texts("delta", c->delta[0].stats.op, c->delta[1].stats.op);
    compare_sizes(c);
}

/* ---- Patches ----------------------------------------------------------------------------------------------------- */

static outcome patch_made(random_case *c, const library *lib, const rd_memory *delta, file_outcome *file) {
    *file = (file_outcome){0};
    const sample *const s = &c->sample;
    if (random_below(&c->random, 2)) {
        pace p = pace_random(&c->random, delta->size + s->new_file.size);
        if (random_below(&c->random, 4) == 0)
            p.end = p.driven ? p.end : END_NEVER;
        return drive_patch(lib, &s->old, delta, &p);
    }
    const file_kind in = file_kind_random(&c->random);
    const file_kind out = file_kind_random(&c->random);
    *file = file_patch(lib, &s->old, delta, s->new_file.size, in, out);
    return (outcome){.result = file->result, .stats = file->stats, .out = file->out};
}

static void patches(random_case *c, int which, bool safe) {
    const rd_memory *const delta = &c->delta[which].out;
    file_outcome files[2];
    outcome patched[2];
    random_source again = c->random;
    patched[0] = patch_made(c, &stock, delta, &files[0]);
    c->random = again;
    patched[1] = patch_made(c, &ours, delta, &files[1]);
    char what[100];
    (void)snprintf(what, sizeof what, "patch with the delta of %s", both[which]->name);
    compare_outcomes(what, &patched[0], &patched[1]);
    compare_inputs(what, &files[0], &files[1]);
    report_numbers(what, RS_DONE, patched[1].result);
    if (safe)
        report_bytes(what, &c->sample.new_file, &patched[1].out);
    outcome_free(&patched[0]);
    outcome_free(&patched[1]);
}

/* ---- A case ------------------------------------------------------------------------------------------------------ */

/* The sizes of stock's buffers, on which only the size of a delta may depend. */
static void set_buffers(random_source *r) {
    const int in = random_below(r, 8) ? 0 : 1 + (int)random_below(r, 20000);
    const int out = random_below(r, 8) ? 0 : 1 + (int)random_below(r, 20000);
    for (int i = 0; i < 2; i++) {
        *both[i]->inbuflen = in;
        *both[i]->outbuflen = out;
    }
}

static void set_buffers_back(void) {
    for (int i = 0; i < 2; i++) {
        *both[i]->inbuflen = 0;
        *both[i]->outbuflen = 0;
    }
}

static void run_case(uint64_t seed, size_t number) {
    random_case c = {.random = random_from(seed + number * 0x51ed2701)};
    c.sample = sample_random(&c.random);
    const sig_params p = c.sample.params;
    report_case("case %zu of seed %llu: %zu to %zu bytes, %x block %zu strong %jd", number, (unsigned long long)seed,
                c.sample.old.size, c.sample.new_file.size, (unsigned)p.magic, p.block_len, (intmax_t)p.strong_len);
    set_buffers(&c.random);
    signature_jobs(&c);
    signature_files(&c);
    if (random_below(&c.random, 2))
        load_by_jobs(&c);
    else
        load_by_files(&c);
    deltas(&c);
    const bool safe = p.strong_len == 0 || p.strong_len >= SAFE_STRONG_LEN;
    for (int i = 0; i < 2; i++)
        patches(&c, i, safe);
    for (int i = 0; i < 2; i++) {
        outcome_free(&c.delta[i]);
        both[i]->free_sumset(c.loaded[i]);
    }
    rd_memory_free(&c.signature);
    sample_free(&c.sample);
}

/* REDELTA_CASE in the environment runs that one alone. */
void test_random_cases(void **state) {
    const uint64_t seed = sample_seed();
    const char *const only = getenv("REDELTA_CASE");
    (void)state;
    report_start();
    print_message("REDELTA_SEED=%llu\n", (unsigned long long)seed);
    if (only)
        run_case(seed, strtoul(only, NULL, 10));
    const size_t count = only ? 0 : sample_count(CASES);
    for (size_t i = 0; i < count; i++)
        run_case(seed, i);
    set_buffers_back();
    report_case("%zu cases", count);
    print_message("%zu deltas of files of few different bytes are larger\n", few_larger);
    if (few_larger > 3 + count * FEW_LARGER / 1000)
        report_difference("%zu deltas of files of few different bytes are larger", few_larger);
    report_end();
}
