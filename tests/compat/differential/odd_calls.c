/*
 * Calls that no careful program makes, and some that only careful programs make: each is a short script, run in a child
 * for either library, and the transcripts must be equal.
 *
 * A call that kills or hangs stock must only not kill or hang ours. Where ours does better on purpose, the script has
 * the transcript that is expected of ours.
 */
#include "odd_calls.h"
#include "differential.h"
#include "guard.h"
#include "report.h"

static bool died(const transcript *t) {
    return strstr(t->text, "killed by") || strstr(t->text, "exited with");
}

static bool run_ours(const char *name, guarded_fn *run, void *context, transcript *t) {
    report_case("%s", name);
    guarded(run, &ours, context, ODD_MEMORY, t);
    if (getenv("REDELTA_SHOW"))
        print_message("%s:\n    ours  %s\n", name, t->text);
    if (died(t))
        report_difference("ours %s", t->text);
    return !died(t);
}

void odd_compare(const char *name, guarded_fn *run, void *context) {
    transcript t[2];
    guarded(run, &stock, context, ODD_MEMORY, &t[0]);
    if (getenv("REDELTA_SHOW"))
        print_message("    stock %s\n", t[0].text);
    if (run_ours(name, run, context, &t[1]))
        report_texts("transcripts", t[0].text, t[1].text);
}

void odd_compare_exit(const char *name, guarded_fn *run, void *context, int status) {
    char expected[40];
    (void)snprintf(expected, sizeof expected, "exited with %d", status);
    for (int i = 0; i < 2; i++) {
        transcript t;
        report_case("%s, %s", name, both[i]->name);
        guarded(run, both[i], context, ODD_MEMORY, &t);
        if (strcmp(t.text, expected) != 0)
            report_difference("not %s: %s", expected, t.text);
    }
}

void odd_expect(const char *name, guarded_fn *run, void *context, const char *expected) {
    transcript t;
    if (run_ours(name, run, context, &t) && expected)
        report_texts("what is expected, and what ours does", expected, t.text);
}

rs_result odd_step(const library *lib, rs_job_t *job, rs_buffers_t *buffers, transcript *t) {
    const rs_buffers_t before = *buffers;
    const rs_result result = lib->job_iter(job, buffers);
    transcript_add(t, "[%zu%s >%zu] %d; ", before.avail_in, before.eof_in ? "e" : "", before.avail_out, result);
    return result;
}

/* ---- Jobs of every kind, by the same scripts --------------------------------------------------------------------- */

enum { ALL = 1000000, ROOM = 100000, STEPS = 6 };

typedef struct script {
    const char *name;
    bool garbage; /* the input is of another kind than the job */
    struct {
        size_t in;
        int eof;
        size_t out;
    } steps[STEPS];
    size_t count;
} script;

static const script scripts[] = {
    {"nothing", false, {{0, 0, 0}, {0, 0, 0}}, 2},
    {"room only", false, {{0, 0, ROOM}, {0, 0, ROOM}}, 2},
    {"end only", false, {{0, 1, ROOM}, {0, 1, ROOM}}, 2},
    {"end without room", false, {{0, 1, 0}, {0, 1, 0}, {0, 1, ROOM}, {0, 1, ROOM}}, 4},
    {"end without room for all", false, {{ALL, 1, 1}, {ALL, 1, 1}, {ALL, 1, ROOM}}, 3},
    {"after the end", false, {{ALL, 1, ROOM}, {0, 1, ROOM}, {5, 1, ROOM}}, 3},
    {"after the end without room", false, {{ALL, 1, ROOM}, {0, 0, 0}, {5, 0, 0}}, 3},
    {"all without room", false, {{ALL, 1, 0}, {ALL, 1, 0}, {ALL, 1, ROOM}, {0, 1, ROOM}}, 4},
    {"in two pieces", false, {{3, 0, ROOM}, {ALL, 0, ROOM}, {0, 1, ROOM}, {0, 1, ROOM}}, 4},
    {"end too early", false, {{3, 1, ROOM}, {ALL, 1, ROOM}, {0, 1, ROOM}}, 3},
    {"end taken back", false, {{3, 1, 0}, {0, 0, ROOM}, {ALL, 1, ROOM}, {0, 1, ROOM}}, 4},
    {"no end", false, {{ALL, 0, ROOM}, {0, 0, ROOM}, {0, 0, ROOM}, {0, 1, ROOM}}, 4},
    {"garbage", true, {{ALL, 1, ROOM}, {0, 1, ROOM}, {5, 1, ROOM}}, 3},
    {"garbage in pieces", true, {{3, 0, ROOM}, {3, 0, ROOM}, {ALL, 0, ROOM}, {0, 1, ROOM}}, 4},
    {"end of garbage", true, {{2, 1, ROOM}, {0, 1, ROOM}, {ALL, 1, ROOM}}, 3},
};

typedef enum job_kind { SIGNATURE, LOAD, DELTA, SLACK_DELTA, PATCH, KINDS } job_kind;

static const char *const kind_names[KINDS] = {"signature", "load", "delta", "delta of no signature", "patch"};

typedef struct scene {
    const script *script;
    job_kind kind;
} scene;

