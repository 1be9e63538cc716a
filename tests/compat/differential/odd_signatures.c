/*
 * Odd calls: loaded signatures in every state that a program can leave them in.
 */
#include "odd_calls.h"
#include "wholefile.h"

typedef struct load_case {
    size_t size; /* bytes of the signature that are given */
    int eof;
    bool job_freed_first;
    bool indexed;
    bool used;
} load_case;

/* Loads `size` bytes in one step, and uses the result as the case says. */
static guarded_fn load_part;
static void load_part(const library *lib, void *context, transcript *t) {
    const load_case *const c = context;
    odd_setting s = odd_setting_new();
    rs_signature_t *loaded = NULL;
    rs_job_t *const job = lib->loadsig_begin(&loaded);
    rs_buffers_t b = {.next_in = (char *)s.signature.data, .avail_in = c->size, .eof_in = c->eof};
    transcript_add(t, "%s; ", loaded ? "there at once" : "not there yet");
    (void)odd_step(lib, job, &b, t);
    transcript_add(t, "%s; ", loaded ? "there" : "not there");
    if (c->job_freed_first)
        transcript_add(t, "free %d; ", lib->job_free(job));
    if (c->indexed)
        transcript_add(t, "index %d; ", lib->build_hash_table(loaded));
    if (c->used) {
        pace p = pace_whole();
        outcome o = drive_delta(lib, loaded, &s.new_file, &p);
        outcome patched = drive_patch(&stock, &s.old, &o.out, &p);
        transcript_add(t, "delta %d, patch %d ", o.result, patched.result);
        transcript_bytes(t, &patched.out);
    }
    lib->free_sumset(loaded);
    if (!c->job_freed_first)
        transcript_add(t, "free %d; ", lib->job_free(job));
}

static guarded_fn indexed_twice, freed_before_job, shared, delta_of_huge;

static void indexed_twice(const library *lib, void *context, transcript *t) {
    odd_setting s = odd_setting_new();
    rs_signature_t *const loaded = odd_loaded(lib, &s);
    (void)context;
    transcript_add(t, "%d; ", lib->build_hash_table(loaded));
    pace p = pace_whole();
    outcome o = drive_delta(lib, loaded, &s.new_file, &p);
    outcome patched = drive_patch(&stock, &s.old, &o.out, &p);
    transcript_add(t, "delta %d, patch %d ", o.result, patched.result);
    transcript_bytes(t, &patched.out);
    lib->free_sumset(loaded);
}

/* The signature is freed before the job that used it. */
static void freed_before_job(const library *lib, void *context, transcript *t) {
    static char room[10000];
    odd_setting s = odd_setting_new();
    rs_signature_t *const loaded = odd_loaded(lib, &s);
    rs_job_t *const job = lib->delta_begin(loaded);
    rs_buffers_t b = {.next_in = (char *)s.new_file.data,
                      .avail_in = s.new_file.size,
                      .eof_in = 1,
                      .next_out = room,
                      .avail_out = sizeof room};
    (void)context;
    transcript_add(t, "%d; ", lib->job_iter(job, &b));
    lib->free_sumset(loaded);
    transcript_add(t, "%d %s", lib->job_free(job), "freed");
}

/* Two jobs in turns on one signature. */
static void shared(const library *lib, void *context, transcript *t) {
    static char room[2][10000];
    odd_setting s = odd_setting_new();
    rs_signature_t *const loaded = odd_loaded(lib, &s);
    rs_job_t *const jobs[2] = {lib->delta_begin(loaded), lib->delta_begin(loaded)};
    rd_memory made[2];
    rs_result results[2] = {RS_BLOCKED, RS_BLOCKED};
    rs_buffers_t b[2];
    (void)context;
    for (int i = 0; i < 2; i++)
        b[i] = (rs_buffers_t){.next_in = (char *)s.new_file.data, .next_out = room[i], .avail_out = sizeof room[i]};
    for (size_t at = 0; at <= s.new_file.size; at++) {
        for (int i = 0; i < 2 && results[i] == RS_BLOCKED; i++) {
            b[i].avail_in += at < s.new_file.size;
            b[i].eof_in = at == s.new_file.size;
            results[i] = lib->job_iter(jobs[i], &b[i]);
        }
    }
    for (int i = 0; i < 2; i++) {
        pace p = pace_whole();
        made[i] = bytes_copy(room[i], sizeof room[i] - b[i].avail_out);
        outcome patched = drive_patch(&stock, &s.old, &made[i], &p);
        transcript_add(t, "%d, patch %d ", results[i], patched.result);
        transcript_bytes(t, &patched.out);
        (void)lib->job_free(jobs[i]);
    }
    lib->free_sumset(loaded);
}

/* Stock wants room for a block and aborts; ours needs none. */
static void delta_of_huge(const library *lib, void *context, transcript *t) {
    odd_setting s = odd_setting_new();
    const uint32_t block_len = *(const uint32_t *)context;
    for (unsigned i = 0; i < 4; i++)
        s.signature.data[4 + i] = (uint8_t)(block_len >> (24 - 8 * i));
    rs_signature_t *const loaded = odd_loaded(lib, &s);
    pace p = pace_whole();
    file_outcome f = file_delta(lib, loaded, &s.new_file, FILE_PLAIN, FILE_PLAIN);
    outcome patched = drive_patch(&stock, &s.old, &f.out, &p);
    transcript_add(t, "delta %d, patch %d, %s", f.result, patched.result,
                   patched.out.size == s.new_file.size ? "as long as the new file" : "of another length");
    lib->free_sumset(loaded);
}

void odd_signatures(void) {
    static const load_case cases[] = {
        {0, 0, false, false, false},  {0, 1, false, false, false}, {3, 0, false, false, false},
        {12, 0, false, false, false}, {12, 1, false, true, true},  {12, 1, true, true, true},
        {12, 0, true, true, true},    {20, 0, true, false, false}, {20, 1, true, false, false},
        {96, 1, false, true, true},   {96, 0, true, true, true},   {48, 1, true, true, true},
        {50, 1, false, false, false}, {20, 0, true, true, false},
    };
    static const load_case not_indexed = {96, 1, true, false, true};
    static const uint32_t lengths[] = {1u << 28, 1u << 30, 0x7fffffff};
    for (size_t i = 0; i < ITEMS(cases); i++) {
        load_case c = cases[i];
        char name[160];
        (void)snprintf(name, sizeof name, "loading %zu bytes%s%s%s%s", c.size, c.eof ? ", eof" : "",
                       c.job_freed_first ? ", job freed first" : "", c.indexed ? ", indexed" : "",
                       c.used ? ", used" : "");
        odd_compare(name, load_part, &c);
    }
    load_case c = not_indexed;
    odd_expect("delta of a signature that is not indexed", load_part, &c, NULL); /* stock aborts */
    odd_compare("signature indexed twice", indexed_twice, NULL);
    odd_compare("signature freed before the delta job", freed_before_job, NULL);
    odd_compare("signature shared by jobs", shared, NULL);
    for (size_t i = 0; i < ITEMS(lengths); i++) {
        uint32_t block_len = lengths[i];
        odd_expect("delta of a huge block length", delta_of_huge, &block_len,
                   "delta 0, patch 0, as long as the new file");
    }
}
