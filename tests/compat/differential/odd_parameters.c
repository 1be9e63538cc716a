/*
 * Odd calls: parameters of a signature that are out of range, and jobs that have not run.
 */
#include "odd_calls.h"
#include "wholefile.h"

static const sig_params odd_params[] = {
    {RS_MD4_SIG_MAGIC, 100, 16},
    {RS_MD4_SIG_MAGIC, 100, 17},
    {RS_RK_MD4_SIG_MAGIC, 100, 32},
    {RS_BLAKE2_SIG_MAGIC, 100, 32},
    {RS_BLAKE2_SIG_MAGIC, 100, 33},
    {RS_RK_BLAKE2_SIG_MAGIC, 100, 1000},
    {RS_RK_BLAKE2_SIG_MAGIC, 100, (size_t)-2},
    {RS_DELTA_MAGIC, 100, 8},
    {(rs_magic_number)0, 100, 8},
    {(rs_magic_number)0, 0, 0},
    {(rs_magic_number)1, 100, 8},
    {(rs_magic_number)0x72730138, 100, 8},
    {(rs_magic_number)0x7fffffff, 100, 8},
    {RS_RK_MD4_SIG_MAGIC, 1, 1},
};

static guarded_fn signature_by_job;
static void signature_by_job(const library *lib, void *context, transcript *t) {
    const sig_params *const p = context;
    odd_setting s = odd_setting_new();
    rs_job_t *const job = lib->sig_begin(p->block_len, p->strong_len, p->magic);
    if (!job) {
        transcript_add(t, "no job");
        return;
    }
    pace how = pace_whole();
    outcome o = drive_job(lib, job, &s.old, &how);
    transcript_add(t, "%d ", o.result);
    transcript_bytes(t, &o.out);
    outcome_free(&o);
    odd_setting_free(&s);
}

static guarded_fn signature_by_file;
static void signature_by_file(const library *lib, void *context, transcript *t) {
    odd_setting s = odd_setting_new();
    file_outcome f = file_signature(lib, &s.old, *(const sig_params *)context, FILE_PLAIN, FILE_PLAIN);
    transcript_add(t, "%d at %ld ", f.result, f.in_position[0]);
    transcript_bytes(t, &f.out);
    file_outcome_free(&f);
    odd_setting_free(&s);
}

/* ---- Statistics of a job that has not run ------------------------------------------------------------------------ */

static guarded_fn fresh_statistics;
static void fresh_statistics(const library *lib, void *context, transcript *t) {
    rs_signature_t *loaded = NULL;
    odd_setting s = odd_setting_new();
    rs_job_t *const jobs[] = {lib->sig_begin(100, 8, RS_MD4_SIG_MAGIC), lib->loadsig_begin(&loaded),
                              lib->delta_begin(odd_loaded(lib, &s)), lib->delta_begin(NULL),
                              lib->patch_begin(copy_from_memory, &s.old)};
    (void)context;
    for (size_t i = 0; i < ITEMS(jobs); i++)
        transcript_add(t, "%s; ", stats_text(lib->job_statistics(jobs[i])));
}

void odd_parameters(void) {
    for (size_t i = 0; i < ITEMS(odd_params); i++) {
        sig_params p = odd_params[i];
        char name[100];
        (void)snprintf(name, sizeof name, "signature %x block %zu strong %zu", (unsigned)p.magic, p.block_len,
                       p.strong_len);
        odd_compare(name, signature_by_job, &p);
        odd_compare(name, signature_by_file, &p);
    }
    odd_compare("statistics of fresh jobs", fresh_statistics, NULL);
}