static rd_memory script_input(const odd_setting *s, const scene *c) {
    static const char garbage[] = "certainly nothing that a library made";
    if (c->script->garbage)
        return bytes_copy(garbage, sizeof garbage);
    const rd_memory *const inputs[KINDS] = {&s->old, &s->signature, &s->new_file, &s->new_file, &s->delta};
    return bytes_copy(inputs[c->kind]->data, inputs[c->kind]->size);
}

static rs_job_t *script_job(const library *lib, odd_setting *s, job_kind kind, rs_signature_t **loaded) {
    switch (kind) {
    case SIGNATURE: return lib->sig_begin(ODD_BLOCK_LEN, 8, RS_MD4_SIG_MAGIC);
    case LOAD: return lib->loadsig_begin(loaded);
    case DELTA: *loaded = odd_loaded(lib, s); return lib->delta_begin(*loaded);
    case SLACK_DELTA: return lib->delta_begin(NULL);
    default: return lib->patch_begin(copy_from_memory, &s->old);
    }
}

/* Deltas may differ; what stock makes of them may not. */
static void patch_made(const odd_setting *s, const rd_memory *delta, transcript *t) {
    pace p = pace_whole();
    outcome o = drive_patch(&stock, &s->old, delta, &p);
    transcript_add(t, "patch %d, ", o.result);
    transcript_bytes(t, &o.out);
    outcome_free(&o);
}

/*
 * How much a step takes and gives is up to the library as long as nothing is lost; the sums must agree. After a failure
 * the rest of the script runs, but its results, which make little sense in stock, do not count.
 */
static guarded_fn run_script;
static void run_script(const library *lib, void *context, transcript *t) {
    const scene *const c = context;
    odd_setting s = odd_setting_new();
    rs_signature_t *loaded = NULL;
    rs_job_t *const job = script_job(lib, &s, c->kind, &loaded);
    rd_memory in = script_input(&s, c);
    uint8_t *const room = bytes_new(ROOM);
    rs_buffers_t b = {.next_in = (char *)in.data};
    rd_memory made = {0};
    bool failed = false;
    for (size_t i = 0; i < c->script->count; i++) {
        const size_t taken = (size_t)((uint8_t *)b.next_in - in.data);
        b.avail_in = c->script->steps[i].in < in.size - taken ? c->script->steps[i].in : in.size - taken;
        b.eof_in = c->script->steps[i].eof;
        b.next_out = (char *)room;
        b.avail_out = c->script->steps[i].out;
        if (!failed)
            failed = odd_step(lib, job, &b, t) >= RS_IO_ERROR;
        else
            (void)lib->job_iter(job, &b);
        append(&made, room, c->script->steps[i].out - b.avail_out);
    }
    if (!failed)
        transcript_add(t, "took %zu; ", (size_t)((uint8_t *)b.next_in - in.data));
    if (!failed && c->kind != DELTA && c->kind != SLACK_DELTA)
        transcript_bytes(t, &made);
    else if (!failed)
        patch_made(&s, &made, t);
    transcript_add(t, "free %d; ", lib->job_free(job));
    if (loaded)
        lib->free_sumset(loaded);
    transcript_add(t, "freed");
    free(room);
    rd_memory_free(&made);
    rd_memory_free(&in);
    odd_setting_free(&s);
}

static void run_scripts(void) {
    for (size_t i = 0; i < ITEMS(scripts); i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            scene c = {.script = &scripts[i], .kind = (job_kind)kind};
            char name[100];
            (void)snprintf(name, sizeof name, "%s, %s", kind_names[kind], scripts[i].name);
            odd_compare(name, run_script, &c);
        }
    }
}

/* ---- The setting ------------------------------------------------------------------------------------------------- */

odd_setting odd_setting_new(void) {
    random_source r = random_from(99);
    odd_setting s = {.old = bytes_random(&r, 250, 256)};
    pace p = pace_whole();
    const sig_params params = {.magic = RS_MD4_SIG_MAGIC, .block_len = ODD_BLOCK_LEN, .strong_len = 8};
    s.new_file = bytes_edited(&r, &s.old, 270, 256);
    s.signature = drive_signature(&stock, &s.old, params, &p).out;
    rs_signature_t *const loaded = odd_loaded(&stock, &s);
    s.delta = drive_delta(&stock, loaded, &s.new_file, &p).out;
    stock.free_sumset(loaded);
    return s;
}

void odd_setting_free(odd_setting *s) {
    rd_memory_free(&s->old);
    rd_memory_free(&s->new_file);
    rd_memory_free(&s->signature);
    rd_memory_free(&s->delta);
}

rs_signature_t *odd_loaded(const library *lib, const odd_setting *s) {
    rs_signature_t *loaded = NULL;
    pace p = pace_whole();
    assert_int_equal(drive_load(lib, &s->signature, &p, &loaded).result, RS_DONE);
    return loaded;
}

void test_odd_calls(void **state) {
    (void)state;
    report_start();
    run_scripts();
    odd_parameters();
    odd_signatures();
    odd_drives();
    odd_patches();
    odd_files();
    report_end();
}
